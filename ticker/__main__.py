"""`python -m ticker` is the same program as `ticker`."""

from ticker.cli import main

main()
