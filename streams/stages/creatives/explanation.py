"""Why a person sees a creative, in plain words, in their language."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.vocabulary import Vocabulary
from streams.stages.creatives.arms import Arm, Floats

_WORDS = {
    "en": {
        "liked": "Chosen because of what you looked at lately: {names}.",
        "contextual": "Chosen for this place, not for you: no personal data was used.",
        "control": "Chosen at random: you are in a comparison group.",
        "and": ", ",
    },
    "zh": {
        "liked": "根据你最近关注的内容推荐：{names}。",
        "contextual": "仅根据展示位置推荐，未使用个人数据。",
        "control": "随机展示：你属于对照组。",
        "and": "、",
    },
}

N_NAMED = 3
"""Categories that a sentence names at most; one of them is advertised."""

_NOTHING = -1

Key = tuple[Any, ...]
"""Name of the arm, language, then the columns of the best liked categories."""


def favourites(preferences: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Return the best liked categories and how much: [n, 3] each, best first.

    The first of equals comes first; who likes fewer than three has zeros at the end.

    Args:
        preferences: [n, categories], none negative.
    """
    n, n_categories = preferences.shape
    left = preferences.copy()
    rows = np.arange(n)
    n_named = min(N_NAMED, n_categories)
    columns = np.zeros((n, n_named), np.intp)
    for place in range(n_named):
        columns[:, place] = left.argmax(1)
        left[rows, columns[:, place]] = -1
    return columns, preferences[rows[:, None], columns]


class Explainer:
    """Writes one sentence for each creative that is true of how it was chosen."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._n_categories = len(vocabulary.categories)
        self._names = {
            language: [
                vocabulary.names[name][language] for name in vocabulary.categories
            ]
            for language in _WORDS.keys() & vocabulary.languages.keys()
        }

    def keys(
        self, arms: Sequence[Arm], languages: Sequence[str], conditions: Floats
    ) -> Iterator[Key]:
        """Return what each sentence depends on; `sentence` writes it.

        Args:
            arms: who answered each.
            languages: en or zh; anything else reads English.
            conditions: [n, conditions], what the generator saw; preferences first.
        """
        columns, liking = favourites(conditions[:, : self._n_categories])
        liked = np.where(liking > 0, columns, _NOTHING).T.tolist()
        return zip([arm.name for arm in arms], languages, *liked, strict=True)

    def sentence(self, key: Key) -> str:
        """Return the sentence of a key."""
        arm, language, *best = key
        shown = language if language in self._names else "en"
        words = _WORDS[shown]
        if arm == "control":
            return words["control"]
        names = [self._names[shown][column] for column in best if column != _NOTHING]
        if not names:
            return words["contextual"]
        return words["liked"].format(names=words["and"].join(names))
