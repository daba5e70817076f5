"""The HTTP side: an ASGI app over any engine. Knows the wire formats; knows no engine and computes nothing."""
