"""The engine: Faust workers that consume, work and checkpoint in batches."""
