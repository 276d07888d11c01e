"""Rules about JSON documents that a JSON Schema cannot express, by name.

Each takes the nodes at one place of a document and returns what is wrong with them. A contract binds
rules to places and requirements in its `rules.yaml`. Must not know any service.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from conformance.checks.date_time import date_oddities, read_moment
from conformance.checks.problem import Node, Problem, show

Options = Mapping[str, Any]
RuleFunction = Callable[[Sequence[Node], Options, datetime], list[Problem]]
"""Nodes, the rule's options, and the time of the exchange (UTC) to the problems found."""


def unique(nodes: Sequence[Node], options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each value that an earlier node has already."""
    del options, now
    seen: dict[str, Node] = {}
    problems = []
    for node in nodes:
        if not isinstance(node.value, str | int):
            continue
        first = seen.setdefault(repr(node.value), node)
        if first is not node:
            problems.append(
                Problem(
                    "the identifier is not unique",
                    node.location,
                    f"a value other than that of {first.location}",
                    show(node.value),
                )
            )
    return problems


def not_empty(nodes: Sequence[Node], options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each text that is null, empty or white space."""
    del options, now
    return [
        Problem("the text is empty", node.location, "a text", show(node.value))
        for node in nodes
        if node.value is None or (isinstance(node.value, str) and not node.value.strip())
    ]


def date_time(nodes: Sequence[Node], options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each text that is no date-time, or an odd one.

    Option `past: true` says that the moment has happened, so that a future one is odd.
    """
    problems = []
    expected = "an ISO 8601 date-time such as 2025-03-05T09:25:00+01:00"
    for node in nodes:
        if not isinstance(node.value, str) or (options.get("optional") and not node.value.strip()):
            continue
        moment = read_moment(node.value)
        if moment.instant is None:
            problems.append(Problem(moment.problem, node.location, expected, show(node.value)))
            continue
        oddities = list(moment.oddities)
        if options.get("past"):
            oddities += date_oddities(moment.instant, now)
        problems += [
            Problem(f"the date-time {oddity}", node.location, expected, show(node.value), odd=True)
            for oddity in oddities
        ]
    return problems


def whole_number(nodes: Sequence[Node], options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each number that is not a whole one."""
    del options, now
    return [
        Problem("the number is not whole", node.location, "a whole number", show(node.value))
        for node in nodes
        if isinstance(node.value, float) and not node.value.is_integer()
    ]


def ascending(nodes: Sequence[Node], options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each list in which the numbers at this place are equal or not ascending."""
    del options, now
    lists: defaultdict[tuple[str | int, ...], list[float]] = defaultdict(list)
    for node in nodes:
        if isinstance(node.value, int | float):
            lists[node.path[:-2]].append(node.value)
    problems = []
    for path, values in lists.items():
        location = Node(path, values).location
        equal = [value for value, count in Counter(values).items() if count > 1]
        if equal:
            problems.append(Problem("numbers are equal", location, "each number once", show(equal)))
        elif values != sorted(values):
            problems.append(Problem("numbers are not in ascending order", location, "ascending numbers", show(values)))
    return problems


RULES: Mapping[str, RuleFunction] = {
    "unique": unique,
    "not-empty": not_empty,
    "date-time": date_time,
    "whole-number": whole_number,
    "ascending": ascending,
}
