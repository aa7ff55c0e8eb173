"""Ways of choosing designs: `benchmarks.learning.method.Method`s, ours and others'."""
