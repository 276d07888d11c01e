"""The options of a run for a pytest session that names no suite: `pytest -p conformance.options`.

Adds options only; what they mean stands in `conformance.plugin`.
"""

import pytest

from conformance.plugin import add_options


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run."""
    add_options(parser)
