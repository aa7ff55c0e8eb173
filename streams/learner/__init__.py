"""ads.feedback.v1 -> ads.posterior.v1: critics that learn within seconds."""
