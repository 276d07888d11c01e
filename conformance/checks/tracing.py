"""Checks the headers by which the platform traces a client: User-Agent and From.

The expressions are data of the contract (specs/common/tracing.yaml). Must not know whose header it is.
"""

import re
from dataclasses import dataclass

from conformance.checks.problem import Problem


@dataclass(frozen=True, slots=True)
class TracingRules:
    """The User-Agent expression for one subset, how many subsets there are, and the form of From."""

    user_agent_subset: re.Pattern[str]
    user_agent_subsets: int
    from_address: re.Pattern[str]
    user_agent_example: str
    from_example: str


def user_agent_problems(value: str | None, rules: TracingRules) -> list[Problem]:
    """Return what keeps a User-Agent from identifying software and connector (section 5.1, Tracing)."""
    if not value:
        return [
            Problem(
                "User-Agent is missing",
                "User-Agent",
                rules.user_agent_example,
                "absent",
            )
        ]
    subsets = value.split(" ")
    problems = [
        Problem(
            f"User-Agent: the part {subset!r} does not follow name/version",
            "User-Agent",
            rules.user_agent_example,
            value,
        )
        for subset in subsets
        if not rules.user_agent_subset.fullmatch(subset)
    ]
    if len(subsets) < rules.user_agent_subsets:
        message = f"User-Agent has {len(subsets)} part instead of {rules.user_agent_subsets}: software and connector"
        problems.append(Problem(message, "User-Agent", rules.user_agent_example, value))
    return problems


def from_problems(value: str | None, rules: TracingRules) -> list[Problem]:
    """Return what keeps From from being an e-mail address for emergencies."""
    if not value:
        return [Problem("From is missing", "From", rules.from_example, "absent")]
    if not (
        value.isascii() and value.isprintable() and rules.from_address.fullmatch(value)
    ):
        return [
            Problem("From is not an e-mail address", "From", rules.from_example, value)
        ]
    return []
