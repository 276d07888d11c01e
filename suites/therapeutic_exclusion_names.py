"""The names under which answers show health care parties: those of the authentic source, whole and for each kind.

Section 5.3: the names come from CoBRHa in any case, never from a declaration.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Any
from urllib.parse import unquote

from conformance.checks.problem import show
from conformance.model.verdict import Finding

from .therapeutic_exclusion_answers import Entry, entry_of, identifiers, name_of
from .therapeutic_exclusion_model import MOST_ENTRIES, Situation
from .therapeutic_exclusion_requests import INVENTED, Party

_LAST_OF_ASCII = "\x7f"
_MARKS = frozenset("?_\N{REPLACEMENT CHARACTER}")
"""What stands in the place of a letter that an encoding does not have."""
_CODED = re.compile(r"\\u([0-9a-fA-F]{4})")
_RULES = {"ssin": "5.3/practitioner-names", "nihii": "5.3/organisation-name"}
"""The rule on the names of each kind of party, by the identifier that such a party has."""
_NAMES = {"ssin": ("name", "firstName"), "nihii": ("name",)}


def invented_names(situation: Situation, party: Any) -> Iterator[Finding]:  # noqa: ANN401 - an answer's part
    """Check that a party does not carry a name that a declaration of ours gave it."""
    if not isinstance(party, dict):
        return
    given = {party.get("name"), party.get("firstName")}
    if given.isdisjoint(INVENTED):
        return
    message = "a name given in a declaration is published"
    expected = "the name of the authentic source"
    yield situation.finding(_RULES[_kind(party)], message, expected, show(party))


def names_in_entries(
    situation: Situation, rows: Sequence[Any], bag: Counter[Entry]
) -> Iterator[Finding]:
    """Check the names of the parties in the new entries of a history."""
    fresh = bag - situation.model.kept(MOST_ENTRIES)
    for row in rows:
        if entry_of(row) in fresh:
            yield from invented_names(situation, row.get("target"))
            yield from spoiled_names(situation, row.get("target"))


def spoiled_names(situation: Situation, party: Any) -> Iterator[Finding]:  # noqa: ANN401 - an answer's part
    """Check that letters outside ASCII have arrived in a name, as far as the right name is known."""
    if not isinstance(party, dict):
        return
    own = _own(situation, party)
    right = {"name": own.name, "firstName": own.first_name} if own else {}
    for member in _NAMES[_kind(party)]:
        shown, expected = party.get(member), right.get(member, "")
        if not isinstance(shown, str) or not shown or _alike(shown, expected):
            continue
        rule = _RULES[_kind(party)]
        how = spoiling(expected, shown)
        if how:
            message = f"{member} does not come as the authentic source has it: {how}"
            yield situation.finding(rule, message, expected, shown)
        elif expected:
            message = f"{member} is another one than the target file gives"
            yield situation.observation(rule, message, expected, shown)
        elif _decoded_twice(shown) or "\N{REPLACEMENT CHARACTER}" in shown:
            message = f"{member} looks as if its letters outside ASCII were spoiled"
            yield situation.observation(rule, message, "a name", shown)


def spoiling(right: str, shown: str) -> str:
    """Return in words how letters outside ASCII were spoiled on their way from one text to the other, "" if not so."""
    if right.isascii() or _alike(right, shown):
        return ""
    if _decoded_twice(shown) == right:
        return "its UTF-8 was read as another encoding"
    if right in {unescape(shown), unquote(shown), _CODED.sub(_letter, shown)}:
        return "letters outside ASCII are shown as escapes"
    kept = [letter for letter in right if letter <= _LAST_OF_ASCII]
    left = [letter for letter in shown if letter not in _MARKS]
    if kept == left:
        marked = not _MARKS.isdisjoint(shown)
        return "letters outside ASCII are " + ("replaced" if marked else "left out")
    return ""


def _letter(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))


def dropped_names(situation: Situation, parties: Sequence[Any]) -> Iterator[Finding]:
    """Yield an observation where parties of one kind are shown without a name, and those of the other with one."""
    with_name: dict[str, dict[str, Any]] = {}
    without: dict[tuple[str, str], dict[str, Any]] = {}
    for party in parties:
        kind = _kind(party)
        for member in _NAMES[kind] if isinstance(party, dict) else ():
            if party.get(member):
                with_name.setdefault(kind, party)
            else:
                without.setdefault((kind, member), party)
    for (kind, member), party in without.items():
        if with_name:
            shown = ", ".join(map(name_of, identifiers(party)))
            message = (
                f"{member} of a {_WORDS[kind]} is not shown, though other names are"
            )
            expected = "the name of the authentic source (erratum 5.5/null-names)"
            yield situation.observation(_RULES[kind], message, expected, shown)


_WORDS = {"ssin": "practitioner", "nihii": "pharmacy"}


def _own(situation: Situation, party: dict[str, Any]) -> Party | None:
    keys = identifiers(party)
    return next((one for one in situation.parties if one.key in keys), None)


def _kind(party: Any) -> str:  # noqa: ANN401 - an answer's part
    """Return the identifier that a party of this kind has: an organisation's, or a person's."""
    code = party.get("qualificationCode") if isinstance(party, dict) else None
    return "nihii" if str(code).startswith("org") else "ssin"


def _alike(one: str, other: str) -> bool:
    """Tell whether two texts are the same but for how their accents are written (Unicode, annex 15)."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def _decoded_twice(text: str) -> str:
    """Return a text of which the UTF-8 was read as Windows-1252 or Latin-1, "" where it was not so."""
    for encoding in ("cp1252", "latin-1"):
        try:
            read = text.encode(encoding).decode()
        except UnicodeError:
            continue
        if read != text:
            return read
    return ""
