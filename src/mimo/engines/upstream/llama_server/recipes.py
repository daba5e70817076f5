"""How llama-server is started on a GGUF."""

from __future__ import annotations

from mimo.engines.upstream.recipes import Recipe

RECIPES: tuple[Recipe, ...] = (
    Recipe("llama-server", "any GGUF", "", ("llama-server", "-m", "{model}", "--port", "{port}", "--jinja"),
           source="llama.cpp pull requests 18328, 22493, 29257"),
)  # fmt: skip
