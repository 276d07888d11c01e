"""The Secure Token Service of the local platform: issues SAML 1.1 Holder-of-Key assertions to holders of certificates.

Sources: WS-Trust 1.3, X.509 Token Profile 1.1, SAML 1.1, and what public clients of the platform's STS send and get.
Must not know any service, nor whether a caller is worth what it asks for: who has a certificate gets it.
"""

import base64
import binascii
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from lxml import etree
from starlette.routing import Route

from conformance.checks import wss
from conformance.checks.soap_request import (
    MALFORMED,
    UNAUTHENTICATED,
    UNAUTHORISED,
    UNFORESEEN,
    Check,
    Incoming,
    SoapRefusalError,
)
from conformance.identifiers.fictitious import make_nihii11
from conformance.mock import gateway
from conformance.mock.authority import Authority, CertificateOwner, Credential, owner_of
from conformance.mock.gateway import Accepted, Endpoint, Gateway
from conformance.soap.markup import Element, serialise, text
from conformance.soap.message import (
    TOKEN_ACTION,
    RequestedAttribute,
    filled,
    placeholder,
)
from conformance.soap.names import (
    AUTH,
    BASE64,
    CERTIFIED,
    DS,
    HOLDER_OF_KEY,
    IDENTIFICATION,
    SAML,
    SAML_TOKEN,
    WSSE,
    WST,
    WSU,
    X509_SUBJECT,
    X509_TOKEN,
)
from conformance.soap.security.wss import (
    ASSERTION,
    SAML_ID,
    WSU_ID,
    instant,
    make_signer,
    sign_enveloped,
    x509_data,
)
from conformance.soap.xsd.contract import SoapOperation

PATH: Final = "/IAM/SecurityTokenService/v1"
ISSUER: Final = "urn:be:fgov:ehealth:sts:1_0"
"""By which the platform's STS names itself in its assertions."""
LIFETIME: Final = timedelta(hours=24)
_EARLIER: Final = timedelta(minutes=5)
"""How much before its issue an assertion begins to hold."""
_BY_CERTIFICATE: Final = "urn:oasis:names:tc:SAML:1.0:am:X509-PKI"
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
_FAULTS: Final = {
    UNAUTHENTICATED: "wst:FailedAuthentication",
    UNAUTHORISED: "wst:RequestFailed",
}
_TOKEN: Final = f"{{{WSSE}}}BinarySecurityToken"
_OPERATION: Final = SoapOperation(
    "RequestSecurityToken",
    TOKEN_ACTION,
    PATH,
    f"{{{WST}}}RequestSecurityToken",
    f"{{{WST}}}RequestSecurityTokenResponseCollection",
    (),
    (),
)


@dataclass(frozen=True, slots=True)
class TokenService:
    """An STS that trusts the certificates of an authority; `clock` gives the time in UTC."""

    authority: Authority
    credential: Credential
    clock: Callable[[], datetime]

    def route(self) -> Route:
        """Return its address with what answers there."""
        door = Gateway(
            (_OPERATION,),
            lambda _: (),
            (self.authority.certificate,),
            "",
            self.clock,
            self.checks(),
        )
        return Route(PATH, Endpoint(gateway.answering(door, self._answer, _fault)))

    def checks(self) -> tuple[Check, ...]:
        """Return what a request is checked for, in this order."""

        def token_trusted(incoming: Incoming) -> None:
            """Demand that the token's certificate was issued by the authority, and is valid."""
            known = self.authority.vouches_for(_certificate(incoming), incoming.now)
            _demand(
                known,
                UNAUTHENTICATED,
                "the certificate was not issued here, or is not valid now",
            )

        return (
            *(
                *gateway.MESSAGE_CHECKS,
                one_token,
                token_trusted,
                wss.one_signature,
                wss.signature_plain,
            ),
            *(
                key_of_token,
                wss.body_signed,
                wss.timestamp_signed,
                token_signed,
                signature_holds,
            ),
            *(asks_to_issue, for_own_key, claims_readable, claims_own),
        )

    def issue(
        self,
        holder: x509.Certificate,
        claims: Sequence[RequestedAttribute],
        lifetime: timedelta = LIFETIME,
        *,
        admitted: bool = True,
    ) -> bytes:
        """Return an assertion for the holder of a certificate, whatever it claims of itself.

        Claims with a value are asserted, the others certified: in the affirmative, or with something made up; who is
        not `admitted` has it denied instead, or nothing.
        """
        now = self.clock()
        root = etree.Element(
            ASSERTION,
            {
                SAML_ID: f"_{uuid.uuid4().hex}",
                "IssueInstant": instant(now),
                "Issuer": ISSUER,
                "MajorVersion": "1",
                "MinorVersion": "1",
            },
            nsmap={"saml": SAML},
        )
        limits = {
            "NotBefore": instant(now - _EARLIER),
            "NotOnOrAfter": instant(now + lifetime),
        }
        etree.SubElement(root, f"{{{SAML}}}Conditions", limits)
        how = {
            "AuthenticationInstant": instant(now),
            "AuthenticationMethod": _BY_CERTIFICATE,
        }
        etree.SubElement(root, f"{{{SAML}}}AuthenticationStatement", how).append(
            _subject(holder)
        )
        statement = etree.SubElement(root, f"{{{SAML}}}AttributeStatement")
        statement.append(_subject(holder))
        statement.extend(
            _attribute(claim, owner_of(holder), admitted=admitted) for claim in claims
        )
        sign_enveloped(
            root, SAML_ID, make_signer(self.credential.key, self.credential.certificate)
        )
        return serialise(root)

    def _answer(self, accepted: Accepted) -> bytes:
        """Return a RequestSecurityTokenResponseCollection (WS-Trust 1.3, section 4.3) with a new assertion."""
        assertion = self.issue(_use_key(accepted.request), _claims(accepted.request))
        now = self.clock()
        collection = etree.Element(_OPERATION.response, nsmap={"wst": WST})
        context = accepted.request.get("Context")
        response = etree.SubElement(
            collection,
            f"{{{WST}}}RequestSecurityTokenResponse",
            {"Context": context} if context else {},
        )
        etree.SubElement(response, f"{{{WST}}}TokenType").text = SAML_TOKEN
        place = etree.SubElement(response, f"{{{WST}}}RequestedSecurityToken")
        place.append(placeholder())
        lifetime = etree.SubElement(response, f"{{{WST}}}Lifetime")
        for tag, moment in (("Created", now), ("Expires", now + LIFETIME)):
            etree.SubElement(
                lifetime, f"{{{WSU}}}{tag}", nsmap={"wsu": WSU}
            ).text = instant(moment)
        return filled(gateway.envelope(collection), assertion)


def one_token(incoming: Incoming) -> None:
    """Demand one BinarySecurityToken in the whole message, a child of Security, with a certificate in it."""
    found = list(incoming.root.iter(_TOKEN))
    security = incoming.security
    right = len(found) == 1 and found[0].getparent() is security
    _demand(right, UNAUTHENTICATED, "there is not one BinarySecurityToken in Security")
    kinds = (found[0].get("ValueType"), found[0].get("EncodingType", BASE64))
    _demand(
        kinds == (X509_TOKEN, BASE64),
        UNAUTHENTICATED,
        "the token is no X.509 certificate in base64",
    )
    _certificate(incoming)


def key_of_token(incoming: Incoming) -> None:
    """Demand that the signature's key is the token's (X.509 Token Profile 1.1, section 3.2)."""
    token, signature = incoming.secured(_TOKEN), incoming.signature
    if token is not None and signature is not None:
        named = wss.key_reference(signature) == ("", f"#{token.get(WSU_ID)}")
        _demand(named, UNAUTHENTICATED, "the signature's key is not the token's")


def token_signed(incoming: Incoming) -> None:
    """Demand that the signature covers the token."""
    wss.demand_covered(incoming, incoming.secured(_TOKEN), "BinarySecurityToken")


def signature_holds(incoming: Incoming) -> None:
    """Demand that the signature holds by the token's certificate, and covers nothing else."""
    token = incoming.secured(_TOKEN)
    more = (
        {str(token.get(WSU_ID)): token}
        if token is not None and token.get(WSU_ID)
        else {}
    )
    wss.demand_signature(incoming, _certificate(incoming), more)


def asks_to_issue(incoming: Incoming) -> None:
    """Demand a request to issue a SAML 1.1 assertion."""
    asked = _said(incoming, "RequestType"), _said(incoming, "TokenType")
    _demand(
        asked == (f"{WST}/Issue", SAML_TOKEN),
        MALFORMED,
        "only SAML 1.1 assertions are issued",
    )


def for_own_key(incoming: Incoming) -> None:
    """Demand that the assertion is for the key of the certificate that the request is signed with."""
    _demand(
        _said(incoming, "KeyType") in _KEY_TYPES,
        MALFORMED,
        "only assertions for a public key are issued",
    )
    own = incoming.request is not None and _use_key(incoming.request) == _certificate(
        incoming
    )
    _demand(own, UNAUTHORISED, "UseKey has another certificate than the token")


def claims_readable(incoming: Incoming) -> None:
    """Demand claims that have a name each, which occurs once."""
    names = (
        [claim.name for claim in _claims(incoming.request)]
        if incoming.request is not None
        else []
    )
    _demand(
        bool(names) and all(names),
        MALFORMED,
        "there are no claims, or one without name",
    )
    _demand(len(set(names)) == len(names), MALFORMED, "an attribute is claimed twice")


def claims_own(incoming: Incoming) -> None:
    """Demand that what is asserted names the owner of the certificate, and nobody else."""
    try:
        owner = owner_of(_certificate(incoming))
    except ValueError as error:
        raise SoapRefusalError(UNAUTHORISED, str(error)) from None
    for claim in _claims(incoming.request) if incoming.request is not None else ():
        kind = _NUMBERS.get(owner.type.partition("-")[0], "")
        own = (
            bool(kind)
            and claim.name.endswith(f":{kind}")
            and set(claim.value.split(";")) == {owner.number}
        )
        _demand(
            own or not claim.value,
            UNAUTHORISED,
            f"the certificate does not bear out {claim.name}",
        )


def _fault(refusal: SoapRefusalError) -> bytes:
    """Return a fault of WS-Trust 1.3, section 11."""
    usual = (
        "soapenv:Server"
        if refusal.code == UNFORESEEN
        else _FAULTS.get(refusal.code, "wst:InvalidRequest")
    )
    code = f"soapenv:{refusal.fault}" if refusal.fault else usual
    return gateway.fault(code, refusal.reason, nsmap={"wst": WST})


def _certificate(incoming: Incoming) -> x509.Certificate:
    """Return the token's certificate; raises RefusalError."""
    token = incoming.secured(_TOKEN)
    return _load(text(token) if token is not None else "")


def _use_key(request: Element) -> x509.Certificate:
    """Return the certificate of the key to name; raises RefusalError."""
    place = f"{{{WST}}}UseKey/{{{WSSE}}}SecurityTokenReference/{{{DS}}}X509Data/{{{DS}}}X509Certificate"
    found = request.findall(place)
    return _load(text(found[0]) if len(found) == 1 else "")


def _load(encoded: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(
            base64.b64decode("".join(encoded.split()), validate=True)
        )
    except (ValueError, binascii.Error):
        raise SoapRefusalError(
            UNAUTHENTICATED, "there is no certificate that can be read"
        ) from None


def _claims(request: Element) -> list[RequestedAttribute]:
    found = request.iterfind(f"{{{WST}}}Claims/{{{AUTH}}}ClaimType")
    return [
        RequestedAttribute(
            one.get("Uri", ""), (one.findtext(f"{{{AUTH}}}Value") or "").strip()
        )
        for one in found
    ]


def _said(incoming: Incoming, name: str) -> str:
    """Return the text of a member of the request, "" where it does not have it once."""
    found = (
        incoming.request.findall(f"{{{WST}}}{name}")
        if incoming.request is not None
        else []
    )
    return text(found[0]) if len(found) == 1 else ""


def _subject(holder: x509.Certificate) -> Element:
    """Return who the holder is, and by which key that shows (SAML 1.1 core, section 2.4.2.2)."""
    subject = etree.Element(f"{{{SAML}}}Subject", nsmap={"saml": SAML})
    named = {"Format": X509_SUBJECT, "NameQualifier": holder.issuer.rfc4514_string()}
    etree.SubElement(
        subject, f"{{{SAML}}}NameIdentifier", named
    ).text = holder.subject.rfc4514_string()
    confirmation = etree.SubElement(subject, f"{{{SAML}}}SubjectConfirmation")
    etree.SubElement(confirmation, f"{{{SAML}}}ConfirmationMethod").text = HOLDER_OF_KEY
    info = etree.SubElement(confirmation, f"{{{DS}}}KeyInfo", nsmap={"ds": DS})
    info.append(x509_data(holder))
    return subject


def _attribute(
    claim: RequestedAttribute, owner: CertificateOwner, *, admitted: bool
) -> Element:
    named = {
        "AttributeName": claim.name,
        "AttributeNamespace": IDENTIFICATION if claim.value else CERTIFIED,
    }
    element = etree.Element(f"{{{SAML}}}Attribute", named, nsmap={"saml": SAML})
    certified = _certified(claim.name, owner) if admitted else _denied(claim.name)
    for value in claim.value.split(";") if claim.value else [certified]:
        etree.SubElement(element, f"{{{SAML}}}AttributeValue").text = value
    return element


def _denied(name: str) -> str:
    return "false" if name.endswith(":boolean") else ""


def _certified(name: str, owner: CertificateOwner) -> str:
    """Return what is certified of an owner: that it is so, a NIHII number of 11 digits, or the owner's name."""
    if name.endswith(":boolean"):
        return "true"
    if not name.endswith("nihii11"):
        return owner.name
    if owner.type.startswith("NIHII"):
        return f"{owner.number}000"
    return make_nihii11(random.Random(owner.number))  # noqa: S311 - nobody's number, always the same for an owner


def _demand(holds: bool, code: str, reason: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise SoapRefusalError(code, reason)
