"""Model files that reach outside themselves, or do not fit, are refused unread."""

import json

import numpy as np
import pytest
from hypothesis import given, strategies as st

onnx = pytest.importorskip("onnx", reason="export: extra [train] is missing")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402  # after the skip

from model_export.store.model_files import ModelFileError, check_files  # noqa: E402
from model_export.store.onnx_file import OnnxFile  # noqa: E402


def model(*nodes, constants=(), opsets=(("", 18),), **more):
    tensor = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    other = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph(list(nodes), "g", [tensor], [other], list(constants))
    imports = [helper.make_opsetid(*one) for one in opsets]
    return helper.make_model(graph, opset_imports=imports, **more)


def relu(**more):
    return helper.make_node("Relu", ["x"], ["y"], **more)


def external(name="w"):
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


GOOD = model(relu())
helper.set_model_props(GOOD, {"kind": "vae"})
GOOD_BYTES = GOOD.SerializeToString()


def test_a_plain_model_gives_its_opset_and_metadata():
    read = OnnxFile(GOOD_BYTES, "m.onnx")
    assert (read.opset, read.metadata) == (18, {"kind": "vae"})


def test_weights_in_another_file_are_refused():
    with pytest.raises(ModelFileError, match="another file"):
        OnnxFile(model(relu(), constants=[external()]).SerializeToString(), "m")


def test_weights_in_another_file_are_refused_deep_inside_a_branch():
    tensor = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    branch = helper.make_graph([], "b", [], [tensor], [external("y")])
    choice = helper.make_node(
        "If", ["x"], ["y"], then_branch=branch, else_branch=branch
    )
    with pytest.raises(ModelFileError, match="another file"):
        OnnxFile(model(choice).SerializeToString(), "m")
    constant = helper.make_node("Constant", [], ["y"], value=external())
    with pytest.raises(ModelFileError, match="another file"):
        OnnxFile(model(constant).SerializeToString(), "m")


@pytest.mark.parametrize(
    "bad",
    [
        model(relu(domain="com.evil")),
        model(relu(), opsets=(("", 18), ("com.evil", 1))),
        model(
            relu(),
            functions=[
                helper.make_function(
                    "", "Relu", ["x"], ["y"], [relu()], [helper.make_opsetid("", 18)]
                )
            ],
        ),
    ],
)
def test_operators_of_others_are_refused(bad):
    with pytest.raises(ModelFileError, match="expected"):
        OnnxFile(bad.SerializeToString(), "m")


def test_graphs_nested_without_end_are_refused():
    tensor = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([], "g", [], [tensor])
    for _ in range(20):
        node = helper.make_node("If", ["x"], ["y"], then_branch=graph)
        graph = helper.make_graph([node], "g", [], [tensor])
    with pytest.raises(ModelFileError, match="nested deeper"):
        OnnxFile(model(*graph.node).SerializeToString(), "m")


@given(st.data())
def test_damaged_bytes_are_read_or_refused_never_worse(data):
    content = bytearray(GOOD_BYTES)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        OnnxFile(bytes(content[:cut]), "m")
    except ModelFileError:
        return


def files(display, **changed):
    digest = {"space_sha256": display.digest}
    helper.set_model_props(GOOD, digest)
    content = {
        "person.onnx": GOOD.SerializeToString(),
        "generator.onnx": GOOD.SerializeToString(),
        "critic.onnx": GOOD.SerializeToString(),
        "posterior.f32": b"",
        "space.toml": display.source.encode(),
        "card.json": json.dumps({**digest, "opset": 18}).encode(),
    }
    content.update(changed)
    return {name: part for name, part in content.items() if part is not None}


def test_parts_that_belong_together_are_accepted(display):
    assert check_files(files(display)).space.digest == display.digest


@pytest.mark.parametrize(
    "changed",
    [
        {"critic.onnx": None},
        {"card.json": b"{"},
        {"card.json": b"{}"},
        {"space.toml": b"name = 1"},
        {"space.toml": b"\xff"},
        {"generator.onnx": model(relu()).SerializeToString()},
        {"generator.onnx": b""},
    ],
)
def test_parts_that_do_not_are_refused(display, changed):
    with pytest.raises(ModelFileError):
        check_files(files(display, **changed))


def test_parts_of_another_space_are_refused(display, travel):
    with pytest.raises(ModelFileError, match="creative space"):
        check_files(files(display, **{"space.toml": travel.source.encode()}))
