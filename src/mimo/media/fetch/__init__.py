"""Fetching what a client names by URL, from public addresses only. Nothing else reads a URL of a client's."""
