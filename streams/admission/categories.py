"""A decoded record -> the category that nobody knows, and which ones are close."""

from schemas.records import Behavior, Profile, Record, Text
from schemas.vocabulary import deployed


def unknown_category(record: Record | None) -> str | None:
    """Return one sentence on a category that is not in the vocabulary, or None.

    Judged are records as others produce them; what this system made of them may name
    categories that were retired since.
    """
    match record:
        case Behavior() | Text():
            named = {"category": record.category}
        case Profile():
            strange = [one for one in record.interests if one not in deployed().columns]
            named = {"interests": strange[0] if strange else None}
        case _:
            return None
    for field, category in named.items():
        if category is not None and deployed().column(category) is None:
            return f"{field}: {deployed().unknown(category)}"
    return None
