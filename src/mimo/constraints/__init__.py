"""Before the draw: which tokens may come next."""
