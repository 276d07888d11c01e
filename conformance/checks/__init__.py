"""Checks: pure functions from what was exchanged to what is wrong with it; they know neither role nor level."""
