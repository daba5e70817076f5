"""Fetching what a client names by URL, from public addresses only. The rest of the house reads no URL of a client's."""
