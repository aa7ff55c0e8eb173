"""Whose ad it is: name, landing page and colours."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import structlog

from model_export.space import design_space
from model_export.space.design_space import DesignSpace, SpaceError
from model_export.space.drawing_rules import LANGUAGES
from model_export.space.drawings import Drawings, bundled
from schemas.vocabulary import BUNDLED_FILE, Vocabulary, deployed, named_file
from streams.errors import ConfigurationError
from streams.settings import BrandSettings

LOG = structlog.get_logger(__name__)

DEFAULT = "en"
"""Language of ads where the one asked for is not spoken."""

SAID_IN = (
    "model_export/space/drawing_rules.py",
    "model_export/space/drawable.toml",
    "streams/rendering/typefaces.toml",
    "streams/rendering/wording.py",
    "streams/stages/creatives/explanation.py",
    "streams/ad_server/fallback.py",
    "streams/ad_server/pages.py",
)
"""Files that have the words and faces of each language, in the order to write them."""

_URL_SAFE = "!#$&'()*+,/:;=?@[]~%-._"
_MAX_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandKit:
    """What the advertiser gives once; every creative of theirs uses it.

    `asset_root` is where the advertiser's ad server publishes assets, as
    `<asset_root>/<creative id>/<asset name>`; `drawings` are those of the creative
    space, with the brand's own colours and words.
    """

    name: str
    landing_url: str
    asset_root: str
    drawings: Drawings = field(default_factory=bundled)

    def __post_init__(self) -> None:
        """Refuse a kit that could not be shown.

        Raises:
            ConfigurationError: an address is not http(s), or a name is empty.
        """
        if not self.name.strip() or len(self.name) > _MAX_NAME:
            raise ConfigurationError(
                f"expected a brand name of 1 to {_MAX_NAME} characters, "
                f"got {len(self.name)}; shorten brand.name"
            )
        checked_url(self.landing_url)
        checked_url(self.asset_root)

    def landing(self, creative_id: str) -> str:
        """Return the landing page's address, marked with the creative it came from."""
        address = checked_url(self.landing_url)
        base, hash_sign, fragment = address.partition("#")
        joint = "&" if "?" in base else "?"
        mark = f"{joint}creative={quote(creative_id, safe='', errors='replace')}"
        return f"{base}{mark}{hash_sign}{fragment}"

    def asset_url(self, creative_id: str, asset: str) -> str:
        """Return the address under which an asset of a creative is published."""
        root = checked_url(self.asset_root).rstrip("/")
        return f"{root}/{quote(creative_id, safe='', errors='replace')}/{asset}"


def checked_url(address: str) -> str:
    """Return the address, percent-encoded, when it is http(s) with a host.

    Raises:
        ConfigurationError: it is anything else (javascript:, data:, a path, ...).
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError as error:
        raise _bad_url(address) from error
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        raise _bad_url(address)
    if not host.isascii() or any(not (c.isalnum() or c in ".-:") for c in host):
        raise _bad_url(address)
    return quote(address, safe=_URL_SAFE, errors="replace").replace("'", "%27")


def _bad_url(address: str) -> ConfigurationError:
    return ConfigurationError(
        f"expected an http or https address with a host, got {address[:80]!r}; "
        "correct the brand kit"
    )


def brand_of(settings: BrandSettings, drawings: Drawings | None = None) -> BrandKit:
    """Return the brand kit that the settings name.

    Raises:
        ConfigurationError: a name or an address cannot be used.
    """
    return BrandKit(
        name=settings.name,
        landing_url=settings.landing_url,
        asset_root=settings.asset_root,
        drawings=drawings or bundled(),
    )


def space_of(path: Path | None) -> DesignSpace:
    """Return the creative space of `model.space`, all of which can be drawn and said.

    A language of the vocabulary that ads cannot be in yet is logged as a warning.

    Raises:
        ConfigurationError: it is wrong, or not drawn; names file and line of each. Or
            the vocabulary has no English, which every ad can be in.
    """
    for why in unspoken(deployed(), named_file() or BUNDLED_FILE):
        LOG.warning("language not spoken", why=why)
    try:
        return design_space.load(path)
    except SpaceError as error:
        raise ConfigurationError(str(error)) from error


def unspoken(vocabulary: Vocabulary, file: Path) -> list[str]:
    """Return a sentence for each language that ads cannot be in, and what to do.

    Args:
        vocabulary: whose languages are asked for.
        file: where it is from.

    Raises:
        ConfigurationError: it has no English.
    """
    if DEFAULT not in vocabulary.languages:
        raise ConfigurationError(
            f"{file}: no [[language]] with the id {DEFAULT!r}: ads are in it when they "
            "can be in no other; add it, and the names of categories in it"
        )
    return [
        f"{file}: ads are not in {language!r} yet, whoever asks for it gets English; "
        f"to be written in {language!r} first: {', '.join(SAID_IN)}"
        for language in vocabulary.languages
        if language not in LANGUAGES
    ]


DEMO_BRAND = brand_of(BrandSettings())
