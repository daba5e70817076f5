"""Upstreams that take token ids and return raw text."""
