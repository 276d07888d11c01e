"""Status Dashboard: section 7.2 of the cookbook first, then negative cases and properties."""

import pytest

from conformance.case import Case
from conformance.plugin import Verify

pytestmark = pytest.mark.service("status-dashboard")


def test_case(case: Case, verify: Verify) -> None:
    """One case of specs/status-dashboard/*/cases.yaml; its verdict is the test's outcome."""
    verify(case)
