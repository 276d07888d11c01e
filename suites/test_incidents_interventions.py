"""Incidents and Interventions: both addresses of section 7.2 first, then negative cases and properties."""

import pytest

from conformance.model.case import Case
from conformance.plugin import Verify

pytestmark = pytest.mark.service("incidents-interventions")


def test_case(case: Case, verify: Verify) -> None:
    """One case of specs/incidents-interventions/*/cases.yaml; its verdict is the test's outcome."""
    verify(case)
