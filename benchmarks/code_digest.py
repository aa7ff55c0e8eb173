"""Files of the code -> a short digest: what was made by other code is made again."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def code_digest(patterns: Iterable[str]) -> str:
    """Return 12 hexadecimal digits for the contents of the files.

    Args:
        patterns: of file names, relative to the checkout.
    """
    sha = hashlib.sha256()
    for pattern in patterns:
        for file in sorted(ROOT.glob(pattern)):
            sha.update(file.read_bytes())
    return sha.hexdigest()[:12]
