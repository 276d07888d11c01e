"""Rules about JSON documents that a JSON Schema cannot express, by name.

Each takes the values at one place of a document and returns what is wrong with them. A contract binds
rules to places and requirements in its `rules.yaml`. Must not know any service.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from conformance.checks.date_time import date_oddities, read_moment
from conformance.checks.problem import Path, Places, Problem, pointer, show

Options = Mapping[str, Any]
RuleFunction = Callable[[Places, Options, datetime], list[Problem]]
"""Values, the rule's options, and the time of the exchange (UTC) to the problems found."""


def unique(places: Places, options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each value that stands before it already."""
    del options, now
    seen: dict[str, int] = {}
    problems = []
    for number, value in enumerate(places.values):
        if not isinstance(value, str | int):
            continue
        first = seen.setdefault(repr(value), number)
        if first != number:
            expected = f"a value other than that of {places.location(first)}"
            problems.append(
                Problem(
                    "the identifier is not unique",
                    places.location(number),
                    expected,
                    show(value),
                )
            )
    return problems


def not_empty(places: Places, options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each text that is null, empty or white space."""
    del options, now
    return [
        Problem("the text is empty", places.location(number), "a text", show(value))
        for number, value in enumerate(places.values)
        if value is None or (isinstance(value, str) and not value.strip())
    ]


def date_time(places: Places, options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each text that is no date-time, or an odd one.

    Option `past: true` says that the moment has happened, so that a future one is odd; `optional: true`
    that the text may be empty.
    """
    problems = []
    expected = "an ISO 8601 date-time such as 2025-03-05T09:25:00+01:00"
    for number, value in enumerate(places.values):
        if not isinstance(value, str) or (
            options.get("optional") and not value.strip()
        ):
            continue
        moment = read_moment(value)
        if moment.instant is None:
            problems.append(
                Problem(moment.problem, places.location(number), expected, show(value))
            )
            continue
        oddities = list(moment.oddities)
        if options.get("past"):
            oddities += date_oddities(moment.instant, now)
        problems += [
            Problem(
                f"the date-time {oddity}",
                places.location(number),
                expected,
                show(value),
                odd=True,
            )
            for oddity in oddities
        ]
    return problems


def whole_number(places: Places, options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each number that is not a whole one."""
    del options, now
    return [
        Problem(
            "the number is not whole",
            places.location(number),
            "a whole number",
            show(value),
        )
        for number, value in enumerate(places.values)
        if isinstance(value, float) and not value.is_integer()
    ]


def ascending(places: Places, options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each list in which the numbers at this place are equal or not ascending."""
    del options, now
    problems = []
    for path, values in _lists(places).items():
        location = pointer(path)
        equal = [value for value, count in Counter(values).items() if count > 1]
        if equal:
            problems.append(
                Problem("numbers are equal", location, "each number once", show(equal))
            )
        elif values != sorted(values):
            problems.append(
                Problem(
                    "numbers are not in ascending order",
                    location,
                    "ascending numbers",
                    show(values),
                )
            )
    return problems


def word(places: Places, options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each text that is not one of the option `words`."""
    del now
    words = tuple(options["words"])
    return [
        Problem(
            "the word is not one that the cookbook prints",
            places.location(number),
            " or ".join(words),
            show(value),
        )
        for number, value in enumerate(places.values)
        if isinstance(value, str) and value not in words
    ]


def any_member(places: Places, options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each object that has none of the option `members`, and an oddity for the one it has.

    The members are spellings of one thing; which of them is used is worth noting, unless it is the `plain` one.
    """
    del now
    names = tuple(options["members"])
    plain, wanted = options.get("plain"), f"a member {' or '.join(map(repr, names))}"
    problems = []
    for number, value in _objects(places):
        used = [name for name in names if name in value]
        if not used:
            problems.append(
                Problem(
                    f"{wanted} is missing", places.location(number), wanted, "absent"
                )
            )
        problems += [
            Problem(
                f"the spelling {name!r} is used",
                places.location(number),
                wanted,
                name,
                odd=True,
            )
            for name in used
            if name != plain
        ]
    return problems


def other_spelling(places: Places, options: Options, now: datetime) -> list[Problem]:
    """Return an oddity for each place that only another spelling of a member can have led to."""
    del now
    expected = f"a member {options['of']!r}"
    return [
        Problem(
            "another spelling is used", pointer(path), expected, str(path[-1]), odd=True
        )
        for path in places.paths
    ]


def implies(places: Places, options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each object in which one member's value does not go with another's presence.

    Option `when`: a member and the value it has; `then`: the option `members`, of which one must be
    `filled` (true) or none may be (false). Null, empty and absent are not filled.
    """
    del now
    member, value, names = (
        options["when"]["member"],
        options["when"]["is"],
        tuple(options["members"]),
    )
    problems = []
    for number, found in _objects(places):
        if not _holds(found, options["when"]):
            continue
        filled = [name for name in names if _is_filled(found.get(name))]
        if bool(filled) is not options["filled"]:
            expected = f"{names[0]!r} {'with a value' if options['filled'] else 'without a value'}"
            actual = (
                f"{filled[0]!r} is {show(found[filled[0]])}" if filled else "no value"
            )
            message = f"{names[0]!r} does not go with {member!r} = {show(value)}"
            problems.append(Problem(message, places.location(number), expected, actual))
    return problems


def not_before(places: Places, options: Options, now: datetime) -> list[Problem]:
    """Return a problem for each object in which the moment `later` (a list of spellings) lies before `earlier`."""
    del now
    problems = []
    for number, value in _objects(places):
        start = _instant(value.get(options["earlier"]))
        for name in options["later"]:
            end = _instant(value.get(name))
            if start is not None and end is not None and end < start:
                message = f"{name!r} lies before {options['earlier']!r}"
                expected = f"not before {show(value[options['earlier']])}"
                problems.append(
                    Problem(
                        message, places.location(number), expected, show(value[name])
                    )
                )
    return problems


def _holds(value: Mapping[str, Any], when: Mapping[str, Any]) -> bool:
    """Tell whether a member has the value of a condition, of the same type."""
    given = value.get(when["member"])
    return type(given) is type(when["is"]) and given == when["is"]


def _objects(places: Places) -> list[tuple[int, dict[str, Any]]]:
    """Return the values that are objects, each with its number among all."""
    return [
        (number, value)
        for number, value in enumerate(places.values)
        if isinstance(value, dict)
    ]


def _lists(places: Places) -> dict[Path, list[float]]:
    """Return the numbers by the list that their objects stand in."""
    lists: defaultdict[Path, list[float]] = defaultdict(list)
    for path, value in zip(places.paths, places.values, strict=True):
        if isinstance(value, int | float):
            lists[path[:-2]].append(value)
    return lists


def _is_filled(value: object) -> bool:
    return value is not None and (not isinstance(value, str) or bool(value.strip()))


def _instant(value: object) -> datetime | None:
    return read_moment(value).instant if isinstance(value, str) else None


Counting = Callable[[Places, Options], int]
"""Values and a rule's options to the number of times that its predicate really applies."""


def _all(places: Places, options: Options) -> int:
    del options
    return len(places)


def _comparable(places: Places, options: Options) -> int:
    """Return how many identifiers there are to be told from an earlier one."""
    del options
    return max(sum(isinstance(value, str | int) for value in places.values) - 1, 0)


def _texts(places: Places, options: Options) -> int:
    return sum(
        isinstance(value, str) and not (options.get("optional") and not value.strip())
        for value in places.values
    )


def _numbers(places: Places, options: Options) -> int:
    del options
    return sum(
        isinstance(value, int | float) and not isinstance(value, bool)
        for value in places.values
    )


def _neighbours(places: Places, options: Options) -> int:
    """Return how many numbers have one before them in their own list."""
    del options
    return sum(len(numbers) - 1 for numbers in _lists(places).values())


def _conditioned(places: Places, options: Options) -> int:
    """Return how many objects fulfil the condition of an implication."""
    return sum(_holds(value, options["when"]) for _, value in _objects(places))


def _periods(places: Places, options: Options) -> int:
    """Return how many pairs of moments can be compared."""
    return sum(
        _instant(value.get(options["earlier"])) is not None
        and _instant(value.get(name)) is not None
        for _, value in _objects(places)
        for name in options["later"]
    )


APPLIES: Mapping[str, Counting] = {
    "unique": _comparable,
    "not-empty": _all,
    "date-time": _texts,
    "whole-number": _numbers,
    "ascending": _neighbours,
    "word": _texts,
    "any-member": lambda places, _: len(_objects(places)),
    "other-spelling": _all,
    "implies": _conditioned,
    "not-before": _periods,
}
"""How often a rule is really applied to values: one that is never applied has shown nothing."""

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
