"""More placements than the bundled ones, in processes of their own."""

import json

import pytest

from streams.columns.compiled import built
from tests.house import vocabularies as v

pytestmark = pytest.mark.skipif(
    built("streams.stages.requests.kernel") is None, reason="no compiled modules"
)


def test_kernel_and_reference_agree_on_eight_placements(tmp_path):
    said = v.run(
        *("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"),
        *("tests/streams/test_requests_columns.py", "-k", "kernel"),
        vocabulary=v.with_placements_first(4),
        store=tmp_path,
    )
    assert "3 passed" in said


@pytest.mark.parametrize(("added", "compiled"), [(4, True), (5, False)])
def test_a_stage_that_leaves_its_kernel_says_so(tmp_path, added, compiled):
    said = v.run(
        "tests.house.requests_kernel",
        vocabulary=v.with_placements_first(added),
        store=tmp_path,
    ).splitlines()
    assert json.loads(said[-1]) is compiled
    assert any("instead of the compiled kernel" in line for line in said) != compiled
