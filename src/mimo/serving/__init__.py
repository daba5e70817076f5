"""The process: start an engine, listen, run workers, stop."""
