"""`python -m model_export.image_gan`: see `model_export.images.training`."""

import sys

from model_export.images.training import GAN, main

if __name__ == "__main__":
    sys.exit(main("image_gan", GAN))
