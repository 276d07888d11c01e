"""Reviews the SAML Holder-of-Key assertion of a SOAP caller: what it says, whose it is, how long it holds.

Must not show what an assertion says of a person beyond the first digits of a number.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.x509 import Certificate

from conformance.contracts.binding import bind
from conformance.credentials.assertions import USABLE
from conformance.credentials.keystore import KeyStore
from conformance.credentials.secrets import read_file
from conformance.model.errors import SecretError, UsageError
from conformance.review.remarks import CLOCK_TOLERANCE, Remark, span, split
from conformance.review.subject import ReviewSubject
from conformance.soap.names import HOLDER_OF_KEY, SAML
from conformance.soap.security.issuance import (
    Holds,
    Refuted,
    Unchecked,
    signature_state,
)
from conformance.soap.security.key_clues import Match
from conformance.soap.security.saml import (
    Assertion,
    SamlError,
    UnsupportedAssertionError,
    element_of,
    read_assertion,
)

STS_ISSUER: Final = "urn:be:fgov:ehealth:sts:1_0"
"""What the platform's STS calls itself in each assertion that is known."""
_VERSION: Final = ("1", "1")
_LARGEST_FILE: Final = 2**20
_LONGEST_NAME: Final = 80
_MOST: Final = 3
_AS_ISSUED: Final = "give the file exactly as the STS issued it, and the certificate of that STS as trust.sts_ca"
_STRONGER: Final = "the file is not at fault: ask the STS to sign by the AssertionID, with rsa-sha256 or ecdsa-sha256"
_INCLUSIVE: Final = "its canonicalisation takes in what stands around it, so that it may not hold in a message"
_EXACTLY = "save the assertion exactly as the STS issued it"
_RENEW = (
    "get a new one from the STS, or give its address as `sts` in the place of the file"
)


def read_stored(
    subject: ReviewSubject, place: str, settings: Mapping[str, Any]
) -> Assertion | Remark:
    """Return the assertion in the file that a caller names, or the error that it cannot be read as one."""
    path = subject.target.folder / settings["assertion"]
    try:
        stored = read_assertion(read_file(path, _LARGEST_FILE))
    except SecretError as error:
        message, remedy = split(str(error))
        return subject.remark(
            "error", "assertion", f"{place}.assertion: {message}", remedy
        )
    except UnsupportedAssertionError as error:
        message = f"{place}.assertion: {path}: {error}"
        remedy = f"ask the STS for {USABLE}, and {_EXACTLY}"
        return subject.remark("error", "assertion", message, remedy)
    except SamlError as error:
        message = f"{place}.assertion: {path}: not a SAML 1.1 assertion: {error}"
        return subject.remark("error", "assertion", message, _EXACTLY)
    root = element_of(stored)
    version = (root.get("MajorVersion"), root.get("MinorVersion"))
    if version != _VERSION:
        message = f"{place}.assertion: {path}: an assertion of SAML {version[0]}.{version[1]} instead of 1.1"
        return subject.remark(
            "error", "assertion", message, "get one of the type SAML 1.1 from the STS"
        )
    return stored


def stopping_remarks(
    subject: ReviewSubject, place: str, assertion: Assertion, store: KeyStore | None
) -> Iterator[Remark]:
    """Yield why an assertion is worthless before any request: it has expired, or belongs to another holder."""
    ends = assertion.not_on_or_after
    if ends is not None and ends <= subject.now:
        message = f"{place}.assertion: it expired at {ends:%Y-%m-%dT%H:%M:%SZ}"
        yield subject.remark("error", "assertion", message, _RENEW)
    if HOLDER_OF_KEY not in assertion.methods:
        shown = ", ".join(map(repr, assertion.methods)) or "none"
        message = (
            f"{place}.assertion: its confirmation method is {shown}, not holder-of-key"
        )
        yield subject.remark(
            "error", "assertion", message, "ask the STS for a Holder-of-Key assertion"
        )
    elif not assertion.named:
        message = f"{place}.assertion: it does not name its holder's key"
        yield subject.remark(
            "error", "assertion", message, "ask the STS for a Holder-of-Key assertion"
        )
    elif store is not None and assertion.named.match(store.certificate) is Match.OTHER:
        message = f"{place}.assertion: its holder's key is not that of the key store"
        remedy = "name the key store with which it was asked for, or get one for this key store"
        yield subject.remark("error", "assertion", message, remedy)


def assertion_remarks(
    subject: ReviewSubject, place: str, assertion: Assertion
) -> Iterator[Remark]:
    """Yield what else is wrong with an assertion, or doubtful, whoever its holder is."""
    yield from _time_remarks(subject, place, assertion)
    if assertion.issuer != STS_ISSUER and not subject.target.local:
        message = f"{place}.assertion: it was issued by {assertion.issuer[:80]!r} instead of {STS_ISSUER!r}"
        yield subject.remark(
            "warning", "assertion", message, "get it from the platform's STS"
        )
    for problem in assertion.attribute_problems():
        message = f"{place}.assertion: the certified attribute {problem}: the caller's cases will be inconclusive"
        yield subject.remark(
            "warning",
            "assertion",
            message,
            "ask the platform whether the test case is configured",
        )


def holder_remarks(
    subject: ReviewSubject, place: str, assertion: Assertion, store: KeyStore
) -> Iterator[Remark]:
    """Yield that nothing tells whether the key store has the holder's key, where the assertion only names it."""
    named = assertion.named
    if named and named.match(store.certificate) is Match.UNKNOWN:
        message = (
            f"{place}.assertion: it names its holder's key by {named.words}: "
            "whether it is that of the key store is not checked"
        )
        remedy = "make sure that it was asked for with this key store"
        yield subject.remark("note", "assertion", message, remedy)


def audience_remarks(
    subject: ReviewSubject, place: str, assertion: Assertion
) -> Iterator[Remark]:
    """Yield which audiences an assertion is meant for, where none is known to be the service."""
    own = (
        {_plain_address(name) for name in _names_of(subject)}
        if assertion.audiences
        else set()
    )
    for audiences in assertion.audiences:
        if any(_is_for(_plain_address(audience), own) for audience in audiences):
            continue
        shown = ", ".join(
            repr(audience[:_LONGEST_NAME]) for audience in audiences[:_MOST]
        )
        message = f"{place}.assertion: it is meant for {shown or 'nobody'}, which is not known to be this service"
        remedy = "where the service refuses it, ask the STS for one that is meant for the service"
        yield subject.remark("note", "assertion", message, remedy)


def _names_of(subject: ReviewSubject) -> Iterator[str]:
    """Yield by what an assertion may mean a service: its address and the namespaces of its messages."""
    address = subject.service.address or ""
    yield from (address, urlsplit(address).hostname or "")
    try:
        binding = bind(subject.spec, subject.service.settings, subject.target.folder)
    except UsageError:
        return  # said where the contract is looked at
    for operation in binding.contract.operations.values():
        yield operation.request.partition("}")[0].lstrip("{")


def _is_for(audience: str, own: set[str]) -> bool:
    """Tell whether an audience is one of a service's names, or what one of them stands below."""
    return any(
        name == audience or name.startswith((f"{audience}/", f"{audience}:"))
        for name in own
        if name and audience
    )


def _plain_address(name: str) -> str:
    return name.strip().rstrip("/").lower()


def signature_remarks(
    subject: ReviewSubject,
    place: str,
    assertion: Assertion,
    trusted: Sequence[Certificate],
) -> Iterator[Remark]:
    """Yield why the STS's signature does not hold, or is not checked."""
    match signature_state(element_of(assertion), trusted):
        case Holds(alone):
            if alone:
                message = f"{place}.assertion: its signature holds as the file stands, but {_INCLUSIVE}"
                remedy = "where the service refuses it, ask the STS to sign by exclusive canonicalisation"
                yield subject.remark("note", "assertion", message, remedy)
        case Unchecked(reason, needs):
            message = f"{place}.assertion: {reason}"
            remedy = needs or "make sure that the file is as the STS issued it"
            yield subject.remark("note", "assertion", message, remedy)
        case Refuted(reason, unfit):
            message = f"{place}.assertion: {reason}"
            yield subject.remark(
                "error", "assertion", message, _STRONGER if unfit else _AS_ISSUED
            )


def _endless(assertion: Assertion) -> str:
    """Return why an assertion has no end: it gives none, or none that is a time."""
    conditions = element_of(assertion).find(f"{{{SAML}}}Conditions")
    written = conditions.get("NotOnOrAfter") if conditions is not None else None
    if written is None:
        return "it does not say when it ends (NotOnOrAfter)"
    return f"when it ends (NotOnOrAfter) cannot be read: {written[:_LONGEST_NAME]!r} is no date and time"


def _time_remarks(
    subject: ReviewSubject, place: str, assertion: Assertion
) -> Iterator[Remark]:
    starts, ends = assertion.not_before, assertion.not_on_or_after
    if starts is not None and starts > subject.now + CLOCK_TOLERANCE:
        message = f"{place}.assertion: it holds only from {starts:%Y-%m-%dT%H:%M:%SZ}"
        yield subject.remark(
            "error",
            "assertion",
            message,
            "wait until then, or set this machine's clock",
        )
    if ends is None:
        message = f"{place}.assertion: {_endless(assertion)}"
        yield subject.remark(
            "note",
            "assertion",
            message,
            "make sure that it holds until the end of the run",
        )
        return
    left = (ends - subject.now).total_seconds()
    if 0 < left < subject.seconds:
        message = f"{place}.assertion: it expires in {span(left)}, but the run takes about {span(subject.seconds)}"
        remedy = "get a longer one, give the STS's address as `sts` instead, or run fewer cases"
        yield subject.remark("warning", "assertion", message, remedy)
