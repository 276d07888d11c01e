"""Recorded requests sent again, and their answers judged."""
