"""A fine-tune job and its feedback <-> the text that a trainer writes to our stdin.

A line of JSON with the job, then one line for each feedback record: base64 of its
message, ids as in schemas.lock. So whoever tunes needs no broker and no registry.
"""

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from schemas.avro import AvroError, Codec
from schemas.lock import LockedIds
from schemas.records import Feedback, FineTuneJob, OffsetRange


class OrderError(Exception):
    """The text is no order."""


@dataclass(frozen=True)
class FeedbackRead:
    """What the ranges of a job held."""

    records: list[Feedback]
    n_undecodable: int
    """Messages in the ranges that are not feedback records; they were skipped."""


def to_text(job: FineTuneJob, read: FeedbackRead) -> str:
    """Return the order to tune on this feedback."""
    codec = Codec(Feedback, LockedIds())
    head = json.dumps({"job": asdict(job), "n_undecodable": read.n_undecodable})
    messages = (base64.b64encode(codec.encode(one)).decode() for one in read.records)
    return "\n".join([head, *messages])


def from_text(text: str) -> tuple[FineTuneJob, FeedbackRead]:
    """Return what was ordered.

    Raises:
        OrderError: it is not what `to_text` writes.
    """
    head, *lines = text.split("\n")
    try:
        order = json.loads(head)
        fields = dict(order["job"])
        fields["ranges"] = tuple(OffsetRange(**part) for part in fields["ranges"])
        job, n_undecodable = FineTuneJob(**fields), int(order["n_undecodable"])
    except (KeyError, TypeError, ValueError) as error:
        raise OrderError(
            'stdin: expected {"job": {…}, "n_undecodable": 0} with the fields of a '
            f"FineTuneJob in the first line; {error!r}"
        ) from error
    return job, FeedbackRead(_records(lines), n_undecodable)


def _records(lines: Iterable[str]) -> list[Feedback]:
    codec = Codec(Feedback, LockedIds())
    try:
        return [codec.decode(base64.b64decode(line, validate=True)) for line in lines]
    except (AvroError, binascii.Error) as error:
        raise OrderError(
            f"stdin: expected base64 of a feedback message in each line; {error}"
        ) from error
