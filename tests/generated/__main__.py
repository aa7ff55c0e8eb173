"""`make generate`: write the files that are derived from the code."""

import sys

from tests.generated.files import rewrite

for name in rewrite():
    sys.stdout.write(f"written: {name}\n")
