"""What is wrong with the security of a SOAP request: Timestamp, assertion, signature.

Source: WS-Security 1.1, SAML Token Profile 1.1, cookbooks, sections 5.1 and 6.2. Must not know any service.
"""

from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from conformance.checks.soap_request import (
    IDS,
    SECURITY,
    SIGNATURE,
    TIMESTAMP,
    TOLERANCE,
    UNAUTHENTICATED,
    UNAUTHORISED,
    Incoming,
    SoapRefusalError,
)
from conformance.soap.markup import Element, children, local, text
from conformance.soap.names import DS, EXCLUSIVE, HOLDER_OF_KEY, SAML_ASSERTION_ID, WSSE
from conformance.soap.security.certificates import in_time
from conformance.soap.security.saml import SamlError, signature_problem
from conformance.soap.security.wss import (
    ASSERTION,
    SAML_ID,
    WSU_ID,
    SignatureError,
    identified,
    references,
    verify,
)


def one_security(incoming: Incoming) -> None:
    """Demand one Security header in the whole message, a child of the Header."""
    _demand_only(incoming.root, SECURITY, incoming.header)


def unique_ids(incoming: Incoming) -> None:
    """Refuse ids that occur twice, whatever attribute gives them."""
    try:
        identified(incoming.root, IDS)
    except SignatureError as error:
        raise SoapRefusalError(UNAUTHENTICATED, str(error)) from None


def one_timestamp(incoming: Incoming) -> None:
    """Demand one Timestamp in the whole message, a child of Security (WS-Security 1.1, section 10)."""
    _demand_only(incoming.root, TIMESTAMP, incoming.security)


def one_assertion(incoming: Incoming) -> None:
    """Demand one SAML 1.1 assertion in the whole message, a child of Security."""
    _demand_only(incoming.root, ASSERTION, incoming.security)


def one_signature(incoming: Incoming) -> None:
    """Demand one Signature besides the assertion's own, a child of Security."""
    security, token = incoming.security, incoming.token
    parents = [one.getparent() for one in incoming.root.iter(SIGNATURE)]
    others = [parent for parent in parents if token is None or parent is not token]
    _demand(
        len(others) == 1 and others[0] is security,
        "there is not one Signature in Security",
    )


def timestamp_complete(incoming: Incoming) -> None:
    """Demand a Timestamp with one Created and one Expires, each with a time zone."""
    if incoming.timestamp is None:
        return
    names = sorted(local(one) for one in children(incoming.timestamp))
    if names != ["Created", "Expires"] or None in map(incoming.moment, names):
        raise SoapRefusalError(
            UNAUTHENTICATED, "the Timestamp has not one Created and one Expires"
        )


def timestamp_ordered(incoming: Incoming) -> None:
    """Demand a Timestamp that does not expire before it was created."""
    created, expires = incoming.moment("Created"), incoming.moment("Expires")
    if created is not None and expires is not None and expires < created:
        raise SoapRefusalError(
            UNAUTHENTICATED, "the Timestamp expires before it was created"
        )


def timestamp_begun(incoming: Incoming) -> None:
    """Refuse a Timestamp from the future, but for the tolerance."""
    created = incoming.moment("Created")
    if created is not None and created - incoming.now > TOLERANCE:
        raise SoapRefusalError(
            UNAUTHENTICATED, "the Timestamp was created in the future"
        )


def timestamp_alive(incoming: Incoming) -> None:
    """Refuse a Timestamp that has expired, but for the tolerance."""
    expires = incoming.moment("Expires")
    if expires is not None and incoming.now - expires > TOLERANCE:
        raise SoapRefusalError(UNAUTHENTICATED, "the Timestamp has expired")


def assertion_readable(incoming: Incoming) -> None:
    """Demand an assertion that can be read, with the certificate in it."""
    try:
        _ = incoming.assertion
    except SamlError as error:
        raise SoapRefusalError(UNAUTHENTICATED, f"the assertion: {error}") from None


def assertion_genuine(incoming: Incoming) -> None:
    """Demand the assertion as the STS signed it (cookbooks, section 5.1.2)."""
    if incoming.token is not None:
        problem = signature_problem(incoming.token, incoming.expected.trusted)
        _demand(not problem, f"the assertion: {problem}")


def assertion_issuer(incoming: Incoming) -> None:
    """Demand an assertion that says that the STS issued it."""
    if incoming.assertion is not None:
        _demand(
            incoming.assertion.issuer == incoming.expected.issuer,
            "the assertion has another issuer than the STS",
        )


def assertion_in_time(incoming: Incoming) -> None:
    """Demand an assertion that has a beginning and an end, and holds now."""
    if (told := incoming.assertion) is not None:
        _demand(
            told.not_before is not None and told.not_on_or_after is not None,
            "the assertion has no limits in time",
        )
        problem = told.time_problem(incoming.now)
        _demand(not problem, f"the assertion: {problem}")


def holder_of_key(incoming: Incoming) -> None:
    """Demand an assertion for the holder of a key, and nobody else (SAML Token Profile 1.1, section 3.5.1)."""
    if incoming.assertion is not None:
        _demand(
            set(incoming.assertion.methods) == {HOLDER_OF_KEY},
            "the assertion is not for the holder of a key",
        )


def holder_certificate(incoming: Incoming) -> None:
    """Demand the holder's certificate in the assertion, a valid one."""
    if incoming.assertion is not None:
        data = incoming.assertion.certificate
        valid = bool(data) and in_time(
            x509.load_der_x509_certificate(data), incoming.now
        )
        _demand(valid, "the assertion has no certificate of its holder that is valid")


def signature_plain(incoming: Incoming) -> None:
    """Demand a signature that selects parts by their ids, canonicalises them, and does nothing else."""
    if incoming.signature is None:
        return
    try:
        found = references(incoming.signature)
    except SignatureError as error:
        raise SoapRefusalError(UNAUTHENTICATED, str(error)) from None
    _demand(
        all(one.transforms == (EXCLUSIVE,) for one in found),
        "the signature has other transforms than one",
    )


def key_of_assertion(incoming: Incoming) -> None:
    """Demand a KeyInfo that refers to the assertion, and to it alone (SAML Token Profile 1.1, section 3.3)."""
    if incoming.signature is None or incoming.token is None:
        return
    own = incoming.token.get(SAML_ID, "")
    kind, named = key_reference(incoming.signature)
    _demand(
        (kind, named) in {(SAML_ASSERTION_ID, own), ("", f"#{own}")},
        "the signature's key is not the assertion's",
    )


def body_signed(incoming: Incoming) -> None:
    """Demand that the signature covers the Body that is processed."""
    demand_covered(incoming, incoming.body, "Body")


def timestamp_signed(incoming: Incoming) -> None:
    """Demand that the signature covers the Timestamp that is looked at."""
    demand_covered(incoming, incoming.timestamp, "Timestamp")


def signature_holds(incoming: Incoming) -> None:
    """Demand that the signature holds by the holder's key, over Body, Timestamp, assertion and nothing else."""
    if incoming.assertion is not None and incoming.token is not None:
        data = incoming.assertion.certificate
        certificate = x509.load_der_x509_certificate(data) if data else None
        demand_signature(
            incoming, certificate, {incoming.token.get(SAML_ID, ""): incoming.token}
        )


def attributes_granted(incoming: Incoming) -> None:
    """Demand certified booleans that are true, other certified attributes that are not empty (section 5.1.1)."""
    problems = (
        incoming.assertion.attribute_problems()
        if incoming.assertion is not None
        else []
    )
    if problems:
        raise SoapRefusalError(UNAUTHORISED, "; ".join(problems))


def key_reference(signature: Element) -> tuple[str, str]:
    """Return by what kind of name a signature's KeyInfo refers to its key, and the name.

    The kind is the ValueType of a KeyIdentifier, "" for a Reference by URI; both are "" where KeyInfo holds anything
    else, or anything more.
    """
    found: list[Element] = signature.findall(f"{{{DS}}}KeyInfo")
    for tag in (f"{{{WSSE}}}SecurityTokenReference", None):
        found = [child for one in found for child in children(one)]
        if len(found) != 1 or (tag and found[0].tag != tag):
            return "", ""
    if found[0].tag == f"{{{WSSE}}}KeyIdentifier":
        return found[0].get("ValueType", "?"), text(found[0])
    return "", found[0].get("URI", "") if found[0].tag == f"{{{WSSE}}}Reference" else ""


def demand_signature(
    incoming: Incoming,
    certificate: x509.Certificate | None,
    more: Mapping[str, Element],
) -> None:
    """Raise RefusalError unless the signature holds by a certificate over Body, Timestamp and what is given more."""
    if incoming.signature is None:
        return
    _demand(certificate is not None, "nobody's key is named")
    standing = [
        one
        for one in (incoming.body, incoming.timestamp)
        if one is not None and one.get(WSU_ID)
    ]
    parts = {str(one.get(WSU_ID)): one for one in standing} | dict(more)
    try:
        if certificate is not None:
            verify(incoming.signature, certificate.public_bytes(Encoding.DER), parts)
    except SignatureError as error:
        raise SoapRefusalError(UNAUTHENTICATED, str(error)) from None


def demand_covered(incoming: Incoming, part: Element | None, name: str) -> None:
    """Raise RefusalError unless the signature has a reference to an element by its wsu:Id."""
    if part is None or incoming.signature is None:
        return
    wanted = part.get(WSU_ID)
    uris = {
        one.get("URI")
        for one in incoming.signature.iterfind(f"{{{DS}}}SignedInfo/{{{DS}}}Reference")
    }
    _demand(bool(wanted) and f"#{wanted}" in uris, f"the {name} is not signed")


def _demand(holds: bool, reason: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise SoapRefusalError(UNAUTHENTICATED, reason)


def _demand_only(root: Element, tag: str, parent: Element | None) -> None:
    found = list(root.iter(tag))
    if len(found) != 1 or found[0].getparent() is not parent:
        raise SoapRefusalError(
            UNAUTHENTICATED,
            f"there is not one {etree.QName(tag).localname} where it belongs",
        )
