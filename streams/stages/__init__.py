"""The stages of the flow: a folder each, found by their declarations."""

from importlib import import_module
from pkgutil import iter_modules

from streams.engine.declaration import Declaration, State
from streams.errors import ConfigurationError
from streams.kafka.topics import TOPICS
from streams.settings import Settings


def names() -> list[str]:
    """Return the names of all stages, in alphabetical order; imports none of them."""
    return sorted(module.name for module in iter_modules(__path__))


def declared(name: str) -> Declaration:
    """Return the declaration of one stage; imports no other.

    Raises:
        ConfigurationError: its folder declares no stage of this name.
    """
    stage = getattr(import_module(f"{__name__}.{name}"), "STAGE", None)
    if not isinstance(stage, Declaration) or stage.name != name:
        raise ConfigurationError(
            f"streams/stages/{name}: expected STAGE = Declaration(name={name!r}, ...) "
            f"in its __init__.py, got {stage!r}"
        )
    return stage


def catalogue() -> list[Declaration]:
    """Return all declarations in the order of the flow: by what they write first."""
    order = [topic.record for topic in TOPICS]
    return sorted(
        map(declared, names()),
        key=lambda stage: min(map(order.index, stage.outputs), default=len(order)),
    )


def changelogs(settings: Settings) -> list[str]:
    """Return the topics that keep state and are no topics of the contract."""
    return [
        changelog
        for stage in catalogue()
        if stage.state is State.CHANGELOG
        if (changelog := stage.changelog(settings))
    ]
