"""MiMo's form of tool calls."""
