"""Makes the bytes of a SOAP request with SAML Holder-of-Key security, and of a token request to an STS.

What is signed is what is sent: the assertion goes in as the very bytes that were issued, after signing. Must not know
which service is asked, nor read a clock.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lxml import etree

from conformance.soap.markup import (
    Element,
    XmlError,
    children,
    local,
    parse,
    serialise,
    text,
)
from conformance.soap.names import AUTH, SAML_TOKEN, SOAP, SOAP12, WSSE, WST, WSU
from conformance.soap.security.extraction import (
    REQUESTED,
    TakingError,
    UnsupportedTokenError,
    taken_or_rewritten,
)
from conformance.soap.security.saml import (
    Assertion,
    SamlError,
    UnsupportedAssertionError,
    read_assertion,
)
from conformance.soap.security.wss import (
    WSU_ID,
    Signer,
    assertion_reference,
    binary_token,
    instant,
    sign,
    timestamp,
    token_reference,
    x509_data,
)
from conformance.soap.xsd.contract import body_of

LIFETIME: Final = timedelta(seconds=60)
"""Between Created and Expires (cookbooks, section 6.2: one minute)."""
CONTENT_TYPE: Final = "text/xml; charset=UTF-8"
"""SOAP 1.1, section 6."""
TOKEN_ACTION: Final = "urn:be:fgov:ehealth:sts:protocol:v1:RequestSecurityToken"  # noqa: S105 - a name
_PUBLIC_KEY: Final = "http://docs.oasis-open.org/ws-sx/wstrust/200512/PublicKey"
"""As the platform's clients write it: without the hyphen of the namespace."""
_PLACE = "assertion"
_PLACE_BYTES = b"<?assertion here?>"
_TEXT, _TEXT_BYTES = "text", b"<?text here?>"
_TOKEN_HOURS: Final = 24
_QUOTED = 200


@dataclass(frozen=True, slots=True)
class RequestedAttribute:
    """An attribute to ask an STS for: its name, and its value where the caller asserts it."""

    name: str
    value: str = ""


@dataclass(slots=True)
class SignedDraft:
    """A message that is signed but not yet written out: its parts, who signed, and the place of the assertion.

    A change to it may put another signer in the place of the first; `borrowed` is an assertion of another caller,
    `other_signer` its key.
    `forged` is a request that a change may put in the place of the signed one; `text` goes in at its own place, as the
    bytes that it is.
    """

    envelope: Element
    header: Element
    security: Element
    stamp: Element
    body: Element
    signature: Element
    place: Element
    signer: Signer
    assertion: Assertion
    borrowed: Assertion | None = None
    other_signer: Signer | None = None
    forged: Element | None = None
    text: bytes = b""


def secure(
    envelope: Element, assertion: Assertion, signer: Signer, created: datetime
) -> bytes:
    """Return a message: Timestamp, the assertion, and a Signature over Body and Timestamp, in this order.

    The envelope given is changed.
    """
    return written(signed(envelope, assertion, signer, created))


def signed(
    envelope: Element,
    assertion: Assertion,
    signer: Signer,
    created: datetime,
    lifetime: timedelta = LIFETIME,
) -> SignedDraft:
    """Return a signed message, in which a processing instruction stands in for the assertion."""
    _declare_at_top(envelope)
    security = _security(envelope)
    body = body_of(envelope)
    body.set(WSU_ID, _name("body"))
    stamp = timestamp(created, lifetime, _name("timestamp"))
    place = placeholder()
    security.extend((stamp, place))
    signature = sign(security, (stamp, body), signer, assertion_reference(assertion.id))
    return SignedDraft(
        envelope=envelope,
        header=envelope[0],
        security=security,
        stamp=stamp,
        body=body,
        signature=signature,
        place=place,
        signer=signer,
        assertion=assertion,
    )


def _declare_at_top(envelope: Element) -> None:
    """Declare prefixes once and for all at the top, so that parts keep them, and their digests, wherever they stand.

    Where default namespaces are declared they stay as they are: one that is taken back (xmlns="") would get lost.
    """
    kept = {
        prefix for element in envelope.iter(etree.Element) for prefix in element.nsmap
    }
    if None not in kept:
        etree.cleanup_namespaces(
            envelope,
            top_nsmap={"wsu": WSU},
            keep_ns_prefixes=sorted({*map(str, kept), "wsu"}),
        )


def written(draft: SignedDraft, assertion: bytes | None = None) -> bytes:
    """Return the bytes of a message, the assertion's own (or others) in their place."""
    return filled(
        serialise(draft.envelope).replace(_TEXT_BYTES, draft.text, 1),
        draft.assertion.data if assertion is None else assertion,
    )


def text_place() -> Element:
    """Return what stands in for a draft's `text` until its very bytes go in."""
    return etree.ProcessingInstruction(_TEXT, "here")


def placeholder() -> Element:
    """Return what stands in for an assertion until its very bytes go in."""
    return etree.ProcessingInstruction(_PLACE, "here")


def filled(message: bytes, assertion: bytes) -> bytes:
    """Return a message with an assertion in the place of its placeholder, as it is where it has none."""
    return message.replace(_PLACE_BYTES, assertion, 1)


def token_request(
    signer: Signer, claims: Sequence[RequestedAttribute], created: datetime
) -> bytes:
    """Return a WS-Trust 1.3 request to issue a SAML 1.1 Holder-of-Key assertion for the signer's own key.

    Body, Timestamp and BinarySecurityToken are signed.
    """
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soapenv": SOAP})
    body = etree.SubElement(
        envelope, f"{{{SOAP}}}Body", {WSU_ID: _name("body")}, nsmap={"wsu": WSU}
    )
    body.append(_issue(signer, claims, created))
    security = _security(envelope)
    token = binary_token(signer.certificate, _name("token"))
    stamp = timestamp(created, LIFETIME, _name("timestamp"))
    security.extend((stamp, token))
    sign(
        security, (stamp, body, token), signer, token_reference(str(token.get(WSU_ID)))
    )
    return serialise(envelope)


def issued_assertion(answer: bytes) -> Assertion:
    """Return the assertion in an STS's answer, exactly as it stands there.

    Raises SamlError with what the STS says instead.
    """
    try:
        root = parse(answer)
    except XmlError as error:
        raise SamlError(f"it is not XML: {error}") from None
    try:
        return read_assertion(taken_or_rewritten(root, answer))
    except UnsupportedTokenError as error:
        raise UnsupportedAssertionError(str(error)) from None
    except TakingError:
        raise SamlError(_refusal(root)) from None


def _refusal(root: Element) -> str:
    """Return what an answer says in the place of a token."""
    missing, instead = "there is no assertion in it", ""
    for element in root.iter(etree.Element):
        if local(element) == "Challenge":
            return "it asks for a challenge, which is not supported"
        is_reason = element.tag == f"{{{SOAP12}}}Reason"
        if is_reason or local(element) == "faultstring":
            return f"it refuses: {text(element)[:_QUOTED]}"
        if local(element) == REQUESTED and not instead:
            instead = ", ".join(map(local, children(element)))[:_QUOTED]
    return f"{missing}: {REQUESTED} holds {instead}" if instead else missing


def _issue(
    signer: Signer, claims: Sequence[RequestedAttribute], created: datetime
) -> Element:
    """Return a RequestSecurityToken (WS-Trust 1.3, section 4.1) as the platform's clients write it."""
    request = etree.Element(
        f"{{{WST}}}RequestSecurityToken",
        {"Context": f"urn:uuid:{uuid.uuid4()}"},
        nsmap={"wst": WST},
    )
    etree.SubElement(request, f"{{{WST}}}TokenType").text = SAML_TOKEN
    etree.SubElement(request, f"{{{WST}}}RequestType").text = f"{WST}/Issue"
    dialect = f"{AUTH}/authclaims"
    listed = etree.SubElement(
        request, f"{{{WST}}}Claims", {"Dialect": dialect}, nsmap={"auth": AUTH}
    )
    for claim in claims:
        claim_type = etree.SubElement(listed, f"{{{AUTH}}}ClaimType", Uri=claim.name)
        if claim.value:
            etree.SubElement(claim_type, f"{{{AUTH}}}Value").text = claim.value
    lifetime = etree.SubElement(request, f"{{{WST}}}Lifetime")
    for tag, moment in (
        ("Created", created),
        ("Expires", created + timedelta(hours=_TOKEN_HOURS)),
    ):
        etree.SubElement(
            lifetime, f"{{{WSU}}}{tag}", nsmap={"wsu": WSU}
        ).text = instant(moment)
    etree.SubElement(request, f"{{{WST}}}KeyType").text = _PUBLIC_KEY
    use = etree.SubElement(request, f"{{{WST}}}UseKey")
    reference = etree.SubElement(
        use, f"{{{WSSE}}}SecurityTokenReference", nsmap={"wsse": WSSE}
    )
    reference.append(x509_data(signer.certificate))
    return request


def _security(envelope: Element) -> Element:
    """Return a new Security header of an envelope."""
    header = envelope.find(f"{{{SOAP}}}Header")
    if header is None:
        header = etree.Element(f"{{{SOAP}}}Header")
        envelope.insert(0, header)
    return etree.SubElement(
        header,
        f"{{{WSSE}}}Security",
        {f"{{{SOAP}}}mustUnderstand": "1"},
        nsmap={"wsse": WSSE, "wsu": WSU},
    )


def _name(part: str) -> str:
    """Return an id that occurs once (an xs:ID may not begin with a digit)."""
    return f"_{part}-{uuid.uuid4()}"


def body_child(envelope: Element) -> Element:
    """Return the one element in an envelope's Body."""
    return children(body_of(envelope))[0]
