"""Creatives under a vocabulary of one's own: the tests of the stage, in its process."""

import os
import subprocess
import sys

import pytest

from tests.house import vocabularies as v


@pytest.mark.slow
def test_creatives_are_made_and_made_again_under_an_own_vocabulary(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(v.with_a_surface(v.grown()), "utf-8")
    chosen = "gan and (regenerated or as_the_codec or latest_preferences)"
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen]
    done = subprocess.run(
        [sys.executable, *words, "tests/streams/test_creatives.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=v.ROOT,
        env={**os.environ, "ADLOOM_VOCABULARY": str(path)},
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2_000:]
    assert " passed" in done.stdout
