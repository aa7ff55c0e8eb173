"""Creative -> bytes, from pieces encoded before: the codec of the busiest wide record.

A creative has some fifty values, and nearly all of them were seen a moment ago: names
of attributes, words, who answered. Each such piece is encoded once and then copied, a
quarter of the cost of walking the record; the bytes are those of `Codec`.

Source: Apache Avro 1.12 specification, "Binary encoding".
"""

import struct
from functools import lru_cache
from typing import get_args

from schemas.avro import Codec, SchemaIds
from schemas.records import Asset, Copy, Creative, Design, Receipt, Surface

_FRAME = struct.Struct(">bI")
_DOUBLE = struct.Struct("<d")
_END = b"\x00"
"""Of a map or an array; also null in a union that begins with null."""
_VALUE = b"\x02"
"""Before the value in a union that begins with null."""
_TRUE, _FALSE = b"\x01", b"\x00"
_MOST = 2**63


class CreativeCodec(Codec[Creative]):
    """A `Codec` of creatives whose `encode` is quicker; equal bytes."""

    def __init__(self, ids: SchemaIds) -> None:
        super().__init__(Creative, ids)
        self._start = _FRAME.pack(0, ids.id_of(Creative))

    def encode(self, value: Creative) -> bytes:
        """Return `value` framed.

        Raises:
            AvroError: a field does not fit the schema.
        """
        try:
            return self._start + b"".join(_pieces(value))
        except (ValueError, TypeError, OverflowError, AttributeError, struct.error):
            return super().encode(value)  # which says what is wrong


def _pieces(creative: Creative) -> tuple[bytes, ...]:
    return (
        _text(creative.creative_id),
        _text(creative.request_id),
        _text(creative.user_id),
        _place(
            creative.placement, creative.surface, creative.language, creative.category
        ),
        _instant(creative.created_at),
        _instant(creative.expires_at),
        *_design(creative.design),
        _copy(creative.copy),
        *_assets(creative.assets),
        *_receipt(creative.receipt),
    )


@lru_cache(maxsize=4_096)
def _place(placement: str, surface: Surface, language: str, category: str) -> bytes:
    kind = _long(get_args(Surface).index(surface))
    return _text(placement) + kind + _text(language) + _text(category)


def _design(design: Design) -> tuple[bytes, ...]:
    words, numbers = design.categorical, design.continuous
    return (
        *([_long(len(words))] if words else ()),
        *[_pair(name, value) for name, value in words.items()],
        _END,
        *([_long(len(numbers))] if numbers else ()),
        *[_name(name) + _DOUBLE.pack(value) for name, value in numbers.items()],
        _END,
    )


@lru_cache(maxsize=16_384)
def _copy(copy: Copy) -> bytes:
    words = (copy.headline, copy.body, copy.cta, copy.spoken, copy.disclosure)
    return b"".join(map(_text, words))


def _assets(assets: tuple[Asset, ...]) -> list[bytes]:
    if not assets:
        return [_END]
    pieces = [_long(len(assets))]
    for asset in assets:
        pieces += [
            _form(asset.name, asset.media_type, asset.width_px, asset.height_px),
            _text(asset.content),
        ]
    return [*pieces, _END]


@lru_cache(maxsize=256)
def _form(name: str, media_type: str, width_px: int, height_px: int) -> bytes:
    return _text(name) + _text(media_type) + _long(width_px) + _long(height_px)


def _receipt(receipt: Receipt) -> tuple[bytes, ...]:
    condition, score, shadow = receipt.condition, receipt.score, receipt.shadow_version
    return (
        _answerer(
            receipt.arm,
            receipt.model_name,
            receipt.model_version,
            receipt.model_sha256,
            receipt.posterior_sha256,
        ),
        _long(receipt.seed),
        _long(receipt.n_candidates),
        _long(receipt.n_rejected),
        _names(receipt.rejections),
        _DOUBLE.pack(receipt.propensity),
        _END if score is None else _VALUE + _DOUBLE.pack(score),
        _long(len(condition)),
        condition,
        _END if shadow is None else _VALUE + _long(shadow),
        _sentence(receipt.explanation),
        _TRUE if receipt.ai_generated else _FALSE,
    )


@lru_cache(maxsize=256)
def _answerer(
    arm: str, model_name: str, version: int, sha256: str, posterior: str
) -> bytes:
    who = _text(arm) + _text(model_name) + _long(version)
    return who + _text(sha256) + _text(posterior)


@lru_cache(maxsize=1_024)
def _names(names: tuple[str, ...]) -> bytes:
    if not names:
        return _END
    return _long(len(names)) + b"".join(map(_text, names)) + _END


@lru_cache(maxsize=8_192)
def _pair(name: str, value: str) -> bytes:
    return _text(name) + _text(value)


@lru_cache(maxsize=1_024)
def _name(name: str) -> bytes:
    return _text(name)


@lru_cache(maxsize=16_384)
def _sentence(text: str) -> bytes:
    return _text(text)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _long(len(encoded)) + encoded


@lru_cache(maxsize=64)
def _instant(at: int) -> bytes:
    return _long(at)


def _long(number: int) -> bytes:
    """Return a zigzag varint, least significant group first."""
    if 0 <= number < len(_SHORT):
        return _SHORT[number]
    if not -_MOST <= number < _MOST:
        raise OverflowError(f"{number}: expected 64 bits")
    return _varint((number << 1) ^ (number >> 63))


def _varint(rest: int) -> bytes:
    groups = bytearray()
    while rest > 0x7F:  # noqa: PLR2004  # seven bits a byte
        groups.append(rest & 0x7F | 0x80)
        rest >>= 7
    groups.append(rest)
    return bytes(groups)


_SHORT = tuple(_varint(number << 1) for number in range(1_024))
