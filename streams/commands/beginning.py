"""What commands share: how they begin, and the option `--json`."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def loaded() -> "Settings":
    """Read the settings; imported here because parsing them takes a while to load."""
    from streams import settings

    return settings.load()


def service() -> "Settings":
    """Begin a process that runs until it is told to stop: settings and logs."""
    from streams.runtime import logs

    logs.configure()
    return loaded()
