"""The project's own tests; `tests/peers` holds implementations of the cookbooks that know nothing of the harness."""
