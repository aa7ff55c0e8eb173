"""Real logs: what a policy that learnt from them would have earned, with intervals."""
