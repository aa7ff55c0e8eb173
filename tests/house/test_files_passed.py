"""How many files of ours a record passes: a preference to its request, a request on.

Counted are files whose functions were called, with each kernel that such a file holds,
on the stages' cores and in the compiled way that workers take. Before counting, a
record of another person, in another language, went the same way: what a process works
out once is no part of a record's way.
"""

import sys
from pathlib import Path

import pytest

from model_export.space import design_space
from model_export.store.registry import Registry
from schemas.records import CreativeRequest
from streams.columns.compiled import PACKAGE
from streams.stages.creatives.inference import load
from tests.small_models import add_untaught
from tests.streams import requests_world as world
from tests.streams.kernels import needs_kernels
from tests.streams.test_creatives import NOW, ask, stage_of

ROOT = PACKAGE.parent
OURS = tuple(str(ROOT / room) for room in ("schemas", "model_export", "streams"))
REQUEST_TO_CREATIVE = {"on_demand": 30, "inline": 44}
"""Pictures are drawn by the ad server when they are asked for, or in the stage."""
PREFERENCE_TO_REQUEST = 10


def passed_by(call):
    """Return what a call gives, and the files of ours that it enters."""
    entered = set()

    def profile(frame, event, _):
        if event == "call":
            entered.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        given = call()
    finally:
        sys.setprofile(before)
    files = {file for file in entered if file.startswith(OURS)}
    return given, files | set(kernels_of(files))


def kernels_of(files):
    """Yield the kernels that modules hold: they leave no trace of their own."""
    for file in files:
        module = sys.modules[
            ".".join(Path(file).relative_to(ROOT).with_suffix("").parts).removesuffix(
                ".__init__"
            )
        ]
        kernel = getattr(module, "KERNEL", None)
        if kernel is not None:
            yield kernel.__file__


def said(capsys, what, files, most):
    names = sorted(str(Path(file).relative_to(ROOT)) for file in files)
    with capsys.disabled():
        sys.stdout.write(f"\n{what}: {len(names)} files of at most {most}\n")
    return "\n".join(names)


def asked(number, **changes):
    return ask(number, reason="explicit", **changes)


@needs_kernels
def test_a_preference_passes_few_files_to_its_request(capsys):
    stage = world.new_stage()
    world.fold(stage, [[("u0", world.preference("u0"))]], NOW)
    batch = [[("u1", world.preference("u1"))]]
    columns = world.columns_of(stage, batch, NOW)
    out, files = passed_by(lambda: stage.fold(world.Preference, 0, columns, NOW))
    assert [one.record for one in out] == [CreativeRequest]
    names = said(capsys, "a preference to its request", files, PREFERENCE_TO_REQUEST)
    assert len(files) <= PREFERENCE_TO_REQUEST, names


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    pytest.importorskip("torch", reason="making a model: extra [train] is missing")
    registry = Registry(str(tmp_path_factory.mktemp("models")))
    version = add_untaught(registry, "small", design_space.load())
    return load(registry, "small", version.version, version.sha256)


@needs_kernels
@pytest.mark.parametrize(("assets", "most"), REQUEST_TO_CREATIVE.items())
def test_a_request_passes_few_files_to_its_creative(model, assets, most, capsys):
    requests = world.new_stage()
    creatives = stage_of(model, control_share=0.0, assets=assets)

    def answered(incoming):
        requests.step([incoming], NOW)
        return creatives.step([incoming], NOW)

    first, second = asked(1), asked(2)
    answered(first)
    out, files = passed_by(lambda: answered(second))
    assert len(out) == 1
    names = said(capsys, f"a request to its creative, {assets}", files, most)
    assert len(files) <= most, names
