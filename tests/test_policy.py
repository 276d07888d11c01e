"""The policy on what may be sent where, as a table: environment, service, method, sender."""

from itertools import product
from pathlib import Path

import pytest

import conformance
from conformance.target.policy import BUILT_IN, Sender, is_production, may_be_target, may_send

ENVIRONMENTS = ("local", "simulation", "integration", "acceptance", "production")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "")
TO_PRODUCTION = {(sender, True, "GET") for sender in Sender} - {
    (Sender.LOAD, True, "GET"),
    (Sender.CREDENTIALS, True, "GET"),
}
"""All that may ever be sent to production: sender, whether the service is public, method."""


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("sender", Sender)
def test_nothing_but_get_on_public_services_reaches_production(sender: Sender, environment: str) -> None:
    """Each row of the table: elsewhere everything may be sent, in production what is listed and nothing else."""
    for public, method in product((True, False), METHODS):
        expected = environment != "production" or (sender, public, method) in TO_PRODUCTION
        assert may_send(sender, environment, public=public, method=method) is expected, (public, method)


@pytest.mark.parametrize(
    ("environment", "public", "expected"),
    [("production", True, True), ("production", False, False), ("acceptance", False, True), ("local", False, True)],
)
def test_production_is_a_target_for_public_services_only(
    environment: str,
    public: bool,  # noqa: FBT001 - a table's column
    expected: bool,  # noqa: FBT001 - a table's column
) -> None:
    """A target file may name only what may be read there."""
    assert may_be_target(environment, public=public) is expected


def test_production_is_one_of_the_built_in_targets() -> None:
    """The name of the built-in target leads to the rule."""
    assert [name for name, environment in BUILT_IN.items() if is_production(environment)] == ["production"]


def test_no_other_module_compares_an_environment_with_production() -> None:
    """The rule is spelt once: nobody else has the word as a value."""
    package = Path(conformance.__file__).parent
    others = [path for path in package.rglob("*.py") if path.name != "policy.py" and "suites" not in path.parts]
    assert len(others) > 100
    for path in others:
        text = path.read_text(encoding="utf-8")
        assert '"production"' not in text, path
        assert "PRODUCTION" not in text.replace("_BEFORE_PRODUCTION", ""), path
