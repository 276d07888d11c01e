"""Hypothesis strategies: valid inputs, and inputs broken in exactly one way."""
