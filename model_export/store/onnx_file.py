"""ONNX bytes -> metadata, or a refusal: what serving checks without torch or onnx.

Reads the protobuf wire format just far enough (protobuf.dev, "Encoding"; field numbers
of onnx.proto3) to prove that a model stays inside its own bytes: no external data, no
operators or functions outside the default domain, no training graph.
"""

from collections.abc import Iterator

MAX_DEPTH = 16
"""Nested graphs deeper than this are refused."""

_DEFAULT_DOMAINS = ("", "ai.onnx")

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Message -> field number -> the message in that field.
_NESTED: dict[str, dict[int, str]] = {
    "Model": {
        7: "Graph",
        8: "OperatorSet",
        14: "Property",
        20: "Training",
        25: "Function",
    },
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Node": {5: "Attribute"},
    "Attribute": {
        5: "Tensor",
        6: "Graph",
        10: "Tensor",
        11: "Graph",
        22: "Sparse",
        23: "Sparse",
    },
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
    "OperatorSet": {},
    "Property": {},
}
_NODE_DOMAIN, _OPSET_DOMAIN = 7, 1
_OPSET_VERSION = 2
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_KEY, _VALUE = 1, 2


class ModelFileError(ValueError):
    """A model file is not one that may be loaded."""


class _WireError(ValueError):
    """Bytes that are not protobuf."""


class OnnxFile:
    """A checked ONNX model.

    Args:
        content: the file.
        name: its name, for messages.

    Raises:
        ModelFileError: not ONNX, or it reaches outside itself.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self.metadata: dict[str, str] = {}
        self.opset = 0
        self._name = name
        try:
            self._walk(memoryview(content), "Model", 0)
        except (IndexError, UnicodeDecodeError, _WireError) as error:
            raise ModelFileError(f"{name} is not an ONNX file: {error!r}") from error
        if not self.opset:
            raise ModelFileError(
                f"{name} is not an ONNX file: it names no operator set"
            )

    def _walk(self, message: memoryview, kind: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ModelFileError(
                f"{self._name}: nested deeper than {MAX_DEPTH}; expected a flat graph"
            )
        texts: dict[int, str] = {}
        for field, value in _fields(message):
            self._check(kind, field, value)
            nested = _NESTED[kind].get(field)
            if isinstance(value, memoryview):
                if nested is not None:
                    self._walk(value, nested, depth + 1)
                elif kind in ("Property", "OperatorSet"):
                    texts[field] = bytes(value).decode()
            elif kind == "OperatorSet" and field == _OPSET_VERSION:
                self.opset = value
        if kind == "Property":
            self.metadata[texts.get(_KEY, "")] = texts.get(_VALUE, "")

    def _check(self, kind: str, field: int, value: int | memoryview) -> None:
        """Refuse what reaches outside the file."""
        nested = _NESTED[kind].get(field)
        if nested in ("Training", "Function"):
            raise ModelFileError(
                f"{self._name} carries a {nested.lower()}; expected a plain graph"
            )
        if kind == "Tensor" and field in (_TENSOR_EXTERNAL, _TENSOR_LOCATION) and value:
            raise ModelFileError(
                f"{self._name} keeps weights in another file; expected all inside it"
            )
        domain_field = {"Node": _NODE_DOMAIN, "OperatorSet": _OPSET_DOMAIN}.get(kind)
        if field == domain_field and isinstance(value, memoryview):
            domain = bytes(value).decode("utf-8", "replace")
            if domain not in _DEFAULT_DOMAINS:
                raise ModelFileError(
                    f"{self._name} uses operators of {domain!r}; expected the default "
                    "ONNX domain only"
                )


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield field number and value: an integer, or the bytes of a longer field."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        field, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, position = _varint(message, position)
            yield field, value
            continue
        if wire == _BYTES:
            size, position = _varint(message, position)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise _WireError(f"wire type {wire}")
        if position + size > len(message):
            raise _WireError("a field is longer than its message")
        yield field, message[position : position + size]
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  # the continuation bit
            return value, position
    raise _WireError("a number is longer than ten bytes")
