"""Trained networks -> ONNX bytes, node by node.

The networks are small, so their graphs are written out with the default operators: the
same weights give the same bytes, nothing of the exporting machine gets in, and an
export takes milliseconds. tests and the parity gate hold them to the torch networks.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from model_export.conditioning import CONDITION_SIZE, N_CATEGORIES
from model_export.design_space import DesignSpace
from model_export.model_files import LATENT
from model_export.networks import SLOPE, Generator
from model_export.projection import N_PERSON, Projection
from model_export.selector import ScoreWeights

OPSET = 18
_IR_VERSION = 9
"""ONNX 1.14's: every onnxruntime from 1.15 on reads it."""

_END = 2**31 - 1


class _Graph:
    """A graph under construction; methods return the name of the new tensor."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Add a weight."""
        self.constants.append(
            numpy_helper.from_array(np.ascontiguousarray(array), name)
        )
        return name

    def node(self, operator: str, *inputs: str, name: str, **attributes: Any) -> str:
        """Add an operator whose only output has that name."""
        self.nodes.append(
            helper.make_node(operator, inputs, [name], name, **attributes)
        )
        return name

    def columns(self, tensor: str, start: int, end: int, *, name: str) -> str:
        """Add tensor[:, start:end]."""
        bounds = [
            self.constant(f"{name}.{part}", np.array([number], np.int64))
            for part, number in (("start", start), ("end", end), ("axis", 1))
        ]
        return self.node("Slice", tensor, *bounds, name=name)

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

    def features(self, projection: Projection) -> str:
        """Add Projection.features of the input `condition`: [n, 14]."""
        preferences = self.columns("condition", 0, N_CATEGORIES, name="preferences")
        rest = self.columns("condition", N_CATEGORIES, _END, name="where_when")
        squares = self.node("Mul", preferences, preferences, name="squares")
        axis = self.constant("squares.axis", np.array([1], np.int64))
        length = self.node("ReduceSum", squares, axis, name="length", keepdims=1)
        mean = self.constant("projection.mean", projection.mean[None])
        offset = self.node("Mul", length, mean, name="offset")
        centred = self.node("Sub", preferences, offset, name="centred")
        matrix = self.constant("projection.matrix", projection.matrix)
        projected = self.node("MatMul", centred, matrix, name="projected")
        return self.node("Concat", projected, rest, name="features", axis=1)

    def model(
        self,
        inputs: dict[str, int],
        outputs: dict[str, int],
        metadata: dict[str, str],
    ) -> bytes:
        """Return the finished model; sizes are the columns of each input and output."""
        graph = helper.make_graph(
            self.nodes,
            "adloom",
            [_tensor(name, size) for name, size in inputs.items()],
            [_tensor(name, size) for name, size in outputs.items()],
            self.constants,
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


def generator_model(
    generator: Generator,
    space: DesignSpace,
    projection: Projection,
    metadata: dict[str, str],
) -> bytes:
    """Return generator.onnx: z [n, 8], condition [n, 70] -> logits, continuous."""
    graph = _Graph()
    tensor = graph.node(
        "Concat", "z", graph.features(projection), name="inputs", axis=1
    )
    weights = {
        name: part.numpy(force=True) for name, part in generator.body.named_parameters()
    }
    for layer in ("first", "second"):
        tensor = graph.linear(
            tensor,
            weights[f"{layer}.weight"].T,
            weights[f"{layer}.bias"],
            name=layer,
        )
        tensor = graph.node("LeakyRelu", tensor, name=f"{layer}.active", alpha=SLOPE)
    head = graph.linear(
        tensor, weights["head.weight"].T, weights["head.bias"], name="head"
    )
    graph.columns(head, 0, space.n_logits, name="logits")
    raw = graph.columns(head, space.n_logits, _END, name="raw_continuous")
    graph.node("Sigmoid", raw, name="continuous")
    return graph.model(
        {"z": LATENT, "condition": CONDITION_SIZE},
        {"logits": space.n_logits, "continuous": space.n_continuous},
        metadata,
    )


def critic_model(
    weights: ScoreWeights,
    space: DesignSpace,
    projection: Projection,
    metadata: dict[str, str],
) -> bytes:
    """Return critic.onnx: design [n, D], condition [n, 70] -> score [n, S]."""
    graph = _Graph()
    features = graph.features(projection)
    n_draws = len(weights.intercept)
    who = graph.columns(features, 0, N_PERSON, name="who")
    flat = graph.linear(who, weights.per_feature, weights.always, name="look_weights")
    shape = graph.constant("by_draw.shape", np.array([0, -1, n_draws], np.int64))
    by_draw = graph.node("Reshape", flat, shape, name="by_draw")  # (n, F, S)
    looks = _looks(graph, space)  # (n, F)
    axis = graph.constant("row.axis", np.array([1], np.int64))
    row = graph.node("Unsqueeze", looks, axis, name="row")  # (n, 1, F)
    product = graph.node("MatMul", row, by_draw, name="product")  # (n, 1, S)
    pull = graph.node("Squeeze", product, axis, name="pull")  # (n, S)
    context = graph.linear(features, weights.context, weights.intercept, name="context")
    graph.node("Add", pull, context, name="score")
    return graph.model(
        {"design": space.size, "condition": CONDITION_SIZE},
        {"score": n_draws},
        metadata,
    )


def _looks(graph: _Graph, space: DesignSpace) -> str:
    """Add one-hot columns, centred continuous ones and their squares: [n, F]."""
    blocks = graph.columns("design", 0, space.n_logits, name="blocks")
    scaled = graph.columns("design", space.n_logits, _END, name="scaled")
    two = graph.constant("two", np.array(2.0, np.float32))
    one = graph.constant("one", np.array(1.0, np.float32))
    doubled = graph.node("Mul", scaled, two, name="doubled")
    centred = graph.node("Sub", doubled, one, name="centred_design")
    squared = graph.node("Mul", centred, centred, name="squared_design")
    return graph.node("Concat", blocks, centred, squared, name="looks", axis=1)


def _tensor(name: str, size: int) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
