"""Work that nobody may trust, in a process of its own: `process.py` is our end, `worker.py` the other."""
