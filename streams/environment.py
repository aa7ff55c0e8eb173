"""Environment and `.env`: misspelt variables refused, secrets read from files."""

import difflib
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from dotenv import dotenv_values
from pydantic import ValidationError

from streams.errors import ConfigurationError

_KUBERNETES_LINK = re.compile(
    r"\w+_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP)(_\w+)?)?)"
)
"""Kubernetes sets these for a Service of the name `kafka`: nobody's mistake."""

_LINKED_PORT = re.compile(r"(tcp|udp)://.*")


def variables() -> dict[str, str]:
    """Return what is set; the environment comes before `.env`."""
    dotenv = {name: value or "" for name, value in dotenv_values(".env").items()}
    return {**dotenv, **os.environ}


def refuse_unknown(prefixes: tuple[str, ...], known: Collection[str]) -> None:
    """Refuse a variable with one of the prefixes that says nothing to us.

    A misspelt KAFKA_SECURITY_PROTOCOL would send passwords in the clear.

    Raises:
        ConfigurationError: names all of them, each with the nearest known one.
    """
    problems = [
        f"{name}: not known; nearest: "
        + difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)[0]
        for name, value in sorted(variables().items())
        if name.startswith(prefixes)
        and name not in known
        and not _is_of_kubernetes(name, value)
    ]
    if problems:
        raise wrong_settings(problems)


def _is_of_kubernetes(name: str, value: str) -> bool:
    """Tell its `CLICKHOUSE_PORT=tcp://10.0.0.7:8123` from somebody's `8123`."""
    if not _KUBERNETES_LINK.fullmatch(name):
        return False
    whole_port = re.fullmatch(r"[A-Z]+_PORT", name)
    return whole_port is None or _LINKED_PORT.fullmatch(value) is not None


def secrets_from_files(names: Iterable[str]) -> dict[str, str]:
    """Return the secrets that `<name>_FILE` gives in place of `<name>`.

    Raises:
        ConfigurationError: both are set, or a file cannot be read.
    """
    environment = variables()
    found = {}
    for name in names:
        path = environment.get(f"{name}_FILE")
        if path is None:
            continue
        if environment.get(name):
            raise ConfigurationError(
                f"{name} and {name}_FILE are both set: expected one; unset the other"
            )
        found[name] = text_of(f"{name}_FILE", path)
    return found


def text_of(variable: str, path: str | Path) -> str:
    """Return what the file that a variable names holds, without blanks around it.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{variable}: cannot read {path}: {error}") from error


def refused_values(error: ValidationError) -> ConfigurationError:
    """Return one error that names every wrong value."""
    return wrong_settings(
        [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}, "
            f"got {problem['input']!r}"
            for problem in error.errors()
        ]
    )


def wrong_settings(problems: Iterable[str]) -> ConfigurationError:
    """Return one error with a line for each problem."""
    lines = "".join(f"\n  {problem}" for problem in problems)
    return ConfigurationError(f"wrong settings:{lines}\nsee docs/settings.md")
