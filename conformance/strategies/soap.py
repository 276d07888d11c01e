"""Strategies for SOAP messages that differ from a plain one in values that a cookbook leaves open.

Each takes the plain request and draws another. Must not know any service: the roles are arguments of its data.
"""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.model.case import Message, Template
from conformance.strategies.http import Edges, Generator

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LONGEST_NAME = 24


def _name() -> SearchStrategy[str]:
    """Draw a name as Belgium has them: letters with and without accents, a hyphen, an apostrophe or a space inside."""
    start = st.sampled_from(_LETTERS)
    rest = st.text(
        "abcdefghijklmnopqrstuvwxyzéèêëïüçñ",
        min_size=1,
        max_size=_LONGEST_NAME // 2 - 1,
    )
    part = st.builds("{}{}".format, start, rest)
    return st.one_of(
        part, st.builds("{}{}{}".format, part, st.sampled_from(["-", "'", " "]), part)
    )


def person(plain: Template) -> SearchStrategy[Template]:
    """Draw a person: a last name, and first names, gender and phone number or not."""
    values: Mapping[str, SearchStrategy[str | None]] = {
        "last_name": _name(),
        "first_names": st.none()
        | st.lists(_name(), min_size=1, max_size=3).map(" ".join),
        "gender": st.sampled_from([None, "F", "M"]),
        "phone_number": st.none()
        | st.integers(0, 999_999).map(
            lambda number: f"$person.phone_number:{number:06d}"
        ),
    }
    return st.fixed_dictionaries(dict(values)).map(
        lambda drawn: _with_values(plain, drawn)
    )


def request_id(plain: Template) -> SearchStrategy[Template]:
    """Draw ids of every form that xs:ID allows (XML 1.0, production 5, without colon), each sent but once."""
    first = st.sampled_from(list("_abcxyzABCXYZ\N{LATIN SMALL LETTER E WITH ACUTE}"))
    rest = st.text("abcXYZ0123456789._-", max_size=32)
    return st.builds("{}{}".format, first, rest).map(lambda name: _with_id(plain, name))


def _with_id(plain: Template, form: str) -> Template:
    return _with_values(plain, {"request_id": f"$unique.{form}" if form else "$unique"})


def _with_values(plain: Template, values: Mapping[str, str | None]) -> Template:
    message = plain.message or Message()
    return replace(plain, body=replace(message, values={**message.values, **values}))


def _persons(plain: Template) -> tuple[Template, ...]:
    """Return a person of two letters and one of a long name, each optional part alone, and all of them."""
    least: dict[str, str | None] = {
        "last_name": "Ao",
        "first_names": None,
        "gender": None,
        "phone_number": None,
    }
    parts = {
        "first_names": "Ea",
        "gender": "F",
        "phone_number": "$person.phone_number:000000",
    }
    alone = [{**least, name: text} for name, text in parts.items()]
    longest = "A" + "a" * (_LONGEST_NAME - 1)
    drawn = [
        least,
        *alone,
        {**least, "gender": "M"},
        {**least, **parts},
        {**least, "last_name": longest},
    ]
    return tuple(_with_values(plain, values) for values in drawn)


def _request_ids(plain: Template) -> tuple[Template, ...]:
    """Return a single letter, each class of first and last characters, and a long id."""
    forms = (
        "",
        "_",
        "a",
        "Z",
        "a0",
        "a.",
        "a-",
        "a_",
        "\N{LATIN SMALL LETTER E WITH ACUTE}a",
        "a" + "9" * 32,
    )
    return tuple(_with_id(plain, form) for form in forms)


EDGES: Mapping[str, Edges] = {"person": _persons, "request-id": _request_ids}

GENERATORS: Mapping[str, Generator] = {"person": person, "request-id": request_id}
