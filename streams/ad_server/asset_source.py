"""A creative's record -> its rendered forms: read, or drawn when first asked for."""

from collections import OrderedDict

from schemas.records import Asset, Creative
from streams.ad_server.delivery import ReadyCreative
from streams.kafka.wire import Wire
from streams.rendering.renderer import Renderer

MAX_RENDERED = 1_000
"""Creatives whose drawn forms are kept: about 20 KB each."""


class AssetSource:
    """Rendered forms of creatives.

    A record that carries none (`creatives.assets = "on_demand"`) is drawn from its
    design and words. Drawing depends on the record and the brand alone, so the bytes
    are the ones that would have been inline.

    Args:
        wire: codecs.
        renderer: of the brand.
        max_rendered: creatives whose drawn forms are kept; the least used leave first.
    """

    def __init__(
        self, wire: Wire, renderer: Renderer, max_rendered: int = MAX_RENDERED
    ) -> None:
        self.n_rendered = 0
        self._codec = wire.codec(Creative)
        self._renderer = renderer
        self._max_rendered = max_rendered
        self._kept: OrderedDict[bytes, tuple[Asset, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, entry: ReadyCreative) -> tuple[Asset, ...]:
        """Return the rendered forms of a creative."""
        kept = self._kept.get(entry.message)
        if kept is not None:
            self._kept.move_to_end(entry.message)
            return kept
        creative = self._codec.decode(entry.message)
        if creative.assets:
            return creative.assets
        drawn = self._renderer.assets(
            creative.surface,
            creative.design,
            creative.copy,
            creative.category,
            creative.language,
            creative.creative_id,
        )
        self.n_rendered += 1
        self._kept[entry.message] = drawn
        if len(self._kept) > self._max_rendered:
            self._kept.popitem(last=False)
        return drawn
