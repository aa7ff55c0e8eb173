"""Gallery items and a report for the gallery tests; the seed is an argument."""

import random

from schemas.vocabulary import deployed
from streams.clickhouse.analytics_gallery import GalleryItem
from streams.rendering.renderer import Renderer
from tests.streams.rendering_samples import samples

REPORT = {
    "replay": {"impressions": 20000, "clicks": 115, "cells": 68, "cells_equal": 68},
    "serving": {"requests": 48210, "failed": 0, "fallbacks": 310, "p99_s": 0.021},
    "learning": {
        "fine_tunes": 3,
        "swaps": 2,
        "arms": [
            {"arm": "control", "version": 0, "impressions": 9610, "clicks": 402,
             "ctr": 0.0418, "low": 0.038, "high": 0.046},
            {"arm": "champion", "version": 1, "impressions": 21044, "clicks": 1010,
             "ctr": 0.048, "low": 0.0452, "high": 0.051, "lift": 0.0062,
             "lift_low": 0.0012, "lift_high": 0.011},
            {"arm": "canary", "version": 2, "impressions": 3120, "clicks": 141,
             "ctr": 0.0452, "low": 0.0385, "high": 0.053, "lift": 0.0034,
             "lift_low": -0.0048, "lift_high": 0.0116},
        ],
    },
    "freshness": {"event_to_creative_p50_s": 1.3, "event_to_creative_p99_s": 4.2},
    "verdicts": [
        {"version": 2, "gate": "parity", "result": "pass", "value": 1.2e-6,
         "threshold": 1e-4, "detail": "largest difference of torch and ONNX"},
        {"version": 2, "gate": "off_policy", "result": "unsure", "value": 0.0021,
         "threshold": 0.0, "detail": "the interval includes zero"},
    ],
}  # fmt: skip

REASONS = ("new_user", "preference_shift", "fatigue", "expiry", "explicit")
SURFACES = ("search", "social", "video", "device")
EXPLANATIONS = {
    "en": "Chosen because of what you looked at lately: {}, {}.",
    "zh": "根据你最近关注的内容推荐：{}、{}。",
}


def items(n: int, seed: int, **changes) -> list[GalleryItem]:
    """Return n items; `changes` replaces fields of each."""
    rng = random.Random(seed)  # noqa: S311 - samples, not secrets
    renderer = Renderer()
    made = []
    for index, sample in enumerate(samples(n, seed)):
        likes = rng.sample(deployed().categories, 4)
        names = [deployed().names[like][sample.language] for like in likes]
        arm = ("champion", "control", "champion", "canary")[index % 4]
        surface = SURFACES[(index // 2) % 4]
        copy, creative = sample.copy, f"{seed}c{index:04d}"
        fields = {
            "creative_id": creative,
            "user_id": f"{rng.getrandbits(64):016x}",
            "placement": "feed-card",
            "surface": surface,
            "language": sample.language,
            "category": sample.category,
            "created_at": 1_767_225_600_000 + index,
            "headline": copy.headline,
            "body": copy.body,
            "cta": copy.cta,
            "disclosure": copy.disclosure,
            "explanation": EXPLANATIONS[sample.language].format(*names[:2]),
            "arm": arm,
            "model_name": "random" if arm == "control" else "gan",
            "model_version": index % 3,
            "propensity": rng.uniform(0.02, 0.6),
            "design": {**sample.design.categorical, **sample.design.continuous},
            "assets": renderer.assets(
                surface, sample.design, copy, sample.category, sample.language, creative
            ),
            "reason": REASONS[index % 5],
            "impressions": rng.randrange(1, 40),
            "clicks": rng.randrange(0, 4),
            "top_preferences": tuple(
                (like, 1.8 / (place + 1)) for place, like in enumerate(likes)
            ),
        }
        made.append(GalleryItem(**(fields | changes)))
    return made
