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

    Option `past: true` says that the moment has happened, so that a future one is odd; `optional: true`
    that the text may be empty.
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


def word(nodes: Sequence[Node], options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each text that is not one of the option `words`."""
    del now
    words = tuple(options["words"])
    return [
        Problem("the word is not one that the cookbook prints", node.location, " or ".join(words), show(node.value))
        for node in nodes
        if isinstance(node.value, str) and node.value not in words
    ]


def any_member(nodes: Sequence[Node], options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each object that has none of the option `members`, and an oddity for the one it has.

    The members are spellings of one thing; which of them is used is worth noting, unless it is the `plain` one.
    """
    del now
    names = tuple(options["members"])
    problems = []
    for node in _objects(nodes):
        used = [name for name in names if name in node.value]
        wanted = f"a member {' or '.join(map(repr, names))}"
        if not used:
            problems.append(Problem(f"{wanted} is missing", node.location, wanted, "absent"))
        problems.extend(
            Problem(f"the spelling {name!r} is used", node.location, wanted, name, odd=True)
            for name in used
            if name != options.get("plain")
        )
    return problems


def other_spelling(nodes: Sequence[Node], options: Options, now: datetime) -> list[Problem]:
    """Return an oddity for each place that only another spelling of a member can have led to."""
    del now
    expected = f"a member {options['of']!r}"
    return [
        Problem("another spelling is used", node.location, expected, str(node.path[-1]), odd=True) for node in nodes
    ]


def implies(nodes: Sequence[Node], options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each object in which one member's value does not go with another's presence.

    Option `when`: a member and the value it has; `then`: the option `members`, of which one must be
    `filled` (true) or none may be (false). Null, empty and absent are not filled.
    """
    del now
    member, value, names = options["when"]["member"], options["when"]["is"], tuple(options["members"])
    problems = []
    for node in _objects(nodes):
        if not _holds(node.value, options["when"]):
            continue
        filled = [name for name in names if _is_filled(node.value.get(name))]
        if bool(filled) is not options["filled"]:
            expected = f"{names[0]!r} {'with a value' if options['filled'] else 'without a value'}"
            actual = f"{filled[0]!r} is {show(node.value[filled[0]])}" if filled else "no value"
            message = f"{names[0]!r} does not go with {member!r} = {show(value)}"
            problems.append(Problem(message, node.location, expected, actual))
    return problems


def not_before(nodes: Sequence[Node], options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each object in which the moment `later` (a list of spellings) lies before `earlier`."""
    del now
    problems = []
    for node in _objects(nodes):
        start = _instant(node.value.get(options["earlier"]))
        for name in options["later"]:
            end = _instant(node.value.get(name))
            if start is not None and end is not None and end < start:
                message = f"{name!r} lies before {options['earlier']!r}"
                expected = f"not before {show(node.value[options['earlier']])}"
                problems.append(Problem(message, node.location, expected, show(node.value[name])))
    return problems


def _holds(value: Mapping[str, Any], when: Mapping[str, Any]) -> bool:
    """Tell whether a member has the value of a condition, of the same type."""
    given = value.get(when["member"])
    return type(given) is type(when["is"]) and given == when["is"]


def _objects(nodes: Sequence[Node]) -> list[Node]:
    return [node for node in nodes if isinstance(node.value, dict)]


def _is_filled(value: object) -> bool:
    return value is not None and (not isinstance(value, str) or bool(value.strip()))


def _instant(value: object) -> datetime | None:
    return read_moment(value).instant if isinstance(value, str) else None


Counting = Callable[[Sequence[Node], Options], int]
"""Nodes and a rule's options to the number of times that its predicate really applies."""


def _all(nodes: Sequence[Node], options: Options) -> int:
    del options
    return len(nodes)


def _comparable(nodes: Sequence[Node], options: Options) -> int:
    """Return how many identifiers there are to be told from an earlier one."""
    del options
    return max(sum(isinstance(node.value, str | int) for node in nodes) - 1, 0)


def _texts(nodes: Sequence[Node], options: Options) -> int:
    return sum(
        isinstance(node.value, str) and not (options.get("optional") and not node.value.strip()) for node in nodes
    )


def _numbers(nodes: Sequence[Node], options: Options) -> int:
    del options
    return sum(isinstance(node.value, int | float) and not isinstance(node.value, bool) for node in nodes)


def _neighbours(nodes: Sequence[Node], options: Options) -> int:
    """Return how many numbers have one before them in their own list."""
    del options
    lists = Counter(node.path[:-2] for node in nodes if isinstance(node.value, int | float))
    return sum(count - 1 for count in lists.values())


def _conditioned(nodes: Sequence[Node], options: Options) -> int:
    """Return how many objects fulfil the condition of an implication."""
    return sum(_holds(node.value, options["when"]) for node in _objects(nodes))


def _periods(nodes: Sequence[Node], options: Options) -> int:
    """Return how many pairs of moments can be compared."""
    return sum(
        _instant(node.value.get(options["earlier"])) is not None and _instant(node.value.get(name)) is not None
        for node in _objects(nodes)
        for name in options["later"]
    )


APPLIES: Mapping[str, Counting] = {
    "unique": _comparable,
    "not-empty": _all,
    "date-time": _texts,
    "whole-number": _numbers,
    "ascending": _neighbours,
    "word": _texts,
    "any-member": lambda nodes, _: len(_objects(nodes)),
    "other-spelling": _all,
    "implies": _conditioned,
    "not-before": _periods,
}
"""How often a rule is really applied to nodes: one that is never applied has shown nothing."""

NEEDED_OPTIONS: Mapping[str, frozenset[str]] = {
    "word": frozenset({"words"}),
    "any-member": frozenset({"members"}),
    "other-spelling": frozenset({"of"}),
    "implies": frozenset({"when", "members", "filled"}),
    "not-before": frozenset({"earlier", "later"}),
}
"""The options that a rule cannot do without."""

FURTHER_OPTIONS: Mapping[str, frozenset[str]] = {
    "date-time": frozenset({"optional", "past"}),
    "any-member": frozenset({"plain"}),
}
"""The options that a rule may have besides."""

RULES: Mapping[str, RuleFunction] = {
    "unique": unique,
    "not-empty": not_empty,
    "date-time": date_time,
    "whole-number": whole_number,
    "ascending": ascending,
    "word": word,
    "any-member": any_member,
    "other-spelling": other_spelling,
    "implies": implies,
    "not-before": not_before,
}
