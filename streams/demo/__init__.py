"""The main job: the whole loop on real input."""
