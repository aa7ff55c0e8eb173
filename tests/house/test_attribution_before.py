"""A changelog of attribution that the commit before wrote goes on where it was."""

import json
from pathlib import Path

import pytest

from schemas.records import Behavior
from streams.engine.stage import Incoming, StateRow
from tests.streams.attribution_events import CLICK, IDS, SECOND, DecodedRecords
from tests.streams.test_attribution import SETTINGS

NOW = 1_790_000_000_000
ROWS = Path(__file__).parent / "before" / "attribution.rows"


@pytest.mark.parametrize("use_compiled", [True, False], ids=["kernel", "reference"])
def test_the_changelog_is_read(use_compiled):
    rows = json.loads(ROWS.read_text("utf-8"))
    stage = DecodedRecords(SETTINGS, IDS, use_compiled=use_compiled)
    stage.restore(StateRow(0, key, bytes.fromhex(row)) for key, row in rows.items())
    assert (len(stage), stage.held) == (8, 1)
    assert stage.take_dirty() == []

    sent = {out.value.impression_id: out.value for out in stage.tick(NOW + CLICK)}
    assert {key: (one.outcome, one.valid, one.arm) for key, one in sent.items()} == {
        "i0": ("none", True, "control"),
        "i3": ("none", True, "control"),
        "i4": ("none", True, "organic"),
        "i5": ("none", False, "fallback"),
    }
    assert [sent[f"i{i}"].surface for i in (0, 3, 4)] == ["search", "device", None]

    bought = Behavior(
        event_id="late",
        impression_id="i6",
        user_id="u0",
        kind="conversion",
        occurred_at=NOW + 20 * SECOND,
        value=3.0,
        consent=True,
    )
    (out,) = stage.step([Incoming(Behavior, "u0", bought, 0, 20)], NOW + 20 * SECOND)
    assert (out.value.outcome, out.value.revision, out.value.arm) == (
        "conversion",
        2,
        "control",
    )
