"""The Secure Token Service of the local platform: issues SAML 1.1 Holder-of-Key assertions to holders of certificates.

Sources: WS-Trust 1.3, X.509 Token Profile 1.1, SAML 1.1, and what public clients of the platform's STS send and get.
Must not know any service, nor whether a caller is worth what it asks for: who has a certificate gets it.
"""

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from lxml import etree
from starlette.routing import Route

from conformance.checks.request_problem import RequestProblem
from conformance.checks.soap_request import (
    UNAUTHENTICATED,
    UNAUTHORISED,
    UNFORESEEN,
    ExpectedRequest,
)
from conformance.identifiers.fictitious import make_nihii11
from conformance.mock import gateway
from conformance.mock.authority import Authority, CertificateOwner, Credential, owner_of
from conformance.mock.gateway import Accepted, Endpoint, Gateway
from conformance.mock.sts_checks import (
    OPERATION,
    STS_CHECKS,
    claims_of,
    holder_certificate,
)
from conformance.soap.markup import Element, serialise
from conformance.soap.message import RequestedAttribute, filled, placeholder
from conformance.soap.names import (
    CERTIFIED,
    DS,
    HOLDER_OF_KEY,
    IDENTIFICATION,
    SAML,
    SAML_TOKEN,
    WST,
    WSU,
    X509_SUBJECT,
)
from conformance.soap.security.wss import (
    ASSERTION,
    SAML_ID,
    instant,
    make_signer,
    sign_enveloped,
    x509_data,
)

PATH: Final = OPERATION.address
ISSUER: Final = "urn:be:fgov:ehealth:sts:1_0"
"""By which the platform's STS names itself in its assertions."""
LIFETIME: Final = timedelta(hours=24)
_EARLIER: Final = timedelta(minutes=5)
"""How much before its issue an assertion begins to hold."""
_BY_CERTIFICATE: Final = "urn:oasis:names:tc:SAML:1.0:am:X509-PKI"
_FAULTS: Final = {
    UNAUTHENTICATED: "wst:FailedAuthentication",
    UNAUTHORISED: "wst:RequestFailed",
}


@dataclass(frozen=True, slots=True)
class TokenService:
    """An STS that trusts the certificates of an authority; `clock` gives the time in UTC."""

    authority: Authority
    credential: Credential
    clock: Callable[[], datetime]

    def route(self) -> Route:
        """Return its address with what answers there."""
        # A caller's certificate is trusted by the authority; the assertions are the STS's own.
        trusted = (self.authority.certificate,)
        expected = ExpectedRequest((OPERATION,), lambda _: (), trusted, "")
        door = Gateway(expected, self.clock, STS_CHECKS)
        return Route(PATH, Endpoint(gateway.answering(door, self._answer, _fault)))

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
        asked = accepted.request
        assertion = self.issue(_demanded_key(asked), claims_of(asked))
        now = self.clock()
        collection = etree.Element(OPERATION.response, nsmap={"wst": WST})
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


def _fault(problem: RequestProblem) -> bytes:
    """Return a fault of WS-Trust 1.3, section 11."""
    usual = (
        "soapenv:Server"
        if problem.code == UNFORESEEN
        else _FAULTS.get(problem.code or "", "wst:InvalidRequest")
    )
    code = f"soapenv:{problem.fault}" if problem.fault else usual
    return gateway.fault(code, problem.reason, nsmap={"wst": WST})


def _demanded_key(request: Element) -> x509.Certificate:
    """Return the certificate of the key to name, which the checks have demanded."""
    certificate = holder_certificate(request)
    if certificate is None:
        raise LookupError("the request names no certificate in UseKey")
    return certificate


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
