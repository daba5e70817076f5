"""Continuous batching: `scheduler.py` is the loop, the other files what it does in a round."""
