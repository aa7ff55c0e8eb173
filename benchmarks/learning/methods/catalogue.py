"""Name -> method: every row of the learning benchmark."""

from collections.abc import Callable

from benchmarks.learning.method import Method, Setting
from benchmarks.learning.methods.fm_ts import FactorisationMachine
from benchmarks.learning.methods.lints import LinTS
from benchmarks.learning.methods.product import Product
from benchmarks.learning.methods.simple import BestFixed, Random

REFERENCE = "lints"
"""What the others are compared with: linear Thompson sampling at its better scale."""

METHODS: dict[str, Callable[[Setting], Method]] = {
    "random": Random,
    "best-fixed": BestFixed,
    "library-bandit": lambda setting: LinTS(setting, 0.5, in_library=True),
    "fm-ts": FactorisationMachine,
    "lints": lambda setting: LinTS(setting, 0.5, in_library=False),
    "lints-narrow": lambda setting: LinTS(setting, 0.25, in_library=False),
    "ours-frozen": lambda setting: Product(setting, "gan", is_tuned=False),
    "ours-no-generator": lambda setting: Product(setting, "gan", with_generator=False),
    "ours-gan": lambda setting: Product(setting, "gan"),
    "ours-vae": lambda setting: Product(setting, "vae"),
}
