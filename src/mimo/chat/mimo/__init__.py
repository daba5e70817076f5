"""MiMo's own chat format."""
