"""Says in words what is wrong with the text of a YAML or JSON file, and what to write instead.

Must not read files nor know what the data means.
"""

import re
from typing import Final

_YAML: Final = (
    (r"\btab\b", "a tab indents this line; indent with spaces"),
    (
        r"mapping values are not allowed|could not find expected ':'",
        "a colon is missing, or stands where none can; put a text that holds one in quotes",
    ),
    (r"2002:merge", "merge keys (<<) are not read; write the values out"),
    (
        r"could not determine a constructor|tag handle|tag URI",
        "a tag (!...) is not read; write the plain value",
    ),
    (
        r"unexpected end of stream|did not find expected ',' or",
        "a quote or a bracket is opened and not closed",
    ),
    (
        r"another document",
        "a second document begins (---); keep one document in a file",
    ),
    (r"nesting", "nested too deeply"),
    (r"incompatible YAML|directive", "leave out the line that begins with %"),
    (
        r"escape|hexdecimal",
        "a backslash in double quotes begins nothing that is known; use single quotes, or write it twice",
    ),
    (r"alias|anchor", "an alias (*name) is not read; write the value out"),
    (
        r"did not find expected|block (mapping|collection|end)|indentation|flow",
        "the indentation or a bracket is wrong; indent what belongs together alike",
    ),
)
"""What the library says of a file (either of its two readers), and what its author has to know."""
_JSON: Final = (
    (r"Expecting property name", "a name in double quotes is missing"),
    (r"Expecting value", "a value is missing"),
    (r"Expecting ',' delimiter", "a comma or a closing bracket is missing"),
    (r"Expecting ':' delimiter", "a colon behind the name is missing"),
    (r"Unterminated string", "a text has no closing quote"),
    (r"Invalid control character", "a line break or control character in a text"),
    (r"escape", "a backslash in a text begins nothing that JSON knows"),
    (r"Extra data", "something follows the end of the value"),
    (r"trailing comma", "a comma stands before a closing bracket; leave it out"),
)


def yaml_words(problem: str, character: str = "") -> str:
    """Return what a problem that the YAML library names means; `character` stands where it was noticed."""
    if "cannot start any token" in problem:
        if character == "\t":
            return _YAML[0][1]
        return f"a value begins with {character!r}, which YAML keeps for itself; put it in quotes"
    for pattern, words in _YAML:
        if re.search(pattern, problem):
            return words
    return f"{problem}; check quotes, colons and indentation"


def json_words(problem: str) -> str:
    """Return what a problem that the JSON reader names means."""
    for pattern, words in _JSON:
        if re.search(pattern, problem):
            return words
    return problem


def encoding_words(data: bytes, wrong: int) -> str:
    """Return what bytes that are not UTF-8 are; `wrong` is the place of the first that cannot be read."""
    if data[:4] in {b"\xff\xfe\0\0", b"\0\0\xfe\xff"}:
        return "it is UTF-32 text; save it as UTF-8"
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in data[:4]:
        return "it is UTF-16 text; save it as UTF-8"
    line = data.count(b"\n", 0, wrong) + 1
    return f"line {line} is not UTF-8 text (byte {wrong} of the file); save it as UTF-8"
