"""`python -m model_export.image_vae`: see `model_export.images.vae`."""

import sys

from model_export.images.vae import main

if __name__ == "__main__":
    sys.exit(main())
