"""What is wrong with the security of a SOAP request: Timestamp, assertion, signature.

Source: WS-Security 1.1, SAML Token Profile 1.1, cookbooks, sections 5.1 and 6.2. Must not know any service.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from conformance.checks.request_problem import RequestProblem, soap_problem
from conformance.checks.soap_request import (
    IDS,
    SECURITY,
    SIGNATURE,
    TIMESTAMP,
    TOLERANCE,
    UNAUTHENTICATED,
    UNAUTHORISED,
    Incoming,
    Problems,
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
    references,
    verify,
)

_AGAIN = 2


def one_security(incoming: Incoming) -> Problems:
    """Demand one Security header in the whole message, a child of the Header."""
    yield from _unless_one("one_security", incoming, SECURITY, incoming.header)


def unique_ids(incoming: Incoming) -> Problems:
    """Refuse ids that occur twice, whatever attribute gives them."""
    for value in _repeated_ids(incoming.root):
        yield unauthenticated("unique_ids", f"the id {value!r} is given twice")


def one_timestamp(incoming: Incoming) -> Problems:
    """Demand one Timestamp in the whole message, a child of Security (WS-Security 1.1, section 10)."""
    yield from _unless_one("one_timestamp", incoming, TIMESTAMP, incoming.security)


def one_assertion(incoming: Incoming) -> Problems:
    """Demand one SAML 1.1 assertion in the whole message, a child of Security."""
    yield from _unless_one("one_assertion", incoming, ASSERTION, incoming.security)


def one_signature(incoming: Incoming) -> Problems:
    """Demand one Signature besides the assertion's own, a child of Security."""
    if incoming.envelope is None:
        return
    security, token = incoming.security, incoming.token
    parents = [each.getparent() for each in incoming.envelope.iter(SIGNATURE)]
    others = [parent for parent in parents if token is None or parent is not token]
    if len(others) != 1 or others[0] is not security:
        reason = "there is not one Signature in Security"
        yield unauthenticated("one_signature", reason)


def timestamp_complete(incoming: Incoming) -> Problems:
    """Demand a Timestamp with one Created and one Expires, each with a time zone."""
    if incoming.timestamp is None:
        return
    names = sorted(local(child) for child in children(incoming.timestamp))
    if names != ["Created", "Expires"] or None in map(incoming.moment, names):
        reason = "the Timestamp has not one Created and one Expires"
        yield unauthenticated("timestamp_complete", reason)


def timestamp_ordered(incoming: Incoming) -> Problems:
    """Demand a Timestamp that does not expire before it was created."""
    created, expires = incoming.moment("Created"), incoming.moment("Expires")
    if created is not None and expires is not None and expires < created:
        reason = "the Timestamp expires before it was created"
        yield unauthenticated("timestamp_ordered", reason)


def timestamp_begun(incoming: Incoming) -> Problems:
    """Refuse a Timestamp from the future, but for the tolerance."""
    created = incoming.moment("Created")
    if created is not None and created - incoming.now > TOLERANCE:
        reason = "the Timestamp was created in the future"
        yield unauthenticated("timestamp_begun", reason)


def timestamp_alive(incoming: Incoming) -> Problems:
    """Refuse a Timestamp that has expired, but for the tolerance."""
    expires = incoming.moment("Expires")
    if expires is not None and incoming.now - expires > TOLERANCE:
        yield unauthenticated("timestamp_alive", "the Timestamp has expired")


def assertion_readable(incoming: Incoming) -> Problems:
    """Demand an assertion that can be read, with the certificate in it."""
    if isinstance(incoming.saml, SamlError):
        reason = f"the assertion: {incoming.saml}"
        yield unauthenticated("assertion_readable", reason)


def assertion_genuine(incoming: Incoming) -> Problems:
    """Demand the assertion as the STS signed it (cookbooks, section 5.1.2)."""
    if incoming.token is None:
        return
    if problem := signature_problem(incoming.token, incoming.expected.trusted):
        yield unauthenticated("assertion_genuine", f"the assertion: {problem}")


def assertion_issuer(incoming: Incoming) -> Problems:
    """Demand an assertion that says that the STS issued it."""
    assertion = incoming.assertion
    if assertion is not None and assertion.issuer != incoming.expected.issuer:
        reason = "the assertion has another issuer than the STS"
        yield unauthenticated("assertion_issuer", reason)


def assertion_in_time(incoming: Incoming) -> Problems:
    """Demand an assertion that has a beginning and an end, and holds now."""
    assertion = incoming.assertion
    if assertion is None:
        return
    if assertion.not_before is None or assertion.not_on_or_after is None:
        reason = "the assertion has no limits in time"
        yield unauthenticated("assertion_in_time", reason)
    if problem := assertion.time_problem(incoming.now):
        yield unauthenticated("assertion_in_time", f"the assertion: {problem}")


def holder_of_key(incoming: Incoming) -> Problems:
    """Demand an assertion for the holder of a key, and nobody else (SAML Token Profile 1.1, section 3.5.1)."""
    assertion = incoming.assertion
    if assertion is not None and set(assertion.methods) != {HOLDER_OF_KEY}:
        reason = "the assertion is not for the holder of a key"
        yield unauthenticated("holder_of_key", reason)


def holder_certificate(incoming: Incoming) -> Problems:
    """Demand the holder's certificate in the assertion, a valid one."""
    if incoming.assertion is None:
        return
    certificate = _holder(incoming)
    if certificate is None or not in_time(certificate, incoming.now):
        reason = "the assertion has no certificate of its holder that is valid"
        yield unauthenticated("holder_certificate", reason)


def signature_plain(incoming: Incoming) -> Problems:
    """Demand a signature that selects parts by their ids, canonicalises them, and does nothing else."""
    if incoming.signature is None:
        return
    try:
        covered = references(incoming.signature)
    except SignatureError as error:
        yield unauthenticated("signature_plain", str(error))
        return
    if any(reference.transforms != (EXCLUSIVE,) for reference in covered):
        reason = "the signature has other transforms than one"
        yield unauthenticated("signature_plain", reason)


def key_of_assertion(incoming: Incoming) -> Problems:
    """Demand a KeyInfo that refers to the assertion, and to it alone (SAML Token Profile 1.1, section 3.3)."""
    if incoming.signature is None or incoming.token is None:
        return
    own = incoming.token.get(SAML_ID, "")
    by_id = (SAML_ASSERTION_ID, own)
    direct = ("", f"#{own}")
    if key_reference(incoming.signature) not in {by_id, direct}:
        reason = "the signature's key is not the assertion's"
        yield unauthenticated("key_of_assertion", reason)


def body_signed(incoming: Incoming) -> Problems:
    """Demand that the signature covers the Body that is processed."""
    yield from uncovered("body_signed", incoming, incoming.body, "Body")


def timestamp_signed(incoming: Incoming) -> Problems:
    """Demand that the signature covers the Timestamp that is looked at."""
    yield from uncovered("timestamp_signed", incoming, incoming.timestamp, "Timestamp")


def signature_holds(incoming: Incoming) -> Problems:
    """Demand that the signature holds by the holder's key, over Body, Timestamp, assertion and nothing else."""
    if incoming.assertion is None or incoming.token is None:
        return
    token = {incoming.token.get(SAML_ID, ""): incoming.token}
    yield from broken_signature("signature_holds", incoming, _holder(incoming), token)


def attributes_granted(incoming: Incoming) -> Problems:
    """Demand certified booleans that are true, other certified attributes that are not empty (section 5.1.1)."""
    if incoming.assertion is None:
        return
    if problems := incoming.assertion.attribute_problems():
        reason = "; ".join(problems)
        yield soap_problem("attributes_granted", UNAUTHORISED, reason)


def unauthenticated(check: str, reason: str) -> RequestProblem:
    """Return a problem of a request that does not show who sent it (SOA-01001)."""
    return soap_problem(check, UNAUTHENTICATED, reason)


def key_reference(signature: Element) -> tuple[str, str]:
    """Return by what kind of name a signature's KeyInfo refers to its key, and the name.

    The kind is the ValueType of a KeyIdentifier, "" for a Reference by URI; both are "" where KeyInfo holds anything
    else, or anything more.
    """
    infos: list[Element] = signature.findall(f"{{{DS}}}KeyInfo")
    tokens = [child for info in infos for child in children(info)]
    if len(tokens) != 1 or tokens[0].tag != f"{{{WSSE}}}SecurityTokenReference":
        return "", ""
    names = children(tokens[0])
    if len(names) != 1:
        return "", ""
    if names[0].tag == f"{{{WSSE}}}KeyIdentifier":
        return names[0].get("ValueType", "?"), text(names[0])
    return "", names[0].get("URI", "") if names[0].tag == f"{{{WSSE}}}Reference" else ""


def broken_signature(
    check: str,
    incoming: Incoming,
    certificate: x509.Certificate | None,
    more: Mapping[str, Element],
) -> Problems:
    """Yield why the signature does not hold by a certificate over Body, Timestamp and `more`, parts by their ids."""
    if incoming.signature is None:
        return
    if certificate is None:
        yield unauthenticated(check, "nobody's key is named")
        return
    parts = _identified(incoming.body, incoming.timestamp) | dict(more)
    try:
        verify(incoming.signature, certificate.public_bytes(Encoding.DER), parts)
    except SignatureError as error:
        yield unauthenticated(check, str(error))


def uncovered(
    check: str, incoming: Incoming, part: Element | None, name: str
) -> Problems:
    """Yield that the signature has no reference to an element by its wsu:Id."""
    if part is None or incoming.signature is None:
        return
    covered = incoming.signature.iterfind(f"{{{DS}}}SignedInfo/{{{DS}}}Reference")
    uris = {reference.get("URI") for reference in covered}
    wanted = part.get(WSU_ID)
    if not wanted or f"#{wanted}" not in uris:
        yield unauthenticated(check, f"the {name} is not signed")


def _identified(*parts: Element | None) -> dict[str, Element]:
    """Return the parts that are there and have a wsu:Id, by it."""
    there = [part for part in parts if part is not None]
    return {str(part.get(WSU_ID)): part for part in there if part.get(WSU_ID)}


def _holder(incoming: Incoming) -> x509.Certificate | None:
    """Return the certificate that the assertion names its holder by."""
    data = incoming.assertion.certificate if incoming.assertion is not None else b""
    return x509.load_der_x509_certificate(data) if data else None


def _repeated_ids(root: Element | None) -> Iterator[str]:
    """Yield each id that two elements have, in the order in which it occurs again."""
    counts: Counter[str] = Counter()
    for element in root.iter(etree.Element) if root is not None else ():
        # An element may give its own id by two attributes.
        for value in {element.get(name) for name in IDS} - {None}:
            counts[str(value)] += 1
            if counts[str(value)] == _AGAIN:
                yield str(value)


def _unless_one(
    check: str, incoming: Incoming, tag: str, parent: Element | None
) -> Problems:
    """Yield that an element does not occur exactly once in the whole message, below its parent."""
    if incoming.envelope is None:
        return
    elements = list(incoming.envelope.iter(tag))
    if len(elements) != 1 or elements[0].getparent() is not parent:
        name = etree.QName(tag).localname
        yield unauthenticated(check, f"there is not one {name} where it belongs")
