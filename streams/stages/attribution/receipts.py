"""The part of a creative that feedback carries on -> the Avro of those fields."""

from dataclasses import asdict
from functools import cache
from io import BytesIO
from typing import Any

import fastavro

from schemas.avro import schema_of
from schemas.records import Feedback
from streams.stages.attribution.state import KnownCreative

_RECEIPT = (
    "arm",
    "model_name",
    "model_version",
    "propensity",
    "condition",
    "design",
)
"""The last fields of Feedback, in its order."""


def category_avro(creative: KnownCreative) -> bytes:
    """Return the field `category` of a creative's feedback."""
    return _written(("category",), {"category": creative.category})


def receipt_avro(creative: KnownCreative) -> bytes:
    """Return the fields from `arm` on of a creative's feedback."""
    fields = {name: getattr(creative, name) for name in _RECEIPT}
    return _written(_RECEIPT, fields | {"design": asdict(creative.design)})


def _written(names: tuple[str, ...], fields: dict[str, Any]) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, _part(names), fields)
    return out.getvalue()


@cache
def _part(names: tuple[str, ...]) -> Any:
    """Return the schema of some of Feedback's fields: they lie side by side in it."""
    schema = schema_of(Feedback)
    fields = [field for field in schema["fields"] if field["name"] in names]
    return fastavro.parse_schema(schema | {"fields": fields}, named_schemas={})
