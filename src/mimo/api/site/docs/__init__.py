"""GET /docs: the reference as a page."""
