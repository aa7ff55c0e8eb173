"""The kinds of generator that Adloom trains: the only list of them. No torch."""

RECIPES = {
    "gan": "model_export.generators.gan",
    "vae": "model_export.generators.vae",
}
"""Kind -> module of its recipe."""

IMPORTED = "imported"
"""Kind of a generator that somebody else trained."""

MODELS = {f"creative-{kind}": kind for kind in RECIPES}
"""Name of a model -> its kind."""

DEFAULT_MODEL = next(iter(MODELS))
