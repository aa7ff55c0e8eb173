"""Everything of Adloom with weights: generators, critic, training, gates, registry."""
