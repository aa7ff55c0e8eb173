"""A record of every kind that is admitted: tests say only what they are about."""

from dataclasses import replace

import numpy as np

from schemas.records import (
    Asset,
    Behavior,
    CategoryShift,
    Copy,
    Creative,
    CreativeRequest,
    Design,
    Feedback,
    FineTuneJob,
    ModelRelease,
    OffsetRange,
    PosteriorUpdate,
    Preference,
    Profile,
    Receipt,
    Text,
    TextSignal,
    Verdict,
)
from schemas.vocabulary import deployed

NOW = 1_800_000_000_000
N = len(deployed().categories)
_DAY = 86_400_000

_DESIGN = Design(categorical={"palette": "warm"}, continuous={"size": 0.5})
RECEIPT = Receipt(
    arm="control",
    model_name="random",
    model_version=0,
    model_sha256="",
    seed=-4,
    n_candidates=16,
    n_rejected=2,
    rejections=("contrast",),
    propensity=0.1,
    condition=np.zeros(12, "<f4").tobytes(),
    explanation="because",
    ai_generated=True,
)
GOOD = {
    record: value
    for value in (
        Behavior(
            event_id="e1",
            user_id="u1",
            kind="click",
            occurred_at=NOW,
            item="",
            value=0.0,
            consent=True,
        ),
        Profile(
            user_id="u1",
            updated_at=NOW,
            age_band="from_25",
            interests=("shoes",),
            consent=True,
        ),
        Text(
            text_id="t1",
            user_id="u1",
            kind="search",
            text="red shoes\n双十一",
            written_at=NOW,
            consent=True,
        ),
        TextSignal(
            text_id="t1",
            user_id="u1",
            kind="search",
            language="en",
            keywords=("red shoes",),
            sentiment=-0.5,
            shifts=(CategoryShift(category="shoes", weight=-0.3),),
            written_at=NOW,
            consent=True,
        ),
        Preference(
            user_id="u1",
            as_of=NOW,
            half_lives_s=(60, 600),
            weights=np.ones((2, N), "<f4").tobytes(),
            n_events=1,
            n_unclicked=0,
            consent=True,
            behavior_offset=-1,
            profile_offset=-1,
            text_offset=3,
        ),
        CreativeRequest(
            request_id="r1",
            user_id="u1",
            reason="explicit",
            placement="feed-card",
            surface="social",
            language="en",
            requested_at=NOW,
            deadline_at=NOW + 1,
        ),
        Creative(
            creative_id="c1",
            request_id="r1",
            user_id="u1",
            placement="feed-card",
            surface="social",
            language="en",
            category="shoes",
            created_at=NOW,
            expires_at=NOW + 30 * _DAY,
            design=_DESIGN,
            copy=Copy(headline="h", body="b", cta="c", spoken="s", disclosure="Ad"),
            assets=(
                Asset(name="a", media_type="t", width_px=0, height_px=0, content=""),
            ),
            receipt=RECEIPT,
        ),
        Feedback(
            feedback_id="f1",
            impression_id="i1",
            revision=1,
            user_id="u1",
            outcome="dismiss",
            reward=-1,
            valid=True,
            shown_at=NOW,
            decided_at=NOW + 5,
            delay_ms=5,
            arm="control",
            propensity=1.0,
            design=_DESIGN,
        ),
        FineTuneJob(
            job_id="j1",
            model_name="creative-gan",
            base_version=1,
            reason="count",
            ranges=(OffsetRange(topic="f", partition=0, start=0, end=9),),
            n_examples=9,
            seed=5,
            created_at=NOW,
        ),
        ModelRelease(
            model_name="creative-gan",
            version=2,
            sha256="ab",
            stage="canary",
            canary_share=0.3,
            champion_version=1,
            champion_sha256="cd",
            verdicts=(
                Verdict(
                    gate="parity", result="pass", value=0, threshold=1, detail="equal"
                ),
            ),
            released_at=NOW,
        ),
        PosteriorUpdate(
            model_name="creative-gan",
            version=2,
            revision=9,
            sha256="ab",
            ranges=(OffsetRange(topic="f", partition=0, start=0, end=9),),
            n_examples=8,
            n_clicks=1,
            n_held=0,
            newest_at=NOW,
            made_at=NOW,
        ),
    )
    for record in [type(value)]
}


def good(kind, **changes):
    """Return the good record of a kind, changed."""
    return replace(GOOD[kind], **changes)


def good_receipt(**changes):
    """Return the receipt of the good creative, changed."""
    return replace(RECEIPT, **changes)
