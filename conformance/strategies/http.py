"""Strategies for requests that differ from a plain one in ways that a cookbook leaves open.

Each takes the plain request and draws another. Must not know any service.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.model.case import JsonBody, Template

Generator = Callable[[Template], SearchStrategy[Template]]
Edges = Callable[[Template], Sequence[Template]]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_PLAIN = _LETTERS + _LETTERS.upper() + "0123456789"
_NAMES = st.text(_PLAIN + "-", min_size=1, max_size=12).filter(
    lambda name: name.strip("-") == name
)
_VERSIONS = st.lists(st.integers(0, 999), min_size=1, max_size=4).map(
    lambda parts: ".".join(map(str, parts))
)
_VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40)
_QUERY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_QUERY_SAFE = (
    "-._~!$'()*+,;:@/?"  # RFC 3986, 3.4: what a query may hold unescaped, less & and =
)


def repetition(plain: Template) -> SearchStrategy[Template]:
    """Draw the plain request itself, again and again."""
    return st.integers(0, 2**32).map(lambda _: plain)


def user_agent(plain: Template) -> SearchStrategy[Template]:
    """Draw User-Agent values that every reading of the printed pattern takes."""
    subset = st.builds("{}/{}".format, _NAMES, _VERSIONS)
    return st.builds("{} {}".format, subset, subset).map(
        lambda value: _with_headers(plain, {"User-Agent": value})
    )


def unknown_path(plain: Template) -> SearchStrategy[Template]:
    """Draw a path one or two levels below the plain one, of names that no service would use."""
    name = st.text(_LETTERS, min_size=3, max_size=8).map(lambda text: f"unknown-{text}")
    return st.lists(name, min_size=1, max_size=2).map(
        lambda names: replace(plain, path=plain.path + "/" + "/".join(names))
    )


def unexpected_query(plain: Template) -> SearchStrategy[Template]:
    """Draw a query string with fields that the cookbook does not name."""
    name = st.text(_PLAIN + "_-.[]", min_size=1, max_size=10).map(
        lambda text: f"x{text}"
    )
    pair = st.builds(
        lambda key, value: f"{_quoted(key)}={_quoted(value)}", name, _QUERY_TEXT
    )
    return st.lists(pair, min_size=1, max_size=4).map(
        lambda pairs: replace(plain, query="&".join(pairs))
    )


def long_query(plain: Template) -> SearchStrategy[Template]:
    """Draw a query string of 2,000 to 8,000 characters."""
    return st.integers(_SHORTEST_QUERY, _LONGEST_QUERY).map(
        lambda length: replace(plain, query="x=" + "a" * length)
    )


def large_body(plain: Template) -> SearchStrategy[Template]:
    """Draw the JSON body with a member of one or two million characters beside its own."""
    sizes = st.sampled_from([1_000_000, 2_000_000])
    return sizes.map(
        lambda size: replace(
            plain, body=JsonBody({**plain.document, "padding": "x" * size})
        )
    )


def unexpected_header(plain: Template) -> SearchStrategy[Template]:
    """Draw header fields that the cookbook does not name and that change no meaning in HTTP."""
    custom = _NAMES.map(lambda name: f"X-Conformance-{name}")
    known = st.sampled_from(
        ["Accept-Language", "Cache-Control", "DNT", "Pragma", "Referer", "X-Request-Id"]
    )
    values: Mapping[str, SearchStrategy[str]] = {
        "Accept-Language": st.sampled_from(["nl-BE", "fr-BE,fr;q=0.8", "de", "*"]),
        "Cache-Control": st.sampled_from(["no-cache", "no-store", "max-age=0"]),
        "DNT": st.sampled_from(["0", "1"]),
        "Pragma": st.just("no-cache"),
        "Referer": st.just("https://www.example.org/"),
    }
    field = st.one_of(custom, known).flatmap(
        lambda name: st.tuples(st.just(name), values.get(name, _VISIBLE))
    )
    return st.lists(field, min_size=1, max_size=4).map(
        lambda fields: _with_headers(plain, dict(fields))
    )


GENERATORS: Mapping[str, Generator] = {
    "repetition": repetition,
    "user-agent": user_agent,
    "unknown-path": unknown_path,
    "unexpected-query": unexpected_query,
    "long-query": long_query,
    "large-body": large_body,
    "unexpected-header": unexpected_header,
}


_SHORTEST_QUERY, _LONGEST_QUERY = 2000, 8000
_LONG_NAME = "a" * 60
_USER_AGENTS = (
    "a/0 a/0",
    "z/9 Z/9",
    "0/1 9/1",
    "A-Z/1.0 a-z-0-9/0.1",
    "aA0/000 zZ9/999",
    "a/1.2.3.4.5.6 b/0.0",
    "a/A b/Z.9",
    "a/2026.11 b/1234567890",
    f"{_LONG_NAME}/1 b/1",
    f"a/1 {_LONG_NAME}/1.{'9' * 40}",
)
"""At the bounds of the expression's classes and quantifiers, within every reading of it."""


def _with_user_agents(plain: Template) -> tuple[Template, ...]:
    return tuple(_with_headers(plain, {"User-Agent": value}) for value in _USER_AGENTS)


def _with_query_lengths(plain: Template) -> tuple[Template, ...]:
    return tuple(
        replace(plain, query="x=" + "a" * length)
        for length in (_SHORTEST_QUERY, _LONGEST_QUERY)
    )


_NOT_ASCII = tuple(map(quote, ("\u00e9", "\u0142", "\u20ac", "\U00020bb7")))
"""A letter of ISO 8859-1, one beyond it, a sign of three bytes in UTF-8, and a character beyond 16 bits."""


def _with_queries(plain: Template) -> tuple[Template, ...]:
    """Return a field without value, with a value of one character, twice the same field, and letters beyond ASCII."""
    queries = ("xa=", "xa=1", "xa=1&xa=2", *(f"xa={text}" for text in _NOT_ASCII))
    return tuple(replace(plain, query=query) for query in queries)


def _with_unknown_paths(plain: Template) -> tuple[Template, ...]:
    """Return names of one level and of two, and with each sort of letter that is not ASCII."""
    names = ("unknown", "unknown/unknown", *(f"unknown-{text}" for text in _NOT_ASCII))
    return tuple(replace(plain, path=f"{plain.path}/{name}") for name in names)


def _with_usual_headers(plain: Template) -> tuple[Template, ...]:
    """Return the header fields that browsers and libraries send on their own, one by one."""
    fields = (
        {"Accept-Language": "nl-BE"},
        {"Accept-Language": "fr-BE,fr;q=0.8"},
        {"Cache-Control": "no-cache"},
    )
    return tuple(_with_headers(plain, field) for field in fields)


EDGES: Mapping[str, Edges] = {
    "unexpected-header": _with_usual_headers,
    "user-agent": _with_user_agents,
    "unexpected-query": _with_queries,
    "unknown-path": _with_unknown_paths,
    "long-query": _with_query_lengths,
}


def _quoted(text: str) -> str:
    return quote(text, safe=_QUERY_SAFE)


def _with_headers(plain: Template, headers: Mapping[str, str]) -> Template:
    return replace(plain, headers={**plain.headers, **headers})
