"""Test data of a target in the place of texts that stand for it: `$patient`, `$own`, `$other.nihii`, `$person.gender`.

Must not send anything but what a caller's assertion takes.
"""

import random
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.credentials.assertions import Callers
from conformance.identifiers.near_misses import IDENTIFIER_GENERATORS, near_misses
from conformance.identifiers.notations import notations, other_lengths
from conformance.identifiers.rules import IdentifierKind, check
from conformance.model.case import (
    ODD_LENGTHS,
    OTHER_NOTATIONS,
    OTHER_NUMBERS,
    OWN_NOTATIONS,
)
from conformance.model.contract import CallerRule, SoapRules
from conformance.model.errors import MissingDataError
from conformance.strategies.broken_identifiers import Defect, breakages


@dataclass(frozen=True, slots=True)
class ServiceData:
    """The test data that a target gives for a service."""

    data: Mapping[str, Any]

    def value(self, text: str) -> str:
        """Return a text, or the test data that it stands for: `$patient`, `$practitioners.0.ssin!CHECK_DIGITS`.

        Raises MissingDataError where the target does not give it.
        """
        if not text.startswith("$"):
            return text
        place, _, defect = text[1:].partition("!")
        number = str(self._at(place))
        return _broken(number, defect, place) if defect else number

    def filled(self, body: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return a JSON body with test data in the place of what stands for it."""
        if isinstance(body, dict):
            return {name: self.filled(value) for name, value in body.items()}
        if isinstance(body, list):
            return [self.filled(value) for value in body]
        return self.value(body) if isinstance(body, str) else body

    def _at(self, place: str) -> Any:  # noqa: ANN401 - whatever a file holds
        data: Any = self.data
        for part in place.split("."):
            index = int(part) if part.isdigit() else part
            try:
                data = data[index]
            except (KeyError, IndexError, TypeError):
                raise MissingDataError(f"the target gives no data.{place}") from None
        return data


@dataclass(frozen=True, slots=True)
class CallerData:
    """The test data of a SOAP service's callers; `local` allows numbers to be made up.

    `settings` are the service's section of the target file.
    """

    rules: SoapRules
    callers: Callers
    settings: Mapping[str, Any]
    local: bool

    def rule(self, caller: str) -> CallerRule:
        """Return what is said of a caller's kind."""
        return self.callers.rule(caller)

    def value(self, text: str, caller: str) -> str:
        """Return a text, or what it stands for: `$own`, `$other`, `$other.nihii`, `$person.last_name`.

        `$person.last_name:TEST_NAME` stands for that text in the form of the target's own, `$unique.a-` for an id of
        these characters that is another one at each sending, `$unique` for a single letter.
        """
        if not text.startswith("$"):
            return text
        what, _, which = text[1:].partition(".")
        match what:
            case "own":
                return self._own(caller)
            case "other":
                return self.other(which or self.rule(caller).identity, caller)
            case "unique":
                return _unique(which)
            case _:
                return self._given(what, which)

    def other(self, identity: str, caller: str) -> str:
        """Return somebody else's number: the target's, another caller's, on a local target a fictitious one."""
        own = self.callers.identity(caller)
        given = self._section("others").get(identity, "")
        others = [
            self.callers.identity(name)
            for name in self.callers.names()
            if self.rule(name).identity == identity
        ]
        numbers = (number for number in (given, *others) if number and number != own)
        number = next(numbers, "")
        if not number and self.local:
            # The same number at each run, for the same caller.
            number = IDENTIFIER_GENERATORS[identity](random.Random(own))  # noqa: S311
        return _required(number, f"data.others.{identity}")

    def others(self, caller: str, form: str = OTHER_NUMBERS) -> tuple[str, ...]:
        """Return numbers of a form (NUMBER_FORMS) that may stand in the place of a caller's own.

        Those of others are one, and on a local target some that are easily taken for the caller's own.
        """
        identity, own = self.rule(caller).identity, self.callers.identity(caller)
        if form == ODD_LENGTHS:
            return other_lengths(own)
        if form == OWN_NOTATIONS:
            return notations(identity, own)
        other = self.other(identity, caller)
        if form == OTHER_NOTATIONS:
            return notations(identity, other)
        near = near_misses(identity, own) if self.local else ()
        return tuple(dict.fromkeys((other, *near)))

    def _own(self, caller: str) -> str:
        return _required(self.callers.identity(caller), f"callers.{caller}.requester")

    def _given(self, what: str, which: str) -> str:
        """Return what the target gives below `data`, else the cookbook's usual value."""
        name, _, made_up = which.partition(":")
        given = self._section(what).get(name) or self.rules.defaults.get(name, "")
        known = _required(str(given), f"data.{what}.{name}")
        return _alike(known, made_up) if made_up else known

    def _section(self, name: str) -> Mapping[str, Any]:
        section: Mapping[str, Any] = self.settings.get("data", {}).get(name, {})
        return section


def _required(text: str, place: str) -> str:
    if not text:
        raise MissingDataError(f"the target gives no {place}")
    return text


def _unique(characters: str) -> str:
    """Return an id that is another one at each call: the characters with some between the first two, or a letter."""
    if not characters:
        return secrets.choice(string.ascii_letters)
    return characters[:1] + secrets.token_hex(4) + characters[1:]


def _alike(own: str, made_up: str) -> str:
    """Return a made-up text in the form of an own one: digits in the place of its last ones, `_` where it has some."""
    if not made_up.isdecimal():
        return made_up if "_" in own else made_up.replace("_", "")
    characters = list(own)
    places = [place for place, char in enumerate(own) if char.isdecimal()]
    for place, digit in zip(reversed(places), reversed(made_up), strict=False):
        characters[place] = digit
    return "".join(characters)


def _broken(number: str, defect: str, place: str) -> str:
    """Return an identifier broken in one way; raises MissingDataError where it is not valid to begin with."""
    kind = _kind_of(number)
    ways = () if check(kind, number) else breakages(kind, number, Defect[defect])
    if not ways:
        raise MissingDataError(
            f"the target's data.{place} is no valid identifier that could be broken"
        )
    return ways[0]


def _kind_of(number: str) -> IdentifierKind:
    """Return what kind of identifier a test identity is, by its length and form."""
    for kind in (IdentifierKind.NIHII8, IdentifierKind.CBE):
        if len(number) == kind.length:
            return kind
    ssin = not check(IdentifierKind.SSIN, number)
    return IdentifierKind.SSIN if ssin else IdentifierKind.BIS
