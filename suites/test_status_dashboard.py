"""Status Dashboard: section 7.2 of the cookbook first, then negative cases and properties."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import pytest

from conformance.engine.execution import CaseExecution, Procedure
from conformance.model.case import Case, Step, Template
from conformance.model.verdict import Finding, Judgement, Severity
from conformance.plugin import Verify

SERVICE: Final = "status-dashboard"
pytestmark = pytest.mark.service(SERVICE)

PRODUCTION, INTEGRATION, ACCEPTANCE = (
    "getDashboard",
    "getDashboardInt",
    "getDashboardAcc",
)
REQUIREMENTS: Final = {
    PRODUCTION: f"{SERVICE}/5.2/production",
    INTEGRATION: f"{SERVICE}/5.2/integration",
    ACCEPTANCE: f"{SERVICE}/5.2/acceptance",
}
TURNS: Final = (
    PRODUCTION,
    INTEGRATION,
    ACCEPTANCE,
    PRODUCTION,
    ACCEPTANCE,
    INTEGRATION,
    PRODUCTION,
)
"""Each dashboard after each other one."""
IDENTIFIERS: Final = ("groups[].id", "groups[].items[].id")


def play_turns(execution: CaseExecution) -> Judgement:
    """Read the dashboards in turn: none is answered with what is another's."""
    judge = execution.oracle
    own: dict[str, list[object]] = {}
    evaluated: Counter[str] = Counter()
    for operation in TURNS:
        exchange = execution.send(Template(operation))
        answer = judge.judge_step(exchange, execution.case, Step(Template(operation)))
        if answer.inconclusive_reason:
            return Judgement((), evaluated, answer.inconclusive_reason)
        if answer.violated:
            continue  # not served, which other cases are about
        seen = judge.values(exchange, operation, IDENTIFIERS)
        if seen is None:
            continue  # not read whole, so that nothing can be compared
        first = own.setdefault(operation, seen)
        others = [one for one in own if own[one] != first]
        evaluated[REQUIREMENTS[operation]] += bool(others)
        if seen != first and any(own[one] == seen for one in others):
            return Judgement(
                (_mixed_up(operation, [one for one in others if own[one] == seen]),),
                evaluated,
            )
    if len(own) < 2:  # noqa: PLR2004 - a dashboard and another one
        return Judgement(inconclusive_reason="fewer than two dashboards were served")
    return Judgement(
        (),
        +evaluated,
        not_applicable_reason="the dashboards cannot be told apart by their identifiers",
    )


def _mixed_up(operation: str, others: list[str]) -> Finding:
    names = {
        one: requirement.rpartition("/")[2] for one, requirement in REQUIREMENTS.items()
    }
    return Finding(
        REQUIREMENTS[operation],
        Severity.VIOLATION,
        "the answer is another dashboard than the same request had before",
        ", ".join(IDENTIFIERS),
        f"the groups and items of {names[operation]}",
        f"those of {names[others[0]]}",
    )


PROCEDURES: Mapping[str, Procedure] = {"turns": play_turns}


def test_case(case: Case, verify: Verify) -> None:
    """One case of specs/status-dashboard/*/cases.yaml; its verdict is the test's outcome."""
    verify(case, PROCEDURES.get(case.procedure or ""))
