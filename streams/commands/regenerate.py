"""`adloom regenerate`: a creative made again from its receipt, and compared."""

from dataclasses import dataclass

from model_export.store.registry import Registry
from schemas.records import Creative, Receipt
from schemas.vocabulary import deployed
from streams.errors import StateError
from streams.kafka.connection import checked_connection
from streams.kafka.log_reader import read_to_end
from streams.kafka.schema_ids import wire_of
from streams.kafka.topics import CREATIVE
from streams.rendering.brand import brand_of, space_of
from streams.rendering.renderer import Renderer
from streams.settings import Settings
from streams.stages.creatives.inference import OnnxModel, load
from streams.stages.creatives.picking import Picker
from streams.stages.creatives.regeneration import regenerate


@dataclass(frozen=True)
class Audit:
    """What came of making a creative again."""

    creative: Creative
    equal: bool
    """True when every byte of the record is the same."""


async def audit(settings: Settings, creative_id: str) -> Audit:
    """Make a creative again from its receipt and compare it byte for byte.

    Raises:
        StateError: the creative is not on the topic, or its model cannot be loaded.
    """
    found = await _find(settings, creative_id)
    receipt = found.receipt
    model = model_of(Registry(settings.model.store), receipt)
    space = space_of(settings.model.space)
    renderer = Renderer(brand_of(settings.brand, space.drawings))
    picker = Picker(settings.creatives, model.space if model else space)
    again = regenerate(found, model, picker, renderer, deployed())
    codec = wire_of(settings).codec(Creative)
    return Audit(found, codec.encode(again) == codec.encode(found))


def model_of(registry: Registry, receipt: Receipt) -> OnnxModel | None:
    """Return the version and the posterior that a receipt names; None: control.

    Raises:
        StateError: one of them cannot be loaded.
    """
    if not receipt.model_version:
        return None
    model = load(
        registry, receipt.model_name, receipt.model_version, receipt.model_sha256
    )
    if receipt.posterior_sha256:
        return model.with_posterior(registry, receipt.posterior_sha256)
    return model


async def _find(settings: Settings, creative_id: str) -> Creative:
    wire = wire_of(settings)
    codec = wire.codec(Creative)
    async for record in read_to_end(
        checked_connection(settings),
        wire.name(CREATIVE),
        range(settings.kafka.partitions),
    ):
        if record.value and creative_id.encode() in record.value:
            creative = codec.decode(record.value)
            if creative.creative_id == creative_id:
                return creative
    raise StateError(
        f"no creative {creative_id!r} on {wire.name(CREATIVE)}: expected an id from "
        "the topic, from ClickHouse's table creative, or from the ad server"
    )
