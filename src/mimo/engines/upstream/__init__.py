"""Engines over HTTP: vLLM, SGLang, llama-server by their raw routes, hosted APIs by their chat route."""
