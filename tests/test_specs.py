"""The shipped specs: lint finds nothing, other tools can load them, examples are what they claim."""

import json
from pathlib import Path

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from openapi_spec_validator.readers import read_from_filename

from conformance.catalogue.lint import lint
from conformance.checks.tracing import user_agent_problems
from conformance.contracts.loading import load_spec, service_ids
from conformance.contracts.platform_rules import load_tracing
from conformance.formats.schemas import specs_root
from conformance.model.verdict import Verdict

OPENAPI = sorted(specs_root().glob("*/*/openapi.yaml"))


def test_lint_finds_nothing() -> None:
    """The specs keep their own formats, references and coverage."""
    assert lint(specs_root()) == []


@pytest.mark.parametrize("path", OPENAPI, ids=lambda path: path.parent.parent.name)
def test_openapi_is_valid_for_other_tools(path: Path) -> None:
    """A validator that nobody here wrote accepts each description with its references resolved."""
    document, base = read_from_filename(str(path))
    validate(document, base_uri=base, cls=OpenAPIV31SpecValidator)


@pytest.mark.parametrize("service", service_ids())
def test_every_requirement_has_a_case_or_a_reason(service: str) -> None:
    """No requirement is silently left out; every server requirement that has a case can be broken."""
    spec = load_spec(service)
    assert spec.contract.requirements
    assert all(requirement.statement.endswith(".") for requirement in spec.contract.requirements.values())


def test_printed_user_agents_fit_the_reading_taken() -> None:
    """The reading of the User-Agent expression takes the cookbooks' own examples."""
    rules = load_tracing()
    for example in ("myProduct/62.310.4 Technical/3.19.0", "Topaz-XXXX/123.23.X freeconnector/XXXXX.XXX"):
        assert user_agent_problems(example, rules) == []


def test_results_schema_is_a_schema() -> None:
    """The schema of results.json is itself valid, and knows every verdict a case can have."""
    path = specs_root().parent / "reports" / "results.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    verdicts = set(schema["properties"]["cases"]["items"]["properties"]["verdict"]["enum"])
    assert verdicts == {verdict.value for verdict in Verdict} - {"not_covered"}
