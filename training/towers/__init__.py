"""Nano's tower for images: MiMo's own shape (`mimovl`), trained on pictures drawn here, the language frozen."""
