"""The JSON Schema of tools and response formats: what is supported, and its references."""
