"""A vocabulary file -> what is wrong with it, what it says, what is kept of it."""

import json
from pathlib import Path
from typing import Any

from model_export.store.vocabularies import Vocabularies
from schemas.vocabulary import Vocabulary, VocabularyError, deployed, read
from streams.errors import ConfigurationError
from streams.rendering import brand
from streams.settings import Settings


def check(path: Path) -> list[str]:
    """Return the mistakes of a file, one line each; none when it can be used."""
    try:
        read(path)
    except VocabularyError as error:
        return str(error).splitlines()
    return []


def unspoken(path: Path) -> list[str]:
    """Return a sentence for each language of a right file that ads cannot be in yet."""
    try:
        return brand.unspoken(read(path), path)
    except ConfigurationError as error:
        return [str(error)]


def keep(settings: Settings, path: Path) -> str:
    """Keep a file's ids in the model store, for vectors of that time.

    Returns:
        Its digest.

    Raises:
        VocabularyError: the file is wrong.
        RegistryError: the store does not take it.
    """
    ids = read(path).ids
    Vocabularies(settings.model.store).keep(ids)
    return ids.digest


def shown(path: Path | None) -> dict[str, Any]:
    """Return a vocabulary as JSON has it; None is the deployment's own."""
    found = deployed() if path is None else read(path)
    return {
        "digest": found.digest,
        "languages": found.languages,
        "surfaces": list(found.surfaces),
        "sizes": {
            size.id: {
                "width_px": size.width_px,
                "height_px": size.height_px,
                "surfaces": list(size.surfaces),
            }
            for size in found.sizes.values()
        },
        "placements": {one.name: one.surface for one in found.placements.values()},
        "groups": found.groups,
        "categories": {
            name: {"names": entry.names, "parent": entry.parent}
            for name, entry in found.entries.items()
        },
        "maps": found.maps,
    }


def text(path: Path | None, *, as_json: bool) -> str:
    """Return what `adloom vocabulary show` prints."""
    found = deployed() if path is None else read(path)
    if as_json:
        return json.dumps(shown(path), ensure_ascii=False, indent=2)
    return "\n".join([f"digest\t{found.digest}", *_rows(found)])


def _rows(found: Vocabulary) -> list[str]:
    rows = [f"language\t{name}\t{said}" for name, said in found.languages.items()]
    rows += [f"surface\t{name}" for name in found.surfaces]
    rows += [
        f"size\t{one.id}\t{one.width_px}x{one.height_px}\t{', '.join(one.surfaces)}"
        for one in found.sizes.values()
    ]
    rows += [
        f"placement\t{one.name}\t{one.surface}" for one in found.placements.values()
    ]
    rows += [
        f"category\t{name}\t{entry.parent or ''}\t{' / '.join(entry.names.values())}"
        for name, entry in found.entries.items()
    ]
    return rows + [f"maps\t{name}\t{home}" for name, home in found.maps.items()]
