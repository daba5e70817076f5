"""Any OpenAI-compatible API."""
