"""Tests of the rules that a JSON Schema cannot express, one by one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from conformance.checks.problem import Path, Places, json_type, pointer, show
from conformance.checks.rules import APPLIES, RULES

NOW = datetime(2025, 5, 9, 12, 0, tzinfo=UTC)
DATE = "2025-05-09T08:55:00+02:00"
EARLIER = "2025-05-09T08:54:59+02:00"
SAME = "2025-05-09T06:55:00Z"

FILLED: dict[str, Any] = {"when": {"member": "state", "is": "Solved"}, "members": ["end", "end date"], "filled": True}
EMPTY: dict[str, Any] = {"when": {"member": "state", "is": "Ongoing"}, "members": ["end", "end date"], "filled": False}
CLOSED: dict[str, Any] = {"when": {"member": "closed", "is": True}, "members": ["end"], "filled": True}
ORDER: dict[str, Any] = {"earlier": "start", "later": ["end", "end date"]}


def _at(values: Mapping[Path, object]) -> Places:
    return Places(list(values.values()), lambda: list(values))


def _values(*values: object) -> Places:
    return _at({("list", number, "member"): value for number, value in enumerate(values)})


def _found(rule: str, places: Places, options: dict[str, Any] | None = None) -> list[tuple[str, bool]]:
    return [(problem.location, problem.odd) for problem in RULES[rule](places, options or {}, NOW)]


@pytest.mark.parametrize(
    ("rule", "options", "values", "places"),
    [
        ("unique", {}, [], []),
        ("unique", {}, ["a", "b", "A", "a "], []),
        ("unique", {}, ["a", "b", "a", "c", "a"], [2, 4]),
        ("unique", {}, [1, 2, 1], [2]),
        ("unique", {}, ["1", 1, None, None, [], []], []),
        ("not-empty", {}, ["a", " a ", 0, False, [], {}], []),
        ("not-empty", {}, [None, "", " \t\n", "a"], [0, 1, 2]),
        ("date-time", {}, [DATE, SAME, 5, None, []], []),
        ("date-time", {}, [DATE, "yesterday", ""], [1, 2]),
        ("date-time", {"optional": True}, ["", "  ", "yesterday"], [2]),
        ("whole-number", {}, [1, 1.0, -3, 10**30, "1.5", None], []),
        ("whole-number", {}, [1.5, 1, -0.1], [0, 2]),
        ("word", {"words": ["Ongoing", "Solved"]}, ["Ongoing", "Solved", None, 5], []),
        ("word", {"words": ["Ongoing", "Solved"]}, ["ongoing", "Closed", ""], [0, 1, 2]),
        ("any-member", {"members": ["name", "title"]}, [{"other": 1}, {}, "text"], [0, 1]),
        ("implies", FILLED, [{"state": "Solved", "end": DATE}, {"state": "Solved", "end date": DATE}], []),
        ("implies", FILLED, [{"state": "Ongoing"}, {"state": 5}, {}, "text", None], []),
        ("implies", FILLED, [{"state": "Solved"}, {"state": "Solved", "end": " "}], [0, 1]),
        ("implies", FILLED, [{"state": "Solved", "end": None, "end date": ""}], [0]),
        ("implies", EMPTY, [{"state": "Ongoing"}, {"state": "Ongoing", "end": "", "end date": None}], []),
        ("implies", EMPTY, [{"state": "Ongoing", "end": DATE}, {"state": "Ongoing", "end date": 0}], [0, 1]),
        ("not-before", ORDER, [{"start": DATE, "end": DATE}, {"start": EARLIER, "end": DATE}], []),
        ("not-before", ORDER, [{"start": DATE, "end": SAME}, {"start": DATE}, {"end": DATE}, {}, 5], []),
        ("not-before", ORDER, [{"start": "then", "end": EARLIER}, {"start": DATE, "end": "now"}], []),
        ("not-before", ORDER, [{"start": DATE, "end": EARLIER}, {"start": DATE, "end date": EARLIER}], [0, 1]),
    ],
)
def test_rule_reports_exactly_the_places_that_break_it(
    rule: str, options: dict[str, Any], values: list[object], places: list[int]
) -> None:
    """Each broken value is one problem at its place, each other value none."""
    assert _found(rule, _values(*values), options) == [(f"/list/{place}/member", False) for place in places]


@pytest.mark.parametrize(
    ("rule", "options", "value", "count"),
    [
        ("date-time", {}, "2025-05-09t08:55+02", 3),
        ("date-time", {}, "1999-12-31T23:59:59Z", 0),
        ("date-time", {"past": True}, "1999-12-31T23:59:59Z", 1),
        ("date-time", {"past": True}, "2099-01-01T00:00:00Z", 1),
        ("date-time", {"past": True}, "2099-01-01T00:00Z", 2),
        ("any-member", {"members": ["name", "title"]}, {"name": 1}, 1),
        ("any-member", {"members": ["name", "title"]}, {"title": None, "name": 1}, 2),
        ("other-spelling", {"of": "end datetime"}, DATE, 1),
    ],
)
def test_rule_notes_what_is_only_odd(rule: str, options: dict[str, Any], value: object, count: int) -> None:
    """What is possible but unusual, or one of two spellings, is an oddity and no more."""
    assert _found(rule, _values(value), options) == [("/list/0/member", True)] * count


@pytest.mark.parametrize(
    ("lists", "found"),
    [
        ([[1, 2, 3]], []),
        ([[-5, 0, 1.5, 10**20]], []),
        ([[3, 4], [1, 2]], []),
        ([[1], [1]], []),
        ([["b", "a", None]], []),
        ([[1, 1]], ["numbers are equal"]),
        ([[2, 1]], ["numbers are not in ascending order"]),
        ([[2, 1, 2]], ["numbers are equal"]),
        ([[1, 2], [5, 4], [6, 6]], ["numbers are not in ascending order", "numbers are equal"]),
    ],
)
def test_order_is_judged_within_each_list(lists: list[list[Any]], found: list[str]) -> None:
    """Numbers are compared with those of the same list, and one problem a list tells what they are."""
    places = _at(
        {
            ("groups", group, "items", item, "order"): value
            for group, values in enumerate(lists)
            for item, value in enumerate(values)
        }
    )
    problems = RULES["ascending"](places, {}, NOW)
    assert [problem.message for problem in problems] == found
    assert all(problem.location.startswith("/groups/") for problem in problems)
    assert all(problem.location.endswith("/items") for problem in problems)


@pytest.mark.parametrize(
    ("rule", "options", "value", "expected", "actual"),
    [
        ("not-empty", {}, "", "a text", '"" (string)'),
        ("date-time", {}, "today", "an ISO 8601 date-time such as 2025-03-05T09:25:00+01:00", '"today" (string)'),
        ("whole-number", {}, 1.5, "a whole number", "1.5 (number)"),
        ("word", {"words": ["A", "B"]}, "C", "A or B", '"C" (string)'),
        ("any-member", {"members": ["a", "b"]}, {}, "a member 'a' or 'b'", "absent"),
        ("implies", FILLED, {"state": "Solved"}, "'end' with a value", "no value"),
        ("implies", EMPTY, {"state": "Ongoing", "end": "x"}, "'end' without a value", "'end' is \"x\" (string)"),
        (
            "not-before",
            ORDER,
            {"start": DATE, "end": EARLIER},
            f'not before "{DATE}" (string)',
            f'"{EARLIER}" (string)',
        ),
    ],
)
def test_problem_of_a_rule_says_expected_and_actual(
    rule: str, options: dict[str, Any], value: object, expected: str, actual: str
) -> None:
    """A reader learns from a problem what should stand there and what does."""
    [problem] = RULES[rule](_values(value), options, NOW)
    assert (problem.expected, problem.actual) == (expected, actual)
    assert problem.message


def test_repeated_identifier_names_the_first_place_of_it() -> None:
    """What is not unique points to where the same value stood first."""
    [problem] = RULES["unique"](_values("a", "b", "a"), {}, NOW)
    assert (problem.expected, problem.actual) == ("a value other than that of /list/0/member", '"a" (string)')


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null (null)"),
        (True, "true (boolean)"),
        (1, "1 (number)"),
        (1.5, "1.5 (number)"),
        ("é", '"é" (string)'),
        ([1, "a"], '[1, "a"] (array)'),
        ({"a": 1}, '{"a": 1} (object)'),
        ("x" * 200, '"' + "x" * 159 + "… (202 characters) (string)"),
    ],
)
def test_value_is_shown_as_short_json_with_its_type(value: object, text: str) -> None:
    """A finding shows a value as JSON, cut where it is long, with the name of its type."""
    assert show(value) == text
    assert text.endswith(f"({json_type(value)})")


def test_pointers_escape_what_rfc_6901_reserves() -> None:
    """A tilde and a slash in a name are written ~0 and ~1, and the document itself is a slash."""
    assert pointer(("a/b", 0, "~c")) == "/a~1b/0/~0c"
    assert pointer(()) == "/"


@pytest.mark.parametrize(
    ("rule", "options", "values", "count"),
    [
        ("unique", {}, ["a"], 0),
        ("unique", {}, ["a", "b", None], 1),
        ("not-empty", {}, ["", None], 2),
        ("date-time", {"optional": True}, ["", DATE], 1),
        ("date-time", {}, ["", None], 1),
        ("whole-number", {}, [1, "x", True], 1),
        ("word", {"words": ["a"]}, [None, "b"], 1),
        ("any-member", {"members": ["a"]}, [{}, "x"], 1),
        ("other-spelling", {"of": "a"}, [], 0),
        ("implies", CLOSED, [{"closed": False}], 0),
        ("implies", CLOSED, [{"closed": True}], 1),
        ("implies", CLOSED, [{"closed": 1}], 0),
        ("not-before", {"earlier": "a", "later": ["b"]}, [{"a": DATE, "b": None}], 0),
        ("not-before", {"earlier": "a", "later": ["b"]}, [{"a": DATE, "b": SAME}], 1),
    ],
)
def test_rule_counts_only_where_it_really_applies(
    rule: str, options: Mapping[str, Any], values: list[Any], count: int
) -> None:
    """What a rule does not apply to shows nothing, and is not counted as a check."""
    assert APPLIES[rule](_at({("list", number): value for number, value in enumerate(values)}), options) == count


def test_numbers_are_compared_within_their_own_list() -> None:
    """One number a list has no order, two have."""
    apart = _at({("a", 0, "order"): 1, ("b", 0, "order"): 2})
    together = _at({("a", 0, "order"): 1, ("a", 1, "order"): 2})
    assert (APPLIES["ascending"](apart, {}), APPLIES["ascending"](together, {})) == (0, 1)


def test_every_rule_says_how_often_it_applies() -> None:
    """No rule counts by accident."""
    assert APPLIES.keys() == RULES.keys()
