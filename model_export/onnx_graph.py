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

    def by_condition(self, tensor: str, width: int, *, name: str) -> str:
        """Add the rows [n, width] as those of each condition: [m, n / m, width]."""
        m = self.node("Shape", "condition", name=f"{name}.m", start=0, end=1)
        rest = self.constant(f"{name}.rest", np.array([-1, width], np.int64))
        shape = self.node("Concat", m, rest, name=f"{name}.shape", axis=0)
        return self.node("Reshape", tensor, shape, name=name)

    def rows(self, tensor: str, width: int, *, name: str) -> str:
        """Add the inverse of `by_condition`: [n, width]."""
        shape = self.constant(f"{name}.shape", np.array([-1, width], np.int64))
        return self.node("Reshape", tensor, shape, name=name)

    def features(self, projection: Projection) -> str:
        """Add Projection.features of the input `condition`: [m, 14]."""
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
        """Return the finished model; sizes are the columns of each input and output.

        Beside the inputs named it has `condition`, with a number of rows of its own.
        """
        conditions = _tensor("condition", CONDITION_SIZE, "m")
        graph = helper.make_graph(
            self.nodes,
            "adloom",
            [*(_tensor(name, size) for name, size in inputs.items()), conditions],
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
    """Return generator.onnx: z [n, 8], condition [m, 70] -> logits, continuous [n].

    n is a multiple of m: a condition counts for n / m rows of z, one after another.
    Its own part of the first layer is then worked out m times, not n times.
    """
    graph = _Graph()
    weights = {
        name: part.numpy(force=True) for name, part in generator.body.named_parameters()
    }
    first = weights["first.weight"].T  # (8 + 14, 128)
    given = graph.linear(
        graph.features(projection), first[LATENT:], weights["first.bias"], name="given"
    )
    axis = graph.constant("given.axis", np.array([1], np.int64))
    given = graph.node("Unsqueeze", given, axis, name="given_rows")  # (m, 1, 128)
    drawn = graph.node(
        "MatMul", "z", graph.constant("drawn.weight", first[:LATENT]), name="drawn"
    )
    drawn = graph.by_condition(drawn, first.shape[1], name="drawn_rows")
    tensor = graph.node("Add", drawn, given, name="first")  # (m, n / m, 128)
    tensor = graph.rows(tensor, first.shape[1], name="first_rows")
    tensor = graph.node("LeakyRelu", tensor, name="first.active", alpha=SLOPE)
    tensor = graph.linear(
        tensor, weights["second.weight"].T, weights["second.bias"], name="second"
    )
    tensor = graph.node("LeakyRelu", tensor, name="second.active", alpha=SLOPE)
    head = graph.linear(
        tensor, weights["head.weight"].T, weights["head.bias"], name="head"
    )
    graph.columns(head, 0, space.n_logits, name="logits")
    raw = graph.columns(head, space.n_logits, _END, name="raw_continuous")
    graph.node("Sigmoid", raw, name="continuous")
    return graph.model(
        {"z": LATENT},
        {"logits": space.n_logits, "continuous": space.n_continuous},
        metadata,
    )


def critic_model(
    weights: ScoreWeights,
    space: DesignSpace,
    projection: Projection,
    metadata: dict[str, str],
) -> bytes:
    """Return critic.onnx: design [n, D], condition [m, 70] -> score [n, S].

    n is a multiple of m: a condition counts for n / m designs, one after another. It
    chooses the weights of their features, and does so m times, not n times.
    """
    graph = _Graph()
    features = graph.features(projection)
    n_draws = len(weights.intercept)
    who = graph.columns(features, 0, N_PERSON, name="who")
    flat = graph.linear(who, weights.per_feature, weights.always, name="look_weights")
    shape = graph.constant("by_draw.shape", np.array([0, -1, n_draws], np.int64))
    by_draw = graph.node("Reshape", flat, shape, name="by_draw")  # (m, F, S)
    n_looks = space.n_logits + 2 * space.n_continuous
    looks = graph.by_condition(_looks(graph, space), n_looks, name="looks_rows")
    pull = graph.node("MatMul", looks, by_draw, name="pull")  # (m, n / m, S)
    context = graph.linear(features, weights.context, weights.intercept, name="context")
    axis = graph.constant("context.axis", np.array([1], np.int64))
    context = graph.node("Unsqueeze", context, axis, name="context_rows")  # (m, 1, S)
    total = graph.node("Add", pull, context, name="total")
    graph.rows(total, n_draws, name="score")
    return graph.model({"design": space.size}, {"score": n_draws}, metadata)


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


def _tensor(name: str, size: int, rows: str = "n") -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, size])
