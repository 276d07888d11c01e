"""What a careless DossierNumberGeneration leaves out: checks of the gateway for some callers, care with numbers.

Names are what a fault's `without` may say. A check that is not made of some messages is written with " of " before
whose: `signature_holds of rsa`. Must not know which fault asks for it.
"""

import copy
import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from conformance.checks.secured_request import CHECKS, name_of
from conformance.checks.soap_request import Check, Incoming, Problems
from conformance.mock.dossier.rules import (
    GENDER,
    IDENTIFIERS,
    CallerKind,
    caller_of,
)
from conformance.soap.markup import Element
from conformance.soap.xsd.contract import read_value

ONE_SEQUENCE: Final = "one_sequence"
"""Identifiers are drawn from one sequence, whoever asks."""
_OF: Final = " of "
Concern = Callable[[Incoming], bool]


def _kind(kind: CallerKind) -> Concern:
    return lambda incoming: caller_of(incoming.assertion).kind is kind


def _is_rsa(incoming: Incoming) -> bool:
    assertion = incoming.assertion
    if assertion is None or not assertion.certificate:
        return False
    certificate = x509.load_der_x509_certificate(assertion.certificate)
    return isinstance(certificate.public_key(), RSAPublicKey)


def _has_small_gender(incoming: Incoming) -> bool:
    request = incoming.request
    return request is not None and read_value(request, GENDER) in {"f", "m"}


CONCERNS: Final[Mapping[str, Concern]] = {
    "person": _kind(CallerKind.PERSON),
    "nihii_institution": _kind(CallerKind.NIHII),
    "cbe_institution": _kind(CallerKind.CBE),
    "ehp_institution": _kind(CallerKind.EHP),
    "rsa": _is_rsa,
    "small_gender": _has_small_gender,
}
"""Of whose messages, or of which, a check may be left out."""


def _digits_alone(number: str) -> str:
    return re.sub(r"\D", "", number)


def _signs_ignored(request: Element) -> None:
    """Read numbers of the requester without blanks, dots and dashes."""
    for place in IDENTIFIERS:
        for element in request.iterfind("/".join(place)):
            element.text = _digits_alone(element.text or "")


def _odd_numbers_ignored(request: Element) -> None:
    """Take no notice of a number of the requester that is not made of so many digits as its kind has."""
    for place, length in IDENTIFIERS.items():
        for element in list(request.iterfind("/".join(place))):
            number = element.text or ""
            parent = element.getparent()
            if parent is not None and not re.fullmatch(rf"\d{{{length}}}", number):
                parent.remove(element)


READINGS: Final[Mapping[str, Callable[[Element], None]]] = {
    "signs_of_numbers": _signs_ignored,
    "odd_numbers": _odd_numbers_ignored,
}
"""Ways to read a request that overlook something, by the name of the care that is missing."""


def known_names() -> Iterator[str]:
    """Yield what may be left out besides the rules."""
    names = tuple(map(name_of, CHECKS))
    yield from (ONE_SEQUENCE, *READINGS, *names)
    for name in names:
        yield from (f"{name}{_OF}{concern}" for concern in CONCERNS)


def careful_checks(without: Sequence[str]) -> tuple[Check, ...]:
    """Return the checks of the gateway, without those that are left out, for all messages or for some."""
    spared: dict[str, list[Concern]] = {}
    for entry in without:
        name, of, concern = entry.partition(_OF)
        if of:
            spared.setdefault(name, []).append(CONCERNS[concern])
    return tuple(
        _sparing(check, spared[name_of(check)]) if name_of(check) in spared else check
        for check in CHECKS
        if name_of(check) not in without
    )


def _sparing(check: Check, concerns: Sequence[Concern]) -> Check:
    @functools.wraps(check)
    def sparing(incoming: Incoming) -> Problems:
        if not any(concern(incoming) for concern in concerns):
            yield from check(incoming)

    return sparing


def read_carelessly(request: Element, without: Sequence[str]) -> Element:
    """Return a request as a service reads it that lacks some care."""
    readings = [READINGS[name] for name in without if name in READINGS]
    if not readings:
        return request
    read = copy.deepcopy(request)
    for reading in readings:
        reading(read)
    return read


class CallerSequences:
    """Numbers that are counted for each caller from the beginning."""

    def __init__(self) -> None:
        self._counts: dict[str, Iterator[int]] = {}

    def __call__(self, caller: str) -> str:
        """Return the next identifier of a caller."""
        return f"CV-{next(self._counts.setdefault(caller, count(1))):07d}"
