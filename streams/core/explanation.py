"""Why a person sees a creative, in plain words, in their language."""

import numpy as np

from schemas.taxonomy import Taxonomy
from streams.core.model import Floats

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


def explain(arm: str, preferences: Floats, language: str, taxonomy: Taxonomy) -> str:
    """Return one sentence that is true of how the creative was chosen.

    Args:
        arm: experiment arm.
        preferences: the vector [categories] that the generator saw.
        language: en or zh; anything else reads English.
        taxonomy: names of the categories.
    """
    words = _WORDS.get(language, _WORDS["en"])
    if arm == "control":
        return words["control"]
    best = [i for i in np.argsort(-preferences, kind="stable") if preferences[i] > 0]
    if not best:
        return words["contextual"]
    shown = language if language in _WORDS else "en"
    names = [taxonomy.names[taxonomy.ids[i]][shown] for i in best[:N_NAMED]]
    return words["liked"].format(names=words["and"].join(names))
