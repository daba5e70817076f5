"""Measurements of the whole, side by side with others: `make bench`. The page they write is docs/benchmarks.md."""
