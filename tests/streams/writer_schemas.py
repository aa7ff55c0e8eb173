"""Schemas of Behavior as an older and a newer program write it, and their messages."""

import copy
from dataclasses import asdict
from io import BytesIO

import fastavro


def older(schema):
    """Before user_agent and the video surface were added; other order of fields."""
    theirs = copy.deepcopy(schema)
    kept = [one for one in theirs["fields"] if one["name"] != "user_agent"]
    surface = next(one for one in kept if one["name"] == "surface")
    surface["type"][1]["symbols"] = ["device", "search", "social"]
    return {**theirs, "fields": kept[3:] + kept[:3]}


def newer(schema):
    """With new fields and symbols, and without item."""
    theirs = copy.deepcopy(schema)
    kept = [one for one in theirs["fields"] if one["name"] != "item"]
    kind = next(one for one in kept if one["name"] == "kind")
    kind["type"]["symbols"].insert(2, "share")
    surface = next(one for one in kept if one["name"] == "surface")
    surface["type"][1]["symbols"].append("billboard")
    added = [
        {"name": "referrer", "type": ["null", "string"], "default": None},
        {"name": "dwell_ms", "type": ["long", "null"]},
        {"name": "scroll", "type": ["null", "double"], "default": None},
        {"name": "mood", "type": {"type": "enum", "name": "Mood", "symbols": ["a"]}},
        {"name": "steps", "type": {"type": "array", "items": "long"}},
        {"name": "proof", "type": "bytes"},
    ]
    return {**theirs, "fields": kept[:5] + added + kept[5:]}


def values_of(rng, one):
    """Return what the newer writer says of an event; the older leaves some out."""
    return asdict(one) | {
        "referrer": rng.choice([None, "https://a.example", "\u2028", "界"]),
        "dwell_ms": rng.choice([None, 2**62]),
        "scroll": rng.choice([None, 0.5, float("inf")]),
        "mood": "a",
        "steps": [1] * rng.choice([0, 1, 60]),
        "proof": b"\0\xff",
    }


def message(schema_id, schema, values):
    """Return a framed message of a writer."""
    out = BytesIO()
    out.write(b"\0" + schema_id.to_bytes(4, "big"))
    plain = without_logical_types(schema)
    fastavro.schemaless_writer(
        out, fastavro.parse_schema(plain, named_schemas={}), values
    )
    return out.getvalue()


def without_logical_types(schema):
    theirs = copy.deepcopy(schema)
    next(one for one in theirs["fields"] if one["name"] == "occurred_at")["type"] = (
        "long"
    )
    return theirs
