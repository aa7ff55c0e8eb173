"""JSON at the door -> Behavior, Text and Profile records, checked and pseudonymised.

Every error of a request is reported at once, and none repeats what was sent: a raw user
id goes into the keyed hash and nowhere else.
"""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)

from schemas.records import (
    AgeBand,
    Behavior,
    BehaviorKind,
    Profile,
    Text,
    TextKind,
)
from schemas.vocabulary import deployed
from streams.admission.pseudonym import pseudonymise
from streams.errors import ConfigurationError, RejectedRecordError
from streams.settings import Settings

MAX_BODY_BYTES = 1024 * 1024
MAX_BATCH = 1_000
"""Events or texts in one request."""

MAX_ERRORS = 100
"""Errors listed in one answer; the rest is only counted."""

MAX_AHEAD_MS = 24 * 3_600_000
"""A clock may be this far ahead of ours; later times are refused."""

_KEY_BYTES = 32


class InvalidRequestError(RejectedRecordError):
    """A request at the door is wrong; `problems` names all of its errors."""

    def __init__(self, problems: Sequence[dict[str, str]], n_problems: int) -> None:
        super().__init__(f"{n_problems} errors in the request, see docs/ad-server.md")
        self.problems = list(problems)
        self.n_problems = n_problems


@dataclass(frozen=True, slots=True)
class Door:
    """Reads requests.

    Args:
        key: of the user id hash, see `pseudonym_key`.
    """

    key: bytes

    def pseudonym(self, user_id: str) -> str:
        """Return the pseudonym of a user id.

        Raises:
            InvalidRequestError: the id is empty or longer than 256 characters.
        """
        if not 1 <= len(user_id) <= _MAX_USER_ID:
            problem = f"expected 1 to {_MAX_USER_ID} characters, got {len(user_id)}"
            raise InvalidRequestError([{"at": "user", "problem": problem}], 1)
        return pseudonymise(user_id, self.key)

    def behaviors(self, body: bytes, now: int) -> list[Behavior]:
        """Return the events in a JSON list.

        Raises:
            InvalidRequestError: anything in it is wrong; then nothing is taken.
        """
        return [
            Behavior(
                **{**_given(event, now, "occurred_at"), "user_id": self._of(event)}
            )
            for event in _read(_EVENTS, body, now)
        ]

    def texts(self, body: bytes, now: int) -> list[Text]:
        """Return the texts in a JSON list; raises as `behaviors` does."""
        return [
            Text(**{**_given(text, now, "written_at"), "user_id": self._of(text)})
            for text in _read(_TEXTS, body, now)
        ]

    def profile(self, user_id: str, body: bytes, now: int) -> Profile:
        """Return the profile in a JSON object; raises as `behaviors` does."""
        given = _given(_read(_PROFILE, body, now), now, "updated_at")
        return Profile(user_id=self.pseudonym(user_id), **given)

    def _of(self, sent: "_Event | _Text") -> str:
        return pseudonymise(sent.user_id, self.key)


def pseudonym_key(settings: Settings) -> bytes:
    """Return the key of the user id hash: the setting, or the one made for the store.

    Raises:
        ConfigurationError: the setting is too short or too long, or the key file
            cannot be read or made.
    """
    given = settings.privacy.pseudonym_key.encode()
    key = given or load_or_create_key(settings.local.folder)
    pseudonymise("", key)  # refuses a key of the wrong length
    return key


def load_or_create_key(folder: Path) -> bytes:
    """Return the 32-byte key in `folder`; make it, readable by its owner, if missing.

    Processes that start together agree on one key: the file appears whole or not at
    all, and the first one wins.

    Raises:
        ConfigurationError: the file is not a key, or the folder cannot be written.
    """
    path = folder / "pseudonym.key"
    try:
        if not path.exists():
            _create(path)
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"cannot read or make the pseudonym key {path}: {error}; "
            "set ADLOOM_PRIVACY__PSEUDONYM_KEY"
        ) from error
    if len(key) != _KEY_BYTES:
        raise ConfigurationError(
            f"{path} holds {len(key)} bytes: expected {_KEY_BYTES} in hexadecimal"
        )
    return key


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return  # another process was first
    finally:
        draft.unlink()


def _known_category(category: str) -> str:
    return deployed().known(category)


def _known_surface(surface: str) -> str:
    if surface not in deployed().surfaces:
        expected = ", ".join(deployed().surfaces)
        raise ValueError(f"expected a surface of the vocabulary: {expected}")
    return surface


def _plausible_time(at: int, info: ValidationInfo) -> int:
    now: int = (info.context or {})["now"]
    latest = now + MAX_AHEAD_MS
    if not 0 <= at <= latest:
        raise ValueError(f"expected epoch milliseconds, 0 to {latest} (now + 24 h)")
    return at


_MAX_USER_ID = 256
_UserId = Annotated[str, Field(min_length=1, max_length=_MAX_USER_ID)]
_Id = Annotated[str, Field(min_length=1, max_length=128)]
_Word = Annotated[str, Field(min_length=1, max_length=64)]
_Category = Annotated[_Word, AfterValidator(_known_category)]
_Time = Annotated[int, AfterValidator(_plausible_time)]


class _Sent(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class _Event(_Sent):
    event_id: _Id
    user_id: _UserId
    kind: BehaviorKind
    occurred_at: _Time | None = None
    creative_id: _Id | None = None
    impression_id: _Id | None = None
    placement: _Word | None = None
    surface: Annotated[str, AfterValidator(_known_surface)] | None = None
    category: _Category | None = None
    item: _Id | None = None
    value: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None = None
    consent: bool
    user_agent: Annotated[str, Field(max_length=1_024)] | None = None


class _Text(_Sent):
    text_id: _Id
    user_id: _UserId
    kind: TextKind
    text: Annotated[str, Field(min_length=1, max_length=4_000)]
    language: _Word | None = None
    category: _Category | None = None
    written_at: _Time | None = None
    consent: bool


class _Profile(_Sent):
    updated_at: _Time | None = None
    age_band: AgeBand | None = None
    region: _Word | None = None
    language: _Word | None = None
    device: _Word | None = None
    interests: Annotated[tuple[_Category, ...], Field(max_length=64)] = ()
    consent: bool


_EVENTS = TypeAdapter(
    Annotated[list[_Event], Field(min_length=1, max_length=MAX_BATCH)]
)
_TEXTS = TypeAdapter(Annotated[list[_Text], Field(min_length=1, max_length=MAX_BATCH)])
_PROFILE = TypeAdapter(_Profile)

S = TypeVar("S")


def _read(shape: TypeAdapter[S], body: bytes, now: int) -> S:
    try:
        return shape.validate_json(body, context={"now": now})
    except ValidationError as error:
        found = error.errors(
            include_url=False, include_context=False, include_input=False
        )
        problems = [
            {"at": ".".join(map(str, each["loc"])) or "body", "problem": each["msg"]}
            for each in found[:MAX_ERRORS]
        ]
        raise InvalidRequestError(problems, len(found)) from None


def _given(sent: BaseModel, now: int, instant: str) -> dict[str, Any]:
    """Return the fields; an instant that was left out is now."""
    fields = dict(sent)
    if fields[instant] is None:
        fields[instant] = now
    return fields
