"""Tests of reading a body as JSON: what it holds, what makes it none, what is odd about it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.checks.json_body import parse

repeatable = settings(derandomize=True, database=None, deadline=None)


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b"{}", {}),
        (b"[]", []),
        (b"null", None),
        (b"true", True),
        (b'"text"', "text"),
        (b"-0", 0),
        (b"1.50", 1.5),
        (b"1E2", 100.0),
        (b'\r\n\t {"a": [1, 2, {"b": null}]} \n', {"a": [1, 2, {"b": None}]}),
        ('{"é": "ü😀"}'.encode(), {"é": "ü😀"}),
        (rb'{"\u00e9": "\ud83d\ude00\/"}', {"é": "😀/"}),
        (b"9" * 300, 10**300 - 1),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_json_text_is_read_without_a_word(body: bytes, document: object) -> None:
    """A JSON text of RFC 8259 gives its document, no problem and no oddity."""
    parsed = parse(body)
    assert (parsed.document, parsed.problem, parsed.oddities, parsed.unreadable) == (document, None, (), "")


@pytest.mark.parametrize(
    ("body", "message", "actual"),
    [
        pytest.param(b"", "the body is empty", "nothing", id="nothing"),
        pytest.param(b" \r\n\t", "the body is empty", "nothing", id="white space"),
        pytest.param(b"all is well", "not JSON", "all is well", id="words"),
        pytest.param(b'{"a": 1', "not JSON", '{"a": 1', id="cut off"),
        pytest.param(b"{a: 1}", "not JSON", "{a: 1}", id="name without quotes, as a cookbook prints it"),
        pytest.param(b"{'a': 1}", "not JSON", "{'a': 1}", id="single quotes"),
        pytest.param(b'{"a": 1,}', "not JSON", '{"a": 1,}', id="comma before a brace"),
        pytest.param(b"[1 2]", "not JSON", "[1 2]", id="no comma"),
        pytest.param(b"{} {}", "Extra data", "{} {}", id="two documents"),
        pytest.param(b"call({});", "not JSON", "call({});", id="a call around it"),
        pytest.param(b'{"a": NaN}', "NaN is not a JSON value", '{"a": NaN}', id="NaN"),
        pytest.param(b"[Infinity]", "Infinity is not a JSON value", "[Infinity]", id="Infinity"),
        pytest.param(b"[-Infinity]", "-Infinity is not a JSON value", "[-Infinity]", id="-Infinity"),
        pytest.param(b"[01]", "not JSON", "[01]", id="leading zero"),
        pytest.param(b"[+1]", "not JSON", "[+1]", id="plus sign"),
        pytest.param(b"[.5]", "not JSON", "[.5]", id="no digit before the point"),
        pytest.param(b"[0x1]", "not JSON", "[0x1]", id="hexadecimal"),
        pytest.param(b'["\x00"]', "not JSON", '["\x00"]', id="bare control character"),
        pytest.param(b'["\n"]', "not JSON", '["\n"]', id="line break in a text"),
        pytest.param(rb'["\x41"]', "not JSON", r'["\x41"]', id="escape that JSON does not know"),
        pytest.param(b"// note\n{}", "not JSON", "// note\n{}", id="comment"),
        pytest.param(b"True", "not JSON", "True", id="Python's True"),
        pytest.param(b"<html>" + b"x" * 200, "not JSON", "<html>" + "x" * 74 + "…", id="long page, shown in part"),
        pytest.param(b'{"a": "\xe9t\xe9"}', "not UTF-8", "byte 0xe9 at offset 7", id="Latin-1"),
        pytest.param(b'["\xed\xa0\x80"]', "not UTF-8", "byte 0xed at offset 2", id="surrogate as bytes"),
        pytest.param(b'["\xc0\x80"]', "not UTF-8", "byte 0xc0 at offset 2", id="overlong form"),
        pytest.param('{"a": "é"}'.encode("utf-16"), "not UTF-8", "UTF-16 or UTF-32", id="UTF-16 with its mark"),
        pytest.param(b"\x00\x00\xfe\xff" + "{}".encode("utf-32-be"), "not UTF-8", "UTF-16 or UTF-32", id="UTF-32"),
        pytest.param("{}".encode("utf-16-le"), "not JSON", "{\x00}\x00", id="UTF-16 without a mark"),
    ],
)
def test_other_text_is_refused_with_what_was_found(body: bytes, message: str, actual: str) -> None:
    """A body that is no JSON in UTF-8 gives one problem that says what is wrong and what stands there."""
    parsed = parse(body)
    assert parsed.problem is not None
    assert parsed.document is None
    assert message in parsed.problem.message
    assert (parsed.problem.location, parsed.problem.actual, parsed.problem.odd) == ("body", actual, False)
    assert parsed.problem.expected in ("a JSON text", "UTF-8")


@pytest.mark.parametrize(
    ("body", "document", "messages", "actuals"),
    [
        pytest.param(b"\xef\xbb\xbf{}", {}, ["8259, section 8.1"], ["EF BB BF"], id="byte order mark"),
        pytest.param(b'{"a": 1, "b": 2, "a": 3}', {"a": 3, "b": 2}, ["same member twice"], ["a"], id="member twice"),
        pytest.param(
            b'[{"a": 1, "a": 1}, {"c": 1, "b": 1, "b": 1, "c": 1}]',
            [{"a": 1}, {"c": 1, "b": 1}],
            ["same member twice"] * 2,
            ["a", "b, c"],
            id="members twice in two objects",
        ),
        pytest.param(b"[1e400]", [1e308], ["a number is larger"], ["5 characters"], id="exponent too large"),
        pytest.param(b"[-1e400]", [-1e308], ["a number is larger"], ["6 characters"], id="the same below zero"),
        pytest.param(b"7" * 100_000, 1e308, ["a number is larger"], ["100000 characters"], id="100,000 digits"),
        pytest.param(b"-" + b"7" * 301, -1e308, ["a number is larger"], ["302 characters"], id="302 characters"),
        pytest.param(b"1." + b"5" * 400, 1e308, ["a number is larger"], ["402 characters"], id="long fraction"),
    ],
)
def test_odd_json_is_read_and_observed(body: bytes, document: object, messages: list[str], actuals: list[str]) -> None:
    """What RFC 8259 only advises against is read all the same, with an oddity for each."""
    parsed = parse(body)
    assert (parsed.document, parsed.problem) == (document, None)
    assert all(found.odd or found.should for found in parsed.oddities)
    assert [found.actual for found in parsed.oddities] == actuals
    assert all(message in found.message for message, found in zip(messages, parsed.oddities, strict=True))


def test_many_members_that_occur_twice_are_not_counted_one_by_one() -> None:
    """An object of thousands of members gives its oddity at once, without their names."""
    body = b"{" + b",".join(b'"k%d": 0' % (number // 2) for number in range(50_000)) + b"}"
    parsed = parse(body)
    assert len(parsed.document) == 25_000
    assert [found.actual for found in parsed.oddities] == ["k0, k1, k10, k100, k1000, …"]


@pytest.mark.parametrize(
    "body",
    [b"[" * 200_000, b"[" * 200_000 + b"]" * 200_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000],
    ids=["brackets left open", "brackets", "objects"],
)
def test_deep_nesting_is_unreadable_but_no_problem(body: bytes) -> None:
    """What is nested more deeply than can be followed may be JSON, so that nobody is accused."""
    parsed = parse(body)
    assert "nested too deeply" in parsed.unreadable
    assert (parsed.problem, parsed.document) == (None, None)


@repeatable
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**20), 10**20)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ),
    st.booleans(),
)
def test_what_python_writes_as_json_is_read_back(document: Any, ascii_only: bool) -> None:  # noqa: ANN401, FBT001
    """Any JSON document survives being written and read, with and without escapes."""
    body = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8")
    parsed = parse(body)
    assert (parsed.document, parsed.problem, parsed.oddities) == (document, None, ())


@repeatable
@given(st.binary(max_size=60) | st.text('{}[]":,\\ud80eE+-.01tfn', max_size=30).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """No bytes make the reader raise; what it refuses has a problem or a reason."""
    parsed = parse(body)
    refused = parsed.problem is not None or bool(parsed.unreadable)
    assert not (refused and parsed.document is not None)
