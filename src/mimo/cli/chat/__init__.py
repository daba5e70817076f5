"""Talking to a model from a terminal or a pipe: every question goes to a server, if need be one of our own."""
