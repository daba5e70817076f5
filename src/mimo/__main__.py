"""`python -m mimo`."""

from mimo.cli.main import main

main()
