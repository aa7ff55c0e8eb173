"""One thin agent per stage: the pure core, its app, and nothing else."""
