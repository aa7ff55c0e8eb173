"""One owner of a folder at a time: an advisory lock that dies with its process."""

import fcntl
import os
from pathlib import Path

from streams.errors import UnavailableError


class LockFile:
    """An exclusive lock; the kernel releases it when the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            UnavailableError: another process has it, or the file cannot be made.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UnavailableError(
                f"cannot write {self._path}: {error.strerror}; "
                "choose another folder with ADLOOM_LOCAL__FOLDER"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise UnavailableError(
                f"{self._path} is locked: another Adloom runs in this folder; stop it, "
                "or choose another folder with ADLOOM_LOCAL__FOLDER"
            ) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; does nothing without it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
