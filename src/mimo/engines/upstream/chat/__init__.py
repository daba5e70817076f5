"""Upstreams that take messages."""
