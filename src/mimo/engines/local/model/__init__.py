"""A model in memory: what its file asks for, what it takes, and llama.cpp's calls."""
