"""Answers of a micro-batch, as columns -> messages of ads.creative.v1.

No object is made for a creative: what was seen a moment ago (words, sentences, places,
who answered) is copied as bytes, the rest written from columns. The fields come in the
order of `schemas/creative.avsc`; the bytes are those of `schemas.avro.Codec`.
"""

from collections.abc import Iterator

import numpy as np

from model_export.space.conditioning import sealed
from model_export.space.design_space import DesignSpace
from schemas.records import Asset, Design
from schemas.vocabulary import Vocabulary, deployed
from streams.columns.avro_columns import (
    Blocks,
    Chosen,
    Column,
    Doubles,
    Longs,
    MaybeDoubles,
    Pieces,
    Remembered,
    Texts,
)
from streams.columns.avro_rows import rows, text
from streams.columns.changelog import varint
from streams.columns.ids import Digests, derived_ids
from streams.rendering.renderer import Renderer
from streams.stages.creatives.answers import NO_SHADOW, Answers, Picks
from streams.stages.creatives.arms import Arm
from streams.stages.creatives.explanation import Explainer, Key
from streams.stages.creatives.hard_rules import TIRED

_END = b"\0"
"""Of a map or an array; also null in a union that begins with null."""
_VALUE = b"\2"
"""Before the value in a union that begins with null."""
_TRUE = b"\1"

_SURFACES = deployed().surfaces


class CreativeMessages:
    """Writes creatives.

    Args:
        frame: what every message begins with (`Codec.frame`).
        space: of the designs.
        vocabulary: names of the categories.
        renderer: words, and pictures where they are wanted.
        n_candidates: K, designs a pool.
        with_assets: False leaves the pictures to whoever shows them first.
    """

    def __init__(
        self,
        frame: bytes,
        space: DesignSpace,
        vocabulary: Vocabulary,
        renderer: Renderer,
        *,
        n_candidates: int,
        with_assets: bool,
    ) -> None:
        self._frame = frame
        self._space = space
        self._renderer = renderer
        self._explainer = Explainer(vocabulary)
        self._n_candidates = n_candidates
        self._with_assets = with_assets
        self._values = [
            text(name) + text(value)
            for name, values in space.categorical.items()
            for value in values
        ]
        self._value_names = [
            value for values in space.categorical.values() for value in values
        ]
        self._worded = [
            (column, name)
            for column, name in enumerate(space.categorical)
            if name in renderer.worded
        ]
        self._places = Remembered(_place, 16_384)
        self._words = Remembered(self._written, 65_536)
        self._rules = Remembered(self._named, 1_024)
        self._sentences = Remembered(self._explained, 65_536)

    def written(
        self, answers: Answers, created_at: int, expires_at: int
    ) -> list[bytes]:
        """Return a message for each answer.

        Args:
            answers: n of them.
            created_at: epoch ms.
            expires_at: epoch ms.
        """
        n = len(answers.request_ids)
        digests = [arm.digests for arm in answers.arms]
        ids = derived_ids(n, "creative", answers.request_ids, digests)
        where = zip(
            answers.placements,
            answers.surfaces,
            answers.languages,
            answers.briefs.categories,
            strict=True,
        )
        columns: list[Column] = [
            self._frame + varint(ids.shape[1]),
            Blocks(ids),
            Texts(answers.request_ids),
            Texts(answers.user_ids),
            Pieces([self._places[key] for key in where]),
            varint(created_at) + varint(expires_at),
            *self._designs(answers.picks),
            Pieces(self._copies(answers)),
            Pieces(self._assets(answers, ids)) if self._with_assets else _END,
            *self._receipts(answers),
        ]
        return rows(n, columns)

    def _designs(self, picks: Picks) -> Iterator[Column]:
        n_words, n_numbers = picks.columns.shape[1], picks.continuous.shape[1]
        yield varint(n_words) if n_words else b""
        for column in range(n_words):
            places = np.ascontiguousarray(picks.columns[:, column], np.int64)
            yield Chosen(self._values, places)
        before = _END + (varint(n_numbers) if n_numbers else b"")
        own_units = self._space.own_units(picks.continuous)
        for column, name in enumerate(self._space.continuous):
            yield before + text(name)
            yield Doubles(np.ascontiguousarray(own_units[:, column]))
            before = b""
        yield before + _END

    def _copies(self, answers: Answers) -> list[bytes]:
        worded = [column for column, _ in self._worded]
        places = answers.picks.columns[:, worded].T.tolist()
        keys = zip(*places, answers.briefs.categories, answers.languages, strict=True)
        return [self._words[key] for key in keys]

    def _written(self, key: tuple[int | str, ...]) -> bytes:
        """Return the words of a category and a language for values of attributes."""
        *places, category, language = key
        values = {
            name: self._value_names[int(place)]
            for (_, name), place in zip(self._worded, places, strict=True)
        }
        design = Design(categorical=values, continuous={})
        words = self._renderer.copy(design, str(category), str(language))
        parts = (words.headline, words.body, words.cta, words.spoken, words.disclosure)
        return b"".join(map(text, parts))

    def _assets(self, answers: Answers, ids: Digests) -> list[bytes]:
        designs = self._space.designs(answers.picks.columns.T, answers.picks.continuous)
        pieces = []
        for surface, design, category, language, creative_id in zip(
            answers.surfaces,
            designs,
            answers.briefs.categories,
            answers.languages,
            ids,
            strict=True,
        ):
            words = self._renderer.copy(design, category, language)
            rendered = self._renderer.assets(
                surface, design, words, category, language, bytes(creative_id).decode()
            )
            pieces.append(_array([_asset(one) for one in rendered]))
        return pieces

    def _receipts(self, answers: Answers) -> Iterator[Column]:
        picks = answers.picks
        given = np.ascontiguousarray(sealed(answers.conditions), "<f4").view(np.uint8)
        broken = map(bytes, np.packbits(picks.broken, 1))
        answerers = {id(arm): arm for arm in answers.arms}
        pieces = {key: _answerer(arm) for key, arm in answerers.items()}
        yield Pieces([pieces[id(arm)] for arm in answers.arms])
        yield Longs(answers.seeds.astype(np.int64))
        yield varint(self._n_candidates)
        yield Longs(picks.n_rejected)
        yield Pieces([self._rules[rules] for rules in broken])
        yield Texts(answers.briefs.tired_of)
        yield Doubles(picks.propensity)
        yield MaybeDoubles(picks.score)
        yield varint(given.shape[1])
        yield Blocks(given)
        yield Pieces([_shadow(one) for one in picks.shadow_version.tolist()])
        keys = self._explainer.keys(answers.arms, answers.languages, answers.conditions)
        yield Pieces([self._sentences[key] for key in keys])
        yield _TRUE

    def _explained(self, key: Key) -> bytes:
        return text(self._explainer.sentence(key))

    def _named(self, packed: bytes) -> bytes:
        """Return the names of the rules whose bits are set."""
        bits = np.unpackbits(np.frombuffer(packed, np.uint8))
        names = (*self._space.rule_names, TIRED)
        return _array([text(names[rule]) for rule in np.flatnonzero(bits)])


def _place(key: tuple[str, str, str, str]) -> bytes:
    placement, surface, language, category = key
    kind = varint(_SURFACES.index(surface))
    return text(placement) + kind + text(language) + text(category)


def _answerer(arm: Arm) -> bytes:
    version = varint(arm.version)
    who = text(arm.name) + text(arm.model_name) + version + text(arm.sha256)
    return who + text(arm.posterior_sha256)


def _asset(asset: Asset) -> bytes:
    size = varint(asset.width_px) + varint(asset.height_px)
    return text(asset.name) + text(asset.media_type) + size + text(asset.content)


def _array(items: list[bytes]) -> bytes:
    return varint(len(items)) + b"".join(items) + _END if items else _END


def _shadow(version: int) -> bytes:
    return _END if version == NO_SHADOW else _VALUE + varint(version)
