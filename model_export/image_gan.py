"""`python -m model_export.image_gan`: see `model_export.images.gan`."""

import sys

from model_export.images.gan import main

if __name__ == "__main__":
    sys.exit(main())
