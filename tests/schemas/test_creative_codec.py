"""The quick codec of creatives writes the bytes of the plain one."""

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from schemas.avro import AvroError, Codec
from schemas.creative_codec import CreativeCodec
from schemas.lock import LockedIds
from schemas.records import Asset, Copy, Creative, Design, Receipt

PLAIN = Codec(Creative, LockedIds())
QUICK = CreativeCodec(LockedIds())

LONGS = st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2_000)
INTS = st.integers(-(2**31), 2**31 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DOUBLES = st.floats()
COPIES = st.builds(
    Copy, headline=TEXTS, body=TEXTS, cta=TEXTS, spoken=TEXTS, disclosure=TEXTS
)
ASSETS = st.builds(
    Asset,
    name=TEXTS,
    media_type=TEXTS,
    width_px=INTS,
    height_px=INTS,
    content=TEXTS | TEXTS.map(lambda text: text * 1_000),
)
DESIGNS = st.builds(
    Design,
    categorical=st.dictionaries(TEXTS, TEXTS, max_size=4),
    continuous=st.dictionaries(TEXTS, DOUBLES, max_size=4),
)
RECEIPTS = st.builds(
    Receipt,
    arm=TEXTS,
    model_name=TEXTS,
    model_version=INTS,
    model_sha256=TEXTS,
    posterior_sha256=TEXTS,
    seed=LONGS,
    n_candidates=INTS,
    n_rejected=INTS,
    rejections=st.lists(TEXTS, max_size=3).map(tuple),
    propensity=DOUBLES,
    score=st.none() | DOUBLES,
    condition=st.binary(max_size=300),
    shadow_version=st.none() | INTS,
    explanation=TEXTS,
    ai_generated=st.booleans(),
)
CREATIVES = st.builds(
    Creative,
    creative_id=TEXTS,
    request_id=TEXTS,
    user_id=TEXTS,
    placement=TEXTS,
    surface=st.sampled_from(["search", "social", "video", "device"]),
    language=TEXTS,
    category=TEXTS,
    created_at=LONGS,
    expires_at=LONGS,
    design=DESIGNS,
    copy=COPIES,
    assets=st.lists(ASSETS, max_size=3).map(tuple),
    receipt=RECEIPTS,
)


@settings(max_examples=300)
@given(CREATIVES)
def test_the_bytes_are_those_of_the_plain_codec(creative):
    assert QUICK.encode(creative) == PLAIN.encode(creative)


@given(CREATIVES)
def test_what_it_wrote_it_reads_back(creative):
    message = QUICK.encode(creative)
    assert QUICK.encode(QUICK.decode(message)) == message


@pytest.mark.parametrize(
    "wrong",
    [
        {"created_at": 2**63},
        {"surface": "billboard"},
        {"user_id": None},
        {"user_id": "\ud800"},
        {"design": Design(categorical={}, continuous={"contrast": "high"})},
    ],
)
@given(creative=CREATIVES)
@settings(max_examples=5)
def test_what_does_not_fit_is_refused_as_by_the_plain_codec(creative, wrong):
    broken = replace(creative, **wrong)
    with pytest.raises(AvroError) as refused:
        QUICK.encode(broken)
    with pytest.raises(AvroError) as plainly:
        PLAIN.encode(broken)
    assert str(refused.value) == str(plainly.value)
