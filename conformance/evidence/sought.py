"""One secret as it is sought in a text: the forms in which it is found at once, and where it may be found.

Must not know what a secret is for.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from conformance.evidence.dresses import (
    ESCAPES_ALONE,
    Back,
    Span,
    base64_forms,
    plain_forms,
    unfolded,
    views,
)

_A_WORD: Final = r"(?:[a-z]{1,12}|[A-Z][a-z]{0,11}|[A-Z]{1,12})"
_WORDS: Final = re.compile(rf"{_A_WORD}(?:[-_. ]{_A_WORD})*")
"""A secret of words: a sentence of the harness, a file's name or an id may have the same ones."""
_LONGEST_WORDS: Final = 32
_QUOTED: Final = re.compile(r"(?<!\w)'[^'\n]{1,1000}'|\"[^\"\n]{1,1000}\"")
_NAME_BEFORE, _NAME_AFTER = r"(?<![\w/.\-])", r"(?![/\-]?\w|\.\w)"
"""Around a word that is no part of a file's name, an id or a longer word."""
_COMMON_WORDS: Final = """
    absent access account acceptance actual answer assertion authentication authorization
    authorisation basic bearer behaviour callers certificate challenge changed citizen client
    client_secret conformance conformant content correct credential credentials dashboard default
    denied dossier element environment expected expired failed failure forbidden granted header
    identity incident insurance integration intrusive invalid keystore malformed mandatary medical
    message method missing monitoring negative nothing number object parent passed passphrase
    password patient person pharmacist pharmacy physician platform positive practitioner private
    production profile property protected public reason refused rejected request required
    requirement response result schema secret secrets security server service session severity
    signature simulation status string subject success system target technical therapeutic timestamp
    token tokens unauthorized unknown username user value values verdict version violation warning
"""
"""Words that answers of services have anyway: found where a value stands alone, or nothing would be left to read."""
_COMMON: Final = frozenset(_COMMON_WORDS.split())
_BEFORE_A_VALUE: Final = (
    r"(?<!name=[\"'])(?<!type=[\"'])(?<!id=[\"'])(?<!for=[\"'])"
    r"(?:^|(?<=[\"'=>,;(\[{&?\n])|(?<=[:=,;] )|(?<=:)|(?<=Bearer )|(?<=Basic ))"
)
_AFTER_A_VALUE: Final = r"(?=\s*(?:$|[\"'&<,;)\]}\n]))(?!\\?[\"']\s*:)"
SHORTEST_FORM: Final = 6
"""Characters of a form of a secret at least; fewer are in any text."""
_FEWEST_CODED: Final = 6
_HALF_ESCAPE: Final = re.compile(
    r"(?:%[0-9A-Fa-f]?|\\(?:[ux][0-9A-Fa-f]{0,3})?|&(?:#[xX]?)?[0-9A-Za-z]{0,8})\Z"
)
"""What a cut leaves of an escape."""
TAIL: Final = 2000
"""Characters before a cut in which the beginning of a secret is looked for."""


@dataclass(frozen=True, slots=True)
class Found:
    """A secret in a text: from where to before where, and what is to stand there."""

    start: int
    end: int
    reference: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SoughtSecret:
    """The forms of a secret: as it is, and in base64 with the numbers of characters that are shared around it.

    `shortest` is how many characters a text has at least in which one of them stands. `word` is the expression of a
    secret of words where the harness speaks; `value` that of one of common words, which has no other forms.
    """

    secret: str
    forms: tuple[str, ...] = ()
    base64: tuple[tuple[str, int, int], ...] = ()
    word: re.Pattern[str] | None = None
    value: re.Pattern[str] | None = None
    shortest: int = SHORTEST_FORM

    @classmethod
    def of(cls, secret: str) -> Self:
        """Return how a secret is sought."""
        escaped, word = re.escape(secret), None
        if len(secret) <= _LONGEST_WORDS and _WORDS.fullmatch(secret):
            is_common = _COMMON.issuperset(re.split("[-_. ]", secret.lower()))
            if is_common or re.fullmatch(_A_WORD, secret):
                word = re.compile(f"{_NAME_BEFORE}{escaped}{_NAME_AFTER}")
            if is_common:
                value = re.compile(f"{_BEFORE_A_VALUE}{escaped}{_AFTER_A_VALUE}")
                return cls(secret, word=word, value=value)
        written = (*_written(secret), *_written(secret.replace(" ", "+")))
        forms, coded = tuple(dict.fromkeys(written)), tuple(base64_forms(secret))
        shortest = min(map(len, (*forms, *(form for form, _, _ in coded))))
        return cls(secret, forms, coded, word, shortest=shortest)

    @property
    def begins_like_nothing_else(self) -> bool:
        """Tell whether the beginning of the secret tells it: neither an ordinary word nor a document."""
        return self.word is None and not self.secret.lstrip().startswith("<")

    def places(self, text: str, code: str, *, own: bool) -> Iterator[Span]:
        """Yield where the secret stands in a text; `code` is the text with `+/` for `-_`.

        `own` says that the words are the harness's, and foreign ones in quotes.
        """
        if own and self.word is not None:
            yield from self._quoted(text, self.word)
            return
        if self.value is not None:
            yield from (match.span() for match in self.value.finditer(text))
        for form in self.forms:
            yield from _occurrences(text, form)
        for form, before, after in self.base64:
            for start, end in _occurrences(code, form):
                yield max(start - before, 0), min(end + after, len(text))

    def _quoted(self, text: str, word: re.Pattern[str]) -> Iterator[Span]:
        """Yield where a secret of words stands in a foreign text that the harness quotes.

        A word alone in single quotes is a name that the harness says; a value stands in double ones, as JSON. A common
        word is a secret alone, since the gap in a sentence that everybody knows would tell it.
        """
        if self.secret not in text:
            return
        for quoted in _QUOTED.finditer(text):
            alone = quoted.group()[1:-1] == self.secret
            is_name = alone and quoted.group()[0] == "'"
            if is_name or (self.value is not None and not alone):
                continue
            yield from (found.span() for found in word.finditer(text, *quoted.span()))


def _written(secret: str) -> Iterator[str]:
    """Yield how a secret may be written: with its own escapes undone, as Latin-1, in hexadecimal."""
    raw = secret.encode("utf-8", "surrogatepass")
    folded = unfolded(secret)
    whole = (secret,) if folded is None else (secret, folded.text)
    plain = (form for one in whole for form in plain_forms(one))
    for form in (*plain, raw.decode("latin-1")):
        if len(form) >= SHORTEST_FORM:
            yield form
            yield form.encode("utf-8", "surrogatepass").decode("latin-1")
    yield raw.hex()
    yield raw.hex().upper()


def led_back(found: Iterable[Found], back: Back) -> Iterator[Found]:
    """Yield what was found in a view where it is in the text that the view was made of."""
    for one in found:
        yield Found(*back((one.start, one.end)), one.reference)


def _occurrences(text: str, form: str) -> Iterator[Span]:
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + len(form))


def merged(found: Iterable[Found]) -> Iterator[Found]:
    """Yield what was found in order, as one where it overlaps: the reference is that of the longest."""
    current: Found | None = None
    longest = 0
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        length = one.end - one.start
        if current is None or one.start >= current.end:
            if current is not None:
                yield current
            current, longest = one, length
            continue
        reference = one.reference if length > longest else current.reference
        longest = max(length, longest)
        current = Found(current.start, max(current.end, one.end), reference)
    if current is not None:
        yield current


def left_of(sought: Sequence[SoughtSecret], text: str, fewest: int) -> int:
    """Return how many characters at the end of a text are the beginning of a secret in any dress.

    0 where it says fewer than `fewest` characters of a secret.
    """
    tail = text[-TAIL:]
    whole = _HALF_ESCAPE.sub("", tail)
    starts = [len(whole) - _left(sought, whole, fewest)]
    for view in views(whole, codes=ESCAPES_ALONE):
        said = _HALF_ESCAPE.sub("", view.text)
        left = _left(sought, said, fewest)
        if left:
            starts.append(view.back((len(said) - left, len(said)))[0])
    start = min(starts)
    return len(tail) - start if start < len(whole) else 0


def _left(sought: Sequence[SoughtSecret], text: str, fewest: int) -> int:
    """Return how many characters at the end of a text are the beginning of a form of a secret; 0 for too few."""
    code = text.replace("-", "+").replace("_", "/")
    plain = (_beginning(form, text, fewest) for row in sought for form in row.forms)
    coded = (
        _beginning(form, code, max(fewest, _FEWEST_CODED))
        for row in sought
        for form, _, _ in row.base64
    )
    return max((*plain, *coded), default=0)


def _beginning(form: str, text: str, fewest: int) -> int:
    """Return how long the beginning of a form is that a text ends with; 0 where it is shorter than `fewest`."""
    start = text.find(form[:fewest], max(len(text) - len(form), 0))
    while start >= 0:
        if form.startswith(text[start:]):
            return len(text) - start
        start = text.find(form[:fewest], start + 1)
    return 0
