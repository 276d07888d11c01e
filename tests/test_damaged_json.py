"""Tests of reading JSON that is damaged: what is read all the same, and what counts as lost."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.checks.damaged.content_type import json_type_problems
from conformance.checks.damaged.json_reading import read
from conformance.model.exchange import Response

repeatable = settings(derandomize=True, database=None, deadline=None)


@pytest.mark.parametrize(
    ("body", "document"),
    [
        pytest.param(b"{a: 1, 'b': 2}", {"a": 1, "b": 2}, id="names as other notations have them"),
        pytest.param(b'{"a": 1,}', {"a": 1}, id="comma before a brace"),
        pytest.param(b'// note\n{"a": /* x */ 1}', {"a": 1}, id="comments"),
        pytest.param(b'{"a": 1} {"a": 2}', {"a": 1}, id="two documents"),
        pytest.param(b'{"a": 1}garbage', {"a": 1}, id="something behind it"),
        pytest.param(b')]}\',\n{"a": 1}', {"a": 1}, id="a prefix against inclusion as a script"),
        pytest.param(b'callback({"a": 1});', {"a": 1}, id="a call around it"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', {"a": 1}, id="byte order mark"),
        pytest.param('{"a": "é"}'.encode("utf-16"), {"a": "é"}, id="UTF-16 with its mark"),
        pytest.param('{"a": "é"}'.encode("utf-16-le"), {"a": "é"}, id="UTF-16 without a mark"),
        pytest.param('{"a": "é"}'.encode("utf-32-be"), {"a": "é"}, id="UTF-32"),
        pytest.param(b'{"a": 1e999, "b": 1' + b"0" * 5000 + b"}", {"a": 1e308, "b": 1e308}, id="large numbers"),
    ],
)
def test_what_is_only_spelled_otherwise_is_read_whole(body: bytes, document: object) -> None:
    """A text in another notation or encoding, or with something around it, loses nothing."""
    reading = read(body)
    assert (reading.document, reading.is_whole) == (document, True)


@pytest.mark.parametrize(
    ("body", "document", "lost"),
    [
        pytest.param(b'{"a": NaN, "b": 1}', {"a": "\ufffd", "b": 1}, {("a",)}, id="NaN"),
        pytest.param(b'{"a": 01, "b": 1}', {"a": "\ufffd", "b": 1}, {("a",)}, id="leading zero"),
        pytest.param(b'{"a": True, "b": 1}', {"a": "\ufffd", "b": 1}, {("a",)}, id="a word of Python"),
        pytest.param(b'{"a": "\xe9t\xe9", "b": 1}', {"a": "\ufffdt\ufffd", "b": 1}, {("a",)}, id="Latin-1"),
        pytest.param(b'{"a": "x\ty", "b": 1}', {"a": "x\ty", "b": 1}, {("a",)}, id="bare tabulator"),
        pytest.param(rb'{"a": "\q", "b": 1}', {"a": "\ufffd", "b": 1}, {("a",)}, id="unknown escape"),
        pytest.param(b'[[1, {"a": NaN}], 2]', [[1, {"a": "\ufffd"}], 2], {(0, 1, "a")}, id="far inside"),
    ],
)
def test_damaged_value_is_lost_alone(body: bytes, document: object, lost: set[Any]) -> None:
    """A value that is none of JSON's is lost; everything else is read, and nothing is missing."""
    reading = read(body)
    assert (reading.document, set(reading.lost), set(reading.torn)) == (document, lost, set())


@pytest.mark.parametrize(
    ("body", "document", "torn"),
    [
        pytest.param(b'{"a": 1, "b": "x', {"a": 1}, {()}, id="cut in a text"),
        pytest.param(b'{"a": [1, {"b": 2', {"a": [1, {"b": 2}]}, {(), ("a",), ("a", 1)}, id="cut in a number"),
        pytest.param(b'{"a": 1, "\xff": 2, "b": 3}', {"a": 1, "b": 3}, {()}, id="damaged name"),
        pytest.param(b'{"a": 1, b", "c": 3}', {"a": 1, "c": 3}, {()}, id="lost quotation mark"),
        pytest.param(b'{"a": 1; "b": 2}', {"a": 1, "b": 2}, {()}, id="another sign for a comma"),
    ],
)
def test_lost_part_is_told(body: bytes, document: object, torn: set[Any]) -> None:
    """Of an object or list that is not read to its end, or with a gap, it is known that a part is missing."""
    reading = read(body)
    assert (reading.document, set(reading.torn)) == (document, torn)
    assert reading.form.problem is not None


@pytest.mark.parametrize("body", [b"", b" ", b"all is well", b"<html>{}</html>", b"\xff\xfe\xfd", b"NaN", b'"text'])
def test_what_is_no_document_is_not_read(body: bytes) -> None:
    """Of words, pages and scalars nothing is read."""
    assert not read(body).is_read


def test_deep_place_is_lost_alone() -> None:
    """What is nested too deeply is lost where it stands; why that is so is said."""
    reading = read(b'{"a": ' + b"[" * 1000 + b"]" * 1000 + b', "b": 1}')
    assert reading.document["b"] == 1
    assert "nested too deeply" in reading.form.unreadable
    assert all(path[0] == "a" for path in reading.lost)
    assert not reading.torn


def test_half_character_is_replaced_and_observed() -> None:
    """An escape of half a character gives the replacement character and an oddity, and is not lost."""
    reading = read(rb'{"a": "x\ud800", "\udfff": 1}')
    assert (reading.document, reading.is_whole) == ({"a": "x\ufffd", "\ufffd": 1}, True)
    assert ["8.2" in told.message and told.odd for told in reading.form.oddities] == [True]


@repeatable
@given(st.binary(max_size=80) | st.text('{}[]":,\\ud80eE+-.01tfn\x00', max_size=60).map(str.encode))
def test_any_bytes_are_read_without_a_word(body: bytes) -> None:
    """No bytes make the reader raise, and what was lost leads to places, or to where none is any more."""
    reading = read(body)
    assert reading.is_read or () in reading.lost
    if reading.is_read:
        reading.least()
        reading.most(lambda _: ("a",))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"a":' * 300_000,
        b'{"a":[' + b'{"x":"y""z":1},' * 100_000,
        b'"' * 1_000_001,
        b"[]]" * 300_000,
        b'{"a":/*' * 200_000,
        b"[1 2 3" * 200_000,
        b'{"a":"\\' * 200_000,
    ],
    ids=["brackets", "objects", "no commas", "quotation marks", "closed", "comments", "spaces", "escapes"],
)
def test_time_is_bounded(body: bytes) -> None:
    """A megabyte of mistakes is read in seconds of CPU."""
    begun = time.process_time()
    read(body)
    assert time.process_time() - begun < 30


def _told(*values: str) -> list[tuple[str, str, bool]]:
    headers = tuple(("Content-Type", value) for value in values)
    response = Response(200, "OK", headers, b"{}", 2, "")
    return [(one.message.partition(" (")[0], one.actual, one.should) for one in json_type_problems(response)]


@pytest.mark.parametrize(
    "value",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        " application/json ",
        "text/json",
        "application/hal+json",
        "application/problem+json;charset=utf-8",
        'application/json; charset="utf-8"; profile="a;b,c"',
        "application/json;",
    ],
)
def test_media_types_of_json_are_accepted(value: str) -> None:
    """Any spelling and parameter of a JSON media type will do."""
    assert _told(value) == []


@pytest.mark.parametrize(
    "value", ["text/plain", "text/html; charset=utf-8", "", "json", "application/jsonp", "application/xml; x=+json"]
)
def test_other_media_types_are_a_problem(value: str) -> None:
    """A media type that is not JSON's is a problem that shows it."""
    assert _told(value) == [("the answer's media type is not JSON", value, False)]


def test_missing_media_type_is_odd() -> None:
    """RFC 9110 lets a recipient guess where there is no Content-Type, so that it is an oddity."""
    (problem,) = json_type_problems(Response(200, "OK", (), b"{}", 2, ""))
    assert (problem.odd, problem.actual) == (True, "absent")


REPEATED = "the Content-Type is a repeated singleton field"


@pytest.mark.parametrize(
    "values",
    [
        ("application/json, application/json",),
        ("application/json", "application/json"),
        ("application/json, text/plain",),
        ("application/json", "text/plain"),
        ('text/plain; a="b,c", application/json',),
    ],
)
def test_repeated_media_type_is_told_alike_however_it_is_repeated(values: tuple[str, ...]) -> None:
    """Two lines and one with a comma, of equal or different types, are one kind of finding (RFC 9110, 5.3 and 8.3)."""
    assert _told(*values) == [(REPEATED, ", ".join(values), True)]


def test_repeated_media_type_without_json_is_a_problem_too() -> None:
    """Where none of the types is JSON's, that is said besides."""
    assert [message for message, _, _ in _told("text/plain", "text/html")] == [
        REPEATED,
        "the answer's media type is not JSON",
    ]
