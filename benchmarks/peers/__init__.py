"""What a team would use instead, doing the same job on the same records.

The job: read the behaviour topic, keep 64 decayed weights a user (one half-life of a
day), keep the state durable every second, commit offsets. No peer recognises duplicate
events, and none validates what it does not use; they are compared with a reference that
counts duplicates.
"""
