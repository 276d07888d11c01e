"""What the local STS demands of a request for an assertion, besides what every secured message has to fulfil.

Sources: WS-Trust 1.3, X.509 Token Profile 1.1. Each check yields every problem of its kind and never raises; what a
caller's certificate is held against are the expected `trusted` ones, of authorities. Must not know HTTP nor a key.
"""

from collections.abc import Iterator
from typing import Final

from cryptography import x509

from conformance.checks import wss
from conformance.checks.request_problem import soap_problem
from conformance.checks.secured_request import MESSAGE_CHECKS
from conformance.checks.soap_request import (
    MALFORMED,
    UNAUTHORISED,
    Check,
    Incoming,
    Problems,
)
from conformance.checks.wss import unauthenticated
from conformance.mock.authority import CertificateOwner, owner_of, vouches_for
from conformance.soap.markup import Element, text
from conformance.soap.message import TOKEN_ACTION, RequestedAttribute
from conformance.soap.names import (
    AUTH,
    BASE64,
    DS,
    SAML_TOKEN,
    WSSE,
    WST,
    X509_TOKEN,
)
from conformance.soap.security.certificates import read_certificate
from conformance.soap.security.wss import WSU_ID
from conformance.soap.xsd.contract import SoapOperation

OPERATION: Final = SoapOperation(
    "RequestSecurityToken",
    TOKEN_ACTION,
    "/IAM/SecurityTokenService/v1",
    f"{{{WST}}}RequestSecurityToken",
    f"{{{WST}}}RequestSecurityTokenResponseCollection",
    (),
    (),
)
_TOKEN: Final = f"{{{WSSE}}}BinarySecurityToken"
_USE_KEY: Final = (
    f"{{{WST}}}UseKey/{{{WSSE}}}SecurityTokenReference"
    f"/{{{DS}}}X509Data/{{{DS}}}X509Certificate"
)
_KEY_TYPES: Final = frozenset(
    {f"{WST}/PublicKey", f"{WST.replace('ws-trust', 'wstrust')}/PublicKey"}
)
"""With the namespace of WS-Trust, and without its hyphen as the platform's clients write it."""
_NUMBERS: Final = {
    "SSIN": "ssin",
    "NIHII": "nihii-number",
    "CBE": "cbe-number",
    "EHP": "ehp-number",
}
"""How the attributes end that hold a type of number."""
_UNREADABLE: Final = "there is no certificate that can be read"


def one_token(incoming: Incoming) -> Problems:
    """Demand one BinarySecurityToken in the whole message, a child of Security, with a certificate in it."""
    if incoming.envelope is None:
        return
    tokens = list(incoming.envelope.iter(_TOKEN))
    if len(tokens) != 1 or tokens[0].getparent() is not incoming.security:
        reason = "there is not one BinarySecurityToken in Security"
        yield unauthenticated("one_token", reason)
    for token in tokens:
        kinds = (token.get("ValueType"), token.get("EncodingType", BASE64))
        if kinds != (X509_TOKEN, BASE64):
            reason = "the token is no X.509 certificate in base64"
            yield unauthenticated("one_token", reason)
        if read_certificate(text(token)) is None:
            yield unauthenticated("one_token", _UNREADABLE)


def token_trusted(incoming: Incoming) -> Problems:
    """Demand that the token's certificate was issued by a trusted authority, and is valid."""
    certificate = _certificate(incoming)
    if certificate is None:
        return
    authorities = incoming.expected.trusted
    if not any(vouches_for(each, certificate, incoming.now) for each in authorities):
        reason = "the certificate was not issued here, or is not valid now"
        yield unauthenticated("token_trusted", reason)


def key_of_token(incoming: Incoming) -> Problems:
    """Demand that the signature's key is the token's (X.509 Token Profile 1.1, section 3.2)."""
    token, signature = incoming.secured(_TOKEN), incoming.signature
    if token is None or signature is None:
        return
    if wss.key_reference(signature) != ("", f"#{token.get(WSU_ID)}"):
        reason = "the signature's key is not the token's"
        yield unauthenticated("key_of_token", reason)


def token_signed(incoming: Incoming) -> Problems:
    """Demand that the signature covers the token."""
    token = incoming.secured(_TOKEN)
    yield from wss.uncovered("token_signed", incoming, token, "BinarySecurityToken")


def signature_holds(incoming: Incoming) -> Problems:
    """Demand that the signature holds by the token's certificate, and covers nothing else."""
    token, certificate = incoming.secured(_TOKEN), _certificate(incoming)
    if token is None or certificate is None:
        return
    name = token.get(WSU_ID)
    more = {name: token} if name else {}
    yield from wss.broken_signature("signature_holds", incoming, certificate, more)


def asks_to_issue(incoming: Incoming) -> Problems:
    """Demand a request to issue a SAML 1.1 assertion."""
    request = _asked(incoming)
    if request is None:
        return
    asked = _member(request, "RequestType"), _member(request, "TokenType")
    if asked != (f"{WST}/Issue", SAML_TOKEN):
        reason = "only SAML 1.1 assertions are issued"
        yield soap_problem("asks_to_issue", MALFORMED, reason)


def for_own_key(incoming: Incoming) -> Problems:
    """Demand that the assertion is for the key of the certificate that the request is signed with."""
    request = _asked(incoming)
    if request is None:
        return
    if _member(request, "KeyType") not in _KEY_TYPES:
        reason = "only assertions for a public key are issued"
        yield soap_problem("for_own_key", MALFORMED, reason)
    named, own = holder_certificate(request), _certificate(incoming)
    if named is None:
        yield unauthenticated("for_own_key", _UNREADABLE)
    elif own is not None and named != own:
        reason = "UseKey has another certificate than the token"
        yield soap_problem("for_own_key", UNAUTHORISED, reason)


def claims_readable(incoming: Incoming) -> Problems:
    """Demand claims that have a name each, which occurs once."""
    request = _asked(incoming)
    if request is None:
        return
    names = [claim.name for claim in claims_of(request)]
    if not names or not all(names):
        reason = "there are no claims, or one without name"
        yield soap_problem("claims_readable", MALFORMED, reason)
    if len(set(names)) != len(names):
        reason = "an attribute is claimed twice"
        yield soap_problem("claims_readable", MALFORMED, reason)


def claims_own(incoming: Incoming) -> Problems:
    """Demand that what is asserted names the owner of the certificate, and nobody else."""
    request, certificate = _asked(incoming), _certificate(incoming)
    if request is None or certificate is None:
        return
    try:
        owner = owner_of(certificate)
    except ValueError as error:
        yield soap_problem("claims_own", UNAUTHORISED, str(error))
        return
    for claim in _foreign(claims_of(request), owner):
        reason = f"the certificate does not bear out {claim.name}"
        yield soap_problem("claims_own", UNAUTHORISED, reason)


STS_CHECKS: Final[tuple[Check, ...]] = (
    *MESSAGE_CHECKS,
    one_token,
    token_trusted,
    wss.one_signature,
    wss.signature_plain,
    key_of_token,
    wss.body_signed,
    wss.timestamp_signed,
    token_signed,
    signature_holds,
    asks_to_issue,
    for_own_key,
    claims_readable,
    claims_own,
)
"""What a request to the STS is checked for, in this order."""


def holder_certificate(request: Element) -> x509.Certificate | None:
    """Return the certificate of the key that an assertion is to name, None where it cannot be read."""
    named = request.findall(_USE_KEY)
    return read_certificate(text(named[0])) if len(named) == 1 else None


def claims_of(request: Element) -> list[RequestedAttribute]:
    """Return what a request claims; a claim without a value is to be certified."""
    return [
        RequestedAttribute(
            claim.get("Uri", ""), (claim.findtext(f"{{{AUTH}}}Value") or "").strip()
        )
        for claim in request.iterfind(f"{{{WST}}}Claims/{{{AUTH}}}ClaimType")
    ]


def _foreign(
    claims: list[RequestedAttribute], owner: CertificateOwner
) -> Iterator[RequestedAttribute]:
    """Yield the claims with a value that is not the owner's number, in an attribute of its kind."""
    kind = _NUMBERS.get(owner.type.partition("-")[0])
    for claim in claims:
        of_kind = kind is not None and claim.name.endswith(f":{kind}")
        own = of_kind and set(claim.value.split(";")) == {owner.number}
        if claim.value and not own:
            yield claim


def _asked(incoming: Incoming) -> Element | None:
    """Return the element in the Body where it is a RequestSecurityToken."""
    return incoming.request if incoming.operation is not None else None


def _certificate(incoming: Incoming) -> x509.Certificate | None:
    """Return the token's certificate, None where it cannot be read."""
    token = incoming.secured(_TOKEN)
    return read_certificate(text(token)) if token is not None else None


def _member(request: Element, name: str) -> str:
    """Return the text of a member of the request, "" where it does not have it once."""
    members = request.findall(f"{{{WST}}}{name}")
    return text(members[0]) if len(members) == 1 else ""
