"""An ONNX graph under construction, node by node, with the default operators.

The networks are small, so their graphs are written out: the same weights give the same
bytes, nothing of the exporting machine gets in, and an export takes milliseconds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
_IR_VERSION = 9
"""ONNX 1.14's: every onnxruntime from 1.15 on reads it."""

END = 2**31 - 1

_EACH = "adloom.person"

Shape = Sequence[int | str]
"""Sizes of a tensor: numbers, or names of what is free."""


class Graph:
    """A graph under construction; methods return the name of the new tensor."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Add a weight; one that is there already is used again."""
        if name not in self._constants:
            content = np.ascontiguousarray(array)
            self._constants[name] = numpy_helper.from_array(content, name)
        return name

    def number(self, value: float) -> str:
        """Add a float32 scalar."""
        return self.constant(f"number.{value}", np.array(value, np.float32))

    def whole(self, *values: int) -> str:
        """Add int64 numbers [n]: shapes, axes and bounds."""
        name = "whole." + ".".join(str(value) for value in values)
        return self.constant(name, np.array(values, np.int64))

    def node(self, operator: str, *inputs: str, name: str, **attributes: Any) -> str:
        """Add an operator whose only output has that name."""
        self._nodes.append(
            helper.make_node(operator, inputs, [name], name, **attributes)
        )
        return name

    def part(self, tensor: str, start: int, end: int, axis: int, *, name: str) -> str:
        """Add the slice of an axis."""
        bounds = (self.whole(start), self.whole(end), self.whole(axis))
        return self.node("Slice", tensor, *bounds, name=name)

    def shaped(self, tensor: str, *sizes: int, name: str) -> str:
        """Add the tensor in another shape; 0 keeps a size, -1 is worked out."""
        return self.node("Reshape", tensor, self.whole(*sizes), name=name)

    def linear(
        self,
        tensor: str,
        matrix: NDArray[np.float32],
        bias: NDArray[np.float32],
        *,
        name: str,
    ) -> str:
        """Add tensor @ matrix + bias."""
        return self.node(
            "Gemm",
            tensor,
            self.constant(f"{name}.weight", matrix),
            self.constant(f"{name}.bias", bias),
            name=name,
        )

    def put_before(self, other: onnx.GraphProto) -> None:
        """Put the graph's nodes and constants before those of another one."""
        nodes = [*self._nodes, *other.node]
        del other.node[:]
        other.node.extend(nodes)
        other.initializer.extend(self._constants.values())

    def model(
        self,
        inputs: Mapping[str, Shape],
        outputs: Mapping[str, Shape],
        metadata: dict[str, str],
    ) -> bytes:
        """Return the finished model."""
        graph = helper.make_graph(
            self._nodes,
            "adloom",
            [_tensor(name, shape) for name, shape in inputs.items()],
            [_tensor(name, shape) for name, shape in outputs.items()],
            list(self._constants.values()),
        )
        model = helper.make_model(
            graph,
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="adloom",
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString(deterministic=True)
        return content


def repeat_people(model: onnx.ModelProto) -> None:
    """Change a generator that takes a row of `person` for each row of `z`.

    Afterwards `person` has m rows for the n of `z`, each repeated n / m times.
    """
    _rename(model.graph, "person", _EACH)
    graph = Graph()
    m, n = (
        graph.node("Shape", name, name=f"{_EACH}.{name}", start=0, end=1)
        for name in ("person", "z")
    )
    times = graph.node("Div", n, m, name=f"{_EACH}.times")
    shape = graph.node("Concat", graph.whole(1), times, name=f"{_EACH}.ones", axis=0)
    shape = graph.node("Concat", shape, graph.whole(1), name=f"{_EACH}.shape", axis=0)
    column = graph.node("Unsqueeze", "person", graph.whole(1), name=f"{_EACH}.column")
    rows = graph.node("Expand", column, shape, name=f"{_EACH}.rows")  # (m, n / m, N)
    width = next(one for one in model.graph.input if one.name == "person")
    dims = width.type.tensor_type.shape.dim
    graph.node("Reshape", rows, graph.whole(-1, dims[1].dim_value), name=_EACH)
    dims[0].dim_param = "m"
    graph.put_before(model.graph)


def _rename(graph: onnx.GraphProto, before: str, after: str) -> None:
    """Rename a tensor wherever a node takes it, in nested graphs too."""
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == before:
                node.input[place] = after
        for attribute in node.attribute:
            for nested in (attribute.g, *attribute.graphs):
                _rename(nested, before, after)


def _tensor(name: str, shape: Shape) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
