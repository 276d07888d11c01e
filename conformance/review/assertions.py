"""Reviews the SAML Holder-of-Key assertion of a SOAP caller: what it says, whose it is, how long it holds.

Must not show what an assertion says of a person beyond the first digits of a number.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from cryptography.x509 import Certificate

from conformance.credentials.keystore import KeyStore
from conformance.credentials.secrets import read_file
from conformance.model.errors import SecretError
from conformance.review.remarks import CLOCK_TOLERANCE, Remark, span, split
from conformance.review.subject import ReviewSubject
from conformance.soap.names import HOLDER_OF_KEY
from conformance.soap.security.saml import (
    Assertion,
    SamlError,
    element_of,
    public_key,
    read_assertion,
    signature_problem,
)

STS_ISSUER: Final = "urn:be:fgov:ehealth:sts:1_0"
"""What the platform's STS calls itself in each assertion that is known."""
_VERSION: Final = ("1", "1")
_LARGEST_FILE: Final = 2**20
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
    elif not assertion.holder:
        message = f"{place}.assertion: it does not name its holder's key"
        yield subject.remark(
            "error", "assertion", message, "ask the STS for a Holder-of-Key assertion"
        )
    elif store is not None and assertion.holder != public_key(store.certificate):
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


def signature_remarks(
    subject: ReviewSubject,
    place: str,
    assertion: Assertion,
    trusted: Sequence[Certificate],
) -> Iterator[Remark]:
    """Yield why the STS's signature does not hold."""
    problem = signature_problem(element_of(assertion), trusted)
    if problem:
        message = f"{place}.assertion: {problem}"
        remedy = "give the file exactly as the STS issued it, and the certificate of that STS as trust.sts_ca"
        yield subject.remark("error", "assertion", message, remedy)


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
        message = f"{place}.assertion: it does not say when it ends (NotOnOrAfter)"
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
