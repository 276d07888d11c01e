"""Reviews by which number a SOAP caller is known: in the file, in its assertion and in its certificate.

Must not look up whether a number was given to a person.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from conformance.credentials.assertions import requester_number
from conformance.identifiers.reading import normalise, person_kind
from conformance.identifiers.rules import IdentifierKind
from conformance.model.contract import CallerRule
from conformance.review.credentials.certificates import NamedOwner
from conformance.review.data import identifier_remarks
from conformance.review.remarks import Remark, masked
from conformance.review.subject import ReviewSubject
from conformance.soap.security.saml import Assertion

_EHP_PLACE = "cbe"
"""Where a request, and so a file, may have an EHP number too (the place of CBE numbers)."""


def requester_remarks(
    subject: ReviewSubject,
    place: str,
    settings: Mapping[str, Any],
    rule: CallerRule,
    unproven: list[str],
) -> Iterator[Remark]:
    """Yield what is wrong with a caller's numbers; a number that a real person may have is added to `unproven`."""
    given = settings.get("requester") or {}
    for identity, number in given.items():
        known = "ehp" if rule.identity == "ehp" and identity == _EHP_PLACE else identity
        kind = _kind(known, str(number))
        yield from identifier_remarks(
            subject, f"{place}.requester.{identity}", kind, str(number), unproven
        )
        if known != rule.identity:
            kind = settings["kind"]
            message = f"{place}.requester.{identity} is not used: the kind {kind} has a number {rule.identity}"
            yield subject.remark(
                "warning",
                "caller",
                message,
                f"give requester.{rule.identity}, or correct the kind",
            )
    stated = "assertion" in settings or "attributes" in settings
    if not stated and not requester_number(settings, rule):
        message = f"{place}.requester.{rule.identity} is not given, so that the STS cannot be asked"
        remedy = f"give requester.{rule.identity}; else the caller's cases will be not_applicable"
        yield subject.remark("warning", "caller", message, remedy)


def asserted_remarks(
    subject: ReviewSubject,
    place: str,
    settings: Mapping[str, Any],
    rule: CallerRule,
    assertion: Assertion,
) -> Iterator[Remark]:
    """Yield that an assertion names another person than the file, or no person."""
    asserted = assertion.identity(*rule.attributes)
    given = requester_number(settings, rule)
    if not asserted:
        endings = " or ".join(map(repr, rule.attributes))
        message = f"{place}.assertion: no identification attribute names its holder (a name that ends with {endings})"
        remedy = f"ask the STS for one of a caller of the kind {settings['kind']}, or correct the kind"
        yield subject.remark("warning", "assertion", message, remedy)
    elif given and not _same(rule.identity, asserted, given):
        message = (
            f"{place}.assertion: it belongs to {_shown(rule.identity, asserted)}, "
            f"but requester.{rule.identity} is {_shown(rule.identity, given)}"
        )
        remedy = (
            f"get an assertion of the requester, or correct requester.{rule.identity}"
        )
        yield subject.remark("error", "assertion", message, remedy)


def owner_remarks(
    subject: ReviewSubject, place: str, rule: CallerRule, owner: NamedOwner, number: str
) -> Iterator[Remark]:
    """Yield where a certificate's owner is not the caller, whose number may be "" for unknown."""
    remedy = (
        "right for the certificate of a mandate holder (cookbook, section 5.1); "
        "else take the caller's own key store"
    )
    if owner.kind and owner.identity != rule.identity:
        message = (
            f"{place}.keystore: the certificate names {owner.kind}={_shown(owner.identity, owner.number)}, "
            f"but a caller of this kind has a number {rule.identity}"
        )
        yield subject.remark("warning", "certificate", message, remedy)
    elif owner.kind and number and not _same(rule.identity, owner.number, number):
        message = (
            f"{place}.keystore: the certificate names {owner.kind}={_shown(owner.identity, owner.number)}, "
            f"but the caller is {_shown(rule.identity, number)}"
        )
        yield subject.remark("warning", "certificate", message, remedy)


def _kind(identity: str, number: str) -> IdentifierKind:
    """Return the kind of an identifier that a file calls by one of the four names."""
    if identity == "ssin":
        return person_kind(number)
    if identity == "nihii":
        long = len(number) == IdentifierKind.NIHII11.length
        return IdentifierKind.NIHII11 if long else IdentifierKind.NIHII8
    return IdentifierKind[identity.upper()]


def _same(identity: str, number: str, other: str) -> bool:
    """Tell whether two numbers are the same, however printed; of NIHII numbers the first eight digits count."""
    first = normalise(_kind(identity, number), number)
    second = normalise(_kind(identity, other), other)
    length = IdentifierKind.NIHII8.length if identity == "nihii" else None
    return first[:length] == second[:length]


def _shown(identity: str, number: str) -> str:
    return masked(number) if identity == "ssin" else number
