"""Placement + language -> the creative shown when there is none for the person.

Neutral design, no personal data: what everybody may see.
"""

from model_export.space.drawing_rules import LANGUAGES
from schemas.avro import Codec, SchemaIds
from schemas.records import Creative, Design, Receipt
from schemas.vocabulary import Placement, deployed
from streams.ad_server.delivery import ReadyCreative, ready
from streams.rendering.renderer import Renderer

ARM = "fallback"

_NO_CATEGORY = ""
_DESIGN = Design(
    categorical={
        "layout": "card",
        "palette": "slate",
        "hero": "none",
        "appeal": "trust",
        "tone": "plain",
        "cta": "discover",
        "badge": "none",
        "typography": "sans",
    },
    continuous={"font_scale": 1.0, "contrast": 0.6, "density": 0.5},
)
_EXPLANATION = {
    "en": "A general ad: it was not chosen for you, and no personal data was used.",
    "zh": "通用广告：并非为你个性化选择，未使用个人数据。",
}


class Fallbacks:
    """Fallback creatives, one for each placement and language.

    Args:
        renderer: of the brand.
        ids: where schema ids come from.
        life_ms: how long an ad that was handed out may be shown.
    """

    def __init__(self, renderer: Renderer, ids: SchemaIds, life_ms: int) -> None:
        self._renderer = renderer
        self._codec = Codec(Creative, ids)
        self._life_ms = life_ms
        self._made: dict[tuple[str, str], ReadyCreative] = {}

    def get(self, placement: Placement, language: str, now: int) -> ReadyCreative:
        """Return the fallback; it lives for at least half of `life_ms` from now."""
        key = (placement.name, language)
        entry = self._made.get(key)
        if entry is None or entry.expires_at - now < self._life_ms // 2:
            creative = self._creative(placement, language, now)
            message = self._codec.encode(creative)
            entry = self._made[key] = ready(creative, message, fallback=True)
        return entry

    def warm_up(self, now: int) -> None:
        """Make all of them, so that the first request does not wait."""
        for placement in deployed().placements.values():
            for language in LANGUAGES:
                self.get(placement, language, now)

    def _creative(self, placement: Placement, language: str, now: int) -> Creative:
        creative_id = f"fallback-{placement.name}-{language}"
        copy = self._renderer.copy(_DESIGN, _NO_CATEGORY, language)
        return Creative(
            creative_id=creative_id,
            request_id="",
            user_id="",
            placement=placement.name,
            surface=placement.surface,
            language=language,
            category=_NO_CATEGORY,
            created_at=now,
            expires_at=now + self._life_ms,
            design=_DESIGN,
            copy=copy,
            assets=self._renderer.assets(
                placement.surface, _DESIGN, copy, _NO_CATEGORY, language, creative_id
            ),
            receipt=Receipt(
                arm=ARM,
                model_name="none",
                model_version=0,
                model_sha256="",
                seed=0,
                n_candidates=1,
                n_rejected=0,
                rejections=(),
                propensity=1.0,
                condition=b"",
                explanation=_EXPLANATION[language],
                ai_generated=True,
            ),
        )
