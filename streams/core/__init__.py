"""The pure cores of the stages: record in, record out; clock and seed are arguments."""
