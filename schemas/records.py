"""The records of the contracts: one frozen dataclass per .avsc, in flow order.

Field names, order and types equal the .avsc files (tests/schemas holds them to it);
the .avsc files carry the meaning of each field. Instants are epoch milliseconds, UTC,
as plain integers: turning each into a datetime costs more than decoding the record.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

BehaviorKind = Literal["impression", "click", "conversion", "view", "search", "dismiss"]
Surface = Annotated[str, "an enum: a surface of the vocabulary"]
AgeBand = Literal[
    "under_18", "from_18", "from_25", "from_35", "from_45", "from_55", "from_65"
]
TextKind = Literal["search", "comment", "review"]
RequestReason = Literal["new_user", "preference_shift", "fatigue", "expiry", "explicit"]
Outcome = Literal["none", "click", "conversion", "dismiss"]
JobReason = Literal["count", "age", "drift", "manual"]
ReleaseStage = Literal["shadow", "canary", "champion", "rolled_back", "rejected"]
GateResult = Literal["pass", "fail", "unsure"]


class Record:
    """What travels on a topic."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Behavior(Record):
    """One thing a person did, or one impression they were shown."""

    event_id: str
    user_id: str
    kind: BehaviorKind
    occurred_at: int
    creative_id: str | None = None
    impression_id: str | None = None
    placement: str | None = None
    surface: Surface | None = None
    category: str | None = None
    item: str | None = None
    value: float | None = None
    consent: bool
    user_agent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(Record):
    """What a person, or the advertiser, says about them."""

    user_id: str
    updated_at: int
    age_band: AgeBand | None = None
    region: str | None = None
    language: str | None = None
    device: str | None = None
    interests: tuple[str, ...]
    consent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Record):
    """Something a person wrote: the language-processing input."""

    text_id: str
    user_id: str
    kind: TextKind
    text: str
    language: str | None = None
    category: str | None = None
    written_at: int
    consent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryShift:
    """How far one category's preference moves."""

    category: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSignal(Record):
    """What a text says about its writer; the text itself is not carried on."""

    text_id: str
    user_id: str
    kind: TextKind
    language: str
    keywords: tuple[str, ...]
    sentiment: float
    shifts: tuple[CategoryShift, ...]
    written_at: int
    consent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference(Record):
    """A person's rolling preferences: the preferences table's changelog, compacted."""

    user_id: str
    as_of: int
    half_lives_s: tuple[int, ...]
    weights: bytes
    n_events: int
    n_unclicked: int
    consent: bool
    language: str | None = None
    region: str | None = None
    age_band: str | None = None
    device: str | None = None
    behavior_offset: int
    profile_offset: int
    text_offset: int
    vocabulary: str | None = None
    last_click_at: int = 0
    withdrawn_at: int = 0
    unclicked_at: bytes = b""
    exposures: bytes = b""
    bursts: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreativeRequest(Record):
    """A person needs a new creative."""

    request_id: str
    user_id: str
    reason: RequestReason
    placement: str
    surface: Surface
    language: str
    category: str | None = None
    preferences: bytes | None = None
    requested_at: int
    deadline_at: int
    tired_of: str | None = None
    vocabulary: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A point of the creative space."""

    categorical: dict[str, str]
    continuous: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The words."""

    headline: str
    body: str
    cta: str
    spoken: str
    disclosure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One rendered form."""

    name: str
    media_type: str
    width_px: int
    height_px: int
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """How the design was chosen: enough to make the same creative again."""

    arm: str
    model_name: str
    model_version: int
    model_sha256: str
    posterior_sha256: str = ""
    seed: int
    n_candidates: int
    n_rejected: int
    rejections: tuple[str, ...]
    tired_of: str = ""
    propensity: float
    score: float | None = None
    condition: bytes
    shadow_version: int | None = None
    explanation: str
    ai_generated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Creative(Record):
    """A personalised creative, ready to show."""

    creative_id: str
    request_id: str
    user_id: str
    placement: str
    surface: Surface
    language: str
    category: str
    created_at: int
    expires_at: int
    design: Design
    copy: Copy
    assets: tuple[Asset, ...]
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback(Record):
    """What came of one impression; a correction has a higher revision."""

    feedback_id: str
    impression_id: str
    revision: int
    user_id: str
    outcome: Outcome
    reward: float
    value: float | None = None
    valid: bool
    shown_at: int
    decided_at: int
    delay_ms: int | None = None
    creative_id: str | None = None
    placement: str | None = None
    surface: Surface | None = None
    category: str | None = None
    item: str | None = None
    arm: str
    model_name: str | None = None
    model_version: int | None = None
    propensity: float | None = None
    condition: bytes | None = None
    design: Design | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetRange:
    """Offsets of one partition, start included, end not."""

    topic: str
    partition: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuneJob(Record):
    """Tune a model on an exact range of feedback."""

    job_id: str
    model_name: str
    base_version: int
    reason: JobReason
    ranges: tuple[OffsetRange, ...]
    n_examples: int
    seed: int
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One gate's answer."""

    gate: str
    result: GateResult
    value: float
    threshold: float
    low: float | None = None
    high: float | None = None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRelease(Record):
    """Where a model version stands."""

    model_name: str
    version: int
    sha256: str
    stage: ReleaseStage
    canary_share: float
    champion_version: int
    champion_sha256: str
    base_version: int | None = None
    job_id: str | None = None
    verdicts: tuple[Verdict, ...]
    released_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PosteriorUpdate(Record):
    """What a version's critic believes by now."""

    model_name: str
    version: int
    revision: int
    sha256: str
    ranges: tuple[OffsetRange, ...]
    n_examples: int
    n_clicks: int
    n_held: int
    newest_at: int
    made_at: int


RECORDS: tuple[type[Record], ...] = (
    Behavior,
    Profile,
    Text,
    TextSignal,
    Preference,
    CreativeRequest,
    Creative,
    Feedback,
    FineTuneJob,
    ModelRelease,
    PosteriorUpdate,
)
