"""`python -m model_export.image_vae`: see `model_export.images.training`."""

import sys

from model_export.images.training import VAE, main

if __name__ == "__main__":
    sys.exit(main("image_vae", VAE))
