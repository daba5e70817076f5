"""Traffic of every kind against one server, and what it leaves behind: `make soak`."""
