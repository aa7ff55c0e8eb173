"""GAN and VAE: networks, losses, training, export."""
