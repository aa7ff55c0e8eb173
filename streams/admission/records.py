"""A decoded record -> why it cannot be used, or None: what a schema cannot say.

Each record type lists its checks; the first that fails names the field, what was
expected and what came. Values are quoted short: a reason goes into logs and headers.
"""

import math
from collections.abc import Iterator

from schemas.records import (
    Behavior,
    Creative,
    CreativeRequest,
    Feedback,
    FineTuneJob,
    ModelRelease,
    PosteriorUpdate,
    Preference,
    Profile,
    Record,
    Text,
    TextSignal,
)
from schemas.vocabulary import VocabularyError, ids_of
from streams.admission.checks import (
    BIG,
    DAY_MS,
    EARLIEST,
    Check,
    id_reasons,
    instants,
    names,
    numbers,
    ordered,
    sentence,
    texts,
    user,
    vector,
)

MAX_TEXT_CHARACTERS = 4_000
MAX_AGENT_CHARACTERS = 2_048
MAX_INTERESTS = 64
MAX_STYLES_CHARACTERS = 1_024


def reason_to_reject(record: Record, now: int) -> str | None:
    """Return one sentence on what makes a record unusable, or None.

    Args:
        record: a decoded record.
        now: wall clock, epoch milliseconds.
    """
    for check in _CHECKS[type(record)]:
        for reason in check(record, now):
            return reason
    return None


def _half_lives(record: object, _: int) -> Iterator[str]:
    lengths = record.half_lives_s if isinstance(record, Preference) else ()
    if not lengths or any(length <= 0 for length in lengths):
        yield sentence("half_lives_s", "positive lengths", lengths)


def _weights_bytes(record: object) -> int:
    lengths = record.half_lives_s if isinstance(record, Preference) else ()
    return len(lengths) * _vector_bytes(record)


def _vector_bytes(record: object) -> int:
    """Return the bytes of a vector under the record's own vocabulary."""
    return 4 * len(ids_of(getattr(record, "vocabulary", None)).categories)


def _vocabulary(record: object, _: int) -> Iterator[str]:
    try:
        ids_of(getattr(record, "vocabulary", None))
    except VocabularyError as error:
        yield f"vocabulary: {error}"


def _shifts(record: object, _: int) -> Iterator[str]:
    shifts = record.shifts if isinstance(record, TextSignal) else ()
    if len(shifts) > MAX_INTERESTS:
        yield sentence("shifts", f"at most {MAX_INTERESTS}", len(shifts))
    for shift in shifts:
        yield from id_reasons("shifts.category", shift.category)
        if not math.isfinite(shift.weight):
            yield sentence("shifts.weight", "a finite number", shift.weight)


def _design(record: object, _: int) -> Iterator[str]:
    design = record.design if isinstance(record, Creative | Feedback) else None
    if design is None:
        return
    for name, choice in design.categorical.items():
        yield from id_reasons("design", name)
        yield from id_reasons(f"design.{name[:32]}", choice)
    for name, value in design.continuous.items():
        if not math.isfinite(value):
            yield sentence(f"design.{name[:32]}", "a finite number", value)


def _propensity(record: object, _: int) -> Iterator[str]:
    value = record.propensity if isinstance(record, Feedback) else None
    value = record.receipt.propensity if isinstance(record, Creative) else value
    if value is not None and not 0 < value <= 1:
        yield sentence("propensity", "above 0 and at most 1", value)


def _receipt(record: object, now: int) -> Iterator[str]:
    if not isinstance(record, Creative):
        return
    receipt = record.receipt
    yield from id_reasons("receipt.arm", receipt.arm)
    yield from id_reasons("receipt.model_name", receipt.model_name)
    counts = (receipt.model_version, receipt.n_candidates, receipt.n_rejected)
    if min(counts) < 0:
        yield sentence("receipt", "no negative version or count", counts)
    yield from _condition(receipt, now)


def _ranges(record: object, _: int) -> Iterator[str]:
    ranges = record.ranges if isinstance(record, FineTuneJob | PosteriorUpdate) else ()
    if not ranges:
        yield sentence("ranges", "at least one", "none")
    for one in ranges:
        if one.partition < 0 or not 0 <= one.start < one.end:
            yield sentence("ranges", "0 <= start < end, partition >= 0", one)


def _verdicts(record: object, _: int) -> Iterator[str]:
    verdicts = record.verdicts if isinstance(record, ModelRelease) else ()
    for verdict in verdicts:
        figures = (verdict.value, verdict.threshold, verdict.low, verdict.high)
        if any(figure is not None and math.isnan(figure) for figure in figures):
            yield sentence(f"verdict {verdict.gate[:32]}", "numbers", "NaN")


_condition: Check = vector("condition", lambda _: None)


def _checks(
    record: type[Record], *own: Check, **longest: int
) -> tuple[type[Record], tuple[Check, ...]]:
    """Return a record's checks: of its texts and of the person, then its own.

    Args:
        record: what is checked.
        own: the rest, in this order.
        longest: characters of the text fields that are no ids; see `texts`.
    """
    return record, (texts(record, **longest), user, *own)


_CHECKS = dict(
    (
        _checks(
            Behavior,
            instants("occurred_at"),
            numbers(0, BIG, "value"),
            user_agent=MAX_AGENT_CHARACTERS,
        ),
        _checks(Profile, instants("updated_at"), names("interests", MAX_INTERESTS)),
        _checks(Text, instants("written_at"), text=MAX_TEXT_CHARACTERS),
        _checks(
            TextSignal,
            instants("written_at"),
            numbers(-1, 1, "sentiment"),
            names("keywords", MAX_INTERESTS),
            _shifts,
        ),
        _checks(
            Preference,
            instants("as_of"),
            _half_lives,
            _vocabulary,
            numbers(0, BIG, "n_events", "n_unclicked"),
            numbers(-1, BIG, "behavior_offset", "profile_offset", "text_offset"),
            vector("weights", _weights_bytes),
        ),
        _checks(
            CreativeRequest,
            instants("requested_at"),
            ordered("requested_at", "deadline_at"),
            _vocabulary,
            vector("preferences", _vector_bytes),
            tired_of=MAX_STYLES_CHARACTERS,
        ),
        _checks(
            Creative,
            instants("created_at"),
            ordered("created_at", "expires_at"),
            _propensity,
            _receipt,
            _design,
        ),
        _checks(
            Feedback,
            instants("shown_at"),
            # A window may end after any clock we allow, a skewed click before all.
            numbers(EARLIEST - DAY_MS, BIG, "decided_at"),
            numbers(-1, 1, "reward"),
            numbers(0, BIG, "value", "revision", "delay_ms", "model_version"),
            _propensity,
            _condition,
            _design,
        ),
        _checks(
            FineTuneJob,
            instants("created_at"),
            numbers(0, BIG, "base_version", "n_examples"),
            _ranges,
        ),
        _checks(
            ModelRelease,
            instants("released_at"),
            numbers(0, BIG, "version", "champion_version", "base_version"),
            numbers(0, 1, "canary_share"),
            _verdicts,
        ),
        _checks(
            PosteriorUpdate,
            instants("made_at"),
            numbers(EARLIEST - DAY_MS, BIG, "newest_at"),
            numbers(0, BIG, "version", "revision", "n_examples", "n_clicks", "n_held"),
            _ranges,
        ),
    )
)
