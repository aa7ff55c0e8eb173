"""`python -m streams` is `adloom`."""

from streams.cli import main

main()
