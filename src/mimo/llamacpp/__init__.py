"""llama.cpp's C API through ctypes, and the header of GGUF files."""
