"""`python -m mimo`."""

from mimo.cli import main

main()
