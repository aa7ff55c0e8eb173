"""`python -m streams` is `adloom`."""

from streams.commands.cli import main

main()
