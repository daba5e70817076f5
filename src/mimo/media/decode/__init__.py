"""Files of images, sounds and films → pixels and samples, in a process of their own (`decoder.py`, `worker.py`)."""
