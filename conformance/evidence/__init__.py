"""Evidence: what was exchanged, on disk as soon as it is complete, without secrets."""
