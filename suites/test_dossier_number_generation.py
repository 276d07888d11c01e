"""DossierNumberGeneration: section 7.2 for each kind of caller, Table 2, answers, and what the schema refuses."""

import pytest

from conformance.model.case import Case
from conformance.plugin import Verify

pytestmark = pytest.mark.service("dossier-number-generation")


def test_case(case: Case, verify: Verify) -> None:
    """One case of specs/dossier-number-generation/*/cases.yaml; its verdict is the test's outcome."""
    verify(case)
