"""Taste, generator and critic -> person.onnx, generator.onnx and critic.onnx.

    condition [m, 71]              -> person [m, N]
    z [n, 8], person [m, N]        -> logits [n, NV], continuous [n, NC]
    person [m, N], weights [P, S]  -> worth [m, F, S], base [m, S]

The click logit of a design is, for each posterior draw s, base[s] plus the worth of its
looks. Weights are an input: a fresher posterior needs no new graph.
"""

import numpy as np

from model_export.critic.layout import Layout
from model_export.critic.selector import BASE_LOGIT
from model_export.critic.taste import LONGEST_STEP, NEWTON_STEPS, TasteModel
from model_export.generators.networks import SLOPE, Generator
from model_export.generators.onnx_graph import END, Graph
from model_export.space.conditioning import size_of
from model_export.space.design_space import DesignSpace
from model_export.store.model_files import LATENT

_SMALL = 1e-9


def person_model(taste: TasteModel, metadata: dict[str, str]) -> bytes:
    """Return person.onnx: `TasteModel.features`, Newton's steps written out."""
    graph = Graph()
    k, n_categories = taste.n_tastes, len(taste.ids.categories)
    size = size_of(taste.ids)
    roots = graph.part("condition", 0, n_categories, 1, name="roots")
    total = graph.part("condition", size - 1, END, 1, name="total")  # (m, 1)
    shares = graph.node("Mul", roots, roots, name="shares")
    counts = graph.node("Mul", shares, total, name="counts")
    loadings = graph.constant("loadings", taste.loadings)
    pull = graph.node("MatMul", counts, loadings, name="pull_rows")
    pull = _turned(graph, pull, "pull")  # (k, m)
    total = _turned(graph, total, "weight")  # (1, m)
    base = graph.constant("base", taste.base[None])
    where = graph.constant("start", np.zeros((k, 1), np.float32))
    for step in range(NEWTON_STEPS):
        where = _newton(graph, taste, (pull, total, base, where), f"step{step}")
    where = _turned(graph, where, "taste")  # (m, k)
    centred = graph.node(
        "Sub", where, graph.constant("centre", taste.centre[None]), name="centred"
    )
    axes = graph.constant("axes", taste.axes)
    placed = graph.node("MatMul", centred, axes, name="placed")
    rest = graph.part("condition", n_categories, size - 1, 1, name="where_when")
    graph.node("Concat", placed, rest, name="person", axis=1)
    return graph.model(
        {"condition": ("m", size)},
        {"person": ("m", taste.n_features)},
        metadata,
    )


def generator_model(
    generator: Generator, space: DesignSpace, n_features: int, metadata: dict[str, str]
) -> bytes:
    """Return generator.onnx: z [n, 8], person [m, N] -> logits, continuous [n].

    n is a multiple of m: a person counts for n / m rows of z, one after another. Their
    own part of the first layer is then worked out m times, not n times.
    """
    graph = Graph()
    weights = {
        name: part.numpy(force=True) for name, part in generator.body.named_parameters()
    }
    first = weights["first.weight"].T  # (8 + N, 128)
    width = first.shape[1]
    given = graph.linear("person", first[LATENT:], weights["first.bias"], name="given")
    given = graph.shaped(given, 0, 1, width, name="given_rows")  # (m, 1, 128)
    drawn = graph.node(
        "MatMul", "z", graph.constant("drawn.weight", first[:LATENT]), name="drawn"
    )
    m = graph.node("Shape", "person", name="m", start=0, end=1)
    shape = graph.node("Concat", m, graph.whole(-1, width), name="by_person", axis=0)
    drawn = graph.node("Reshape", drawn, shape, name="drawn_rows")  # (m, n / m, 128)
    tensor = graph.node("Add", drawn, given, name="first")
    tensor = graph.shaped(tensor, -1, width, name="first_rows")
    tensor = graph.node("LeakyRelu", tensor, name="first.active", alpha=SLOPE)
    tensor = graph.linear(
        tensor, weights["second.weight"].T, weights["second.bias"], name="second"
    )
    tensor = graph.node("LeakyRelu", tensor, name="second.active", alpha=SLOPE)
    head = graph.linear(
        tensor, weights["head.weight"].T, weights["head.bias"], name="head"
    )
    graph.part(head, 0, space.n_logits, 1, name="logits")
    raw = graph.part(head, space.n_logits, END, 1, name="raw_continuous")
    graph.node("Sigmoid", raw, name="continuous")
    return graph.model(
        {"z": ("n", LATENT), "person": ("m", n_features)},
        {"logits": ("n", space.n_logits), "continuous": ("n", space.n_continuous)},
        metadata,
    )


def critic_model(layout: Layout, metadata: dict[str, str]) -> bytes:
    """Return critic.onnx: person [m, N], weights [P, S] -> worth, base."""
    graph = Graph()
    n_pairs = layout.n_looks * layout.n_who
    pairs = graph.part("weights", 0, n_pairs, 0, name="pairs")  # (F W, S)
    by_look = graph.shaped(pairs, layout.n_looks, layout.n_who, -1, name="by_look")
    by_who = graph.node("Transpose", by_look, name="by_who", perm=[1, 0, 2])
    flat = graph.shaped(by_who, layout.n_who, -1, name="flat")  # (W, F S)
    own = graph.part("person", 0, layout.n_who - 1, 1, name="own")
    everybody = graph.part(flat, 0, 1, 0, name="everybody")
    personal = graph.part(flat, 1, END, 0, name="personal")
    pulled = graph.node("Gemm", own, personal, everybody, name="pulled")
    graph.shaped(pulled, 0, layout.n_looks, -1, name="worth")
    context = graph.part("weights", n_pairs, -1, 0, name="context")
    intercept = graph.part("weights", -1, END, 0, name="intercept")  # (1, S)
    moved = graph.node("Add", intercept, graph.number(BASE_LOGIT), name="moved")
    graph.node("Gemm", "person", context, moved, name="base")
    return graph.model(
        {"person": ("m", layout.n_features), "weights": (layout.n_weights, "s")},
        {"worth": ("m", layout.n_looks, "s"), "base": ("m", "s")},
        metadata,
    )


def _newton(
    graph: Graph, taste: TasteModel, tensors: tuple[str, str, str, str], name: str
) -> str:
    """Add one bounded Newton step of `taste._modes`: the next taste [k, m].

    People come last: the loops inside the operators then run along all of them, and
    not along six tastes.
    """
    pull, total, base, where = tensors
    k = taste.n_tastes
    moves = graph.constant("moves", taste.loadings.T)
    rows = _turned(graph, where, f"{name}.where")  # (m, k)
    moved = graph.node("MatMul", rows, moves, name=f"{name}.moved")
    logits = graph.node("Add", moved, base, name=f"{name}.logits")
    shares = graph.node("Softmax", logits, name=f"{name}.shares", axis=1)
    both = graph.constant("loadings_and_squares", _loadings_and_squares(taste))
    moments = graph.node("MatMul", shares, both, name=f"{name}.moment_rows")
    moments = _turned(graph, moments, f"{name}.moments")  # (k + k k, m)
    mean = graph.part(moments, 0, k, 0, name=f"{name}.mean")
    second = graph.part(moments, k, END, 0, name=f"{name}.flat")
    second = graph.shaped(second, k, k, -1, name=f"{name}.second")
    column = graph.shaped(mean, k, 1, -1, name=f"{name}.column")
    row = graph.shaped(mean, 1, k, -1, name=f"{name}.row")
    outer = graph.node("Mul", column, row, name=f"{name}.outer")
    spread = graph.node("Sub", second, outer, name=f"{name}.spread")
    weighted = graph.node("Mul", spread, total, name=f"{name}.weighted")
    one = graph.constant("identity", np.eye(k, dtype=np.float32)[:, :, None])
    precision = graph.node("Add", weighted, one, name=f"{name}.precision")
    expected = graph.node("Mul", mean, total, name=f"{name}.expected")
    missing = graph.node("Sub", pull, expected, name=f"{name}.missing")
    slope = graph.node("Sub", missing, where, name=f"{name}.slope")
    step = _solved(graph, precision, slope, k, name)
    squares = graph.node("Mul", step, step, name=f"{name}.squares")
    square = graph.node(
        "ReduceSum", squares, graph.whole(0), name=f"{name}.square", keepdims=1
    )
    length = graph.node("Sqrt", square, name=f"{name}.length")
    length = graph.node("Add", length, graph.number(_SMALL), name=f"{name}.positive")
    bound = graph.node("Div", graph.number(LONGEST_STEP), length, name=f"{name}.bound")
    factor = graph.node("Min", bound, graph.number(1.0), name=f"{name}.factor")
    bounded = graph.node("Mul", step, factor, name=f"{name}.bounded")
    return graph.node("Add", where, bounded, name=f"{name}.taste")


def _solved(graph: Graph, matrix: str, right: str, k: int, name: str) -> str:
    """Add the solution of matrix [k, k, m] times x = right [k, m]: [k, m].

    Gauss-Jordan without pivoting, which positive definite matrices do not need.
    """
    column = graph.shaped(right, k, 1, -1, name=f"{name}.right")
    rows = graph.node("Concat", matrix, column, name=f"{name}.system", axis=1)
    for j in range(k):
        step = f"{name}.pivot{j}"
        # Columns left of the pivot are done with: they are dropped as we go.
        own = graph.part(rows, j, j + 1, 0, name=f"{step}.own")  # (1, k + 1 - j, m)
        pivot = graph.part(own, 0, 1, 1, name=f"{step}.pivot")
        scaled = graph.node("Div", own, pivot, name=f"{step}.scaled")
        first = graph.part(rows, 0, 1, 1, name=f"{step}.first")  # (k, 1, m)
        unit = np.zeros((k, 1, 1), np.float32)
        unit[j] = 1.0
        factor = graph.node(
            "Sub", first, graph.constant(f"unit{j}", unit), name=f"{step}.factor"
        )
        change = graph.node("Mul", factor, scaled, name=f"{step}.change")
        rest = graph.node("Sub", rows, change, name=f"{step}.all")
        rows = graph.part(rest, 1, END, 1, name=f"{step}.rows")
    return graph.shaped(rows, k, -1, name=f"{name}.step")


def _turned(graph: Graph, tensor: str, name: str) -> str:
    return graph.node("Transpose", tensor, name=name, perm=[1, 0])


def _loadings_and_squares(taste: TasteModel) -> np.ndarray:
    k = taste.n_tastes
    squares = taste.loadings[:, :, None] * taste.loadings[:, None, :]
    return np.concatenate([taste.loadings, squares.reshape(-1, k * k)], 1)
