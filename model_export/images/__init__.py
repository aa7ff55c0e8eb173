"""The classic image GAN and VAE."""
