"""Files and batches: many requests in one file, answered when nobody else wants the engine."""
