"""The error tree.

AdloomError
├── ConfigurationError      settings are wrong; exit status 2
├── UnavailableError        a broker, store or port does not answer; retriable
├── RejectedRecordError     a record is bad; it goes to its dead-letter topic
└── StateError              local state or a model version cannot be trusted

A message says what was expected, what came, and what to do.
"""

from typing import ClassVar


class AdloomError(Exception):
    """Base of every error that Adloom raises on purpose."""

    retriable: ClassVar[bool] = False
    exit_status: ClassVar[int] = 1


class ConfigurationError(AdloomError):
    """Settings are wrong."""

    exit_status: ClassVar[int] = 2


class UnavailableError(AdloomError):
    """Something outside this process does not answer."""

    retriable: ClassVar[bool] = True


class RejectedRecordError(AdloomError):
    """A record cannot be used; it belongs in the dead-letter topic."""


class StateError(AdloomError):
    """Local state, a changelog or a model version cannot be trusted."""
