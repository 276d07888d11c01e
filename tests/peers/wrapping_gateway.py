"""Gateways of DossierNumberGeneration that fall for one form of signature wrapping each, and for nothing else.

``HOLES`` names the forms; ``""`` is the gateway that falls for none. Whatever its hole, a gateway looks carefully at
all the rest: XML, envelope, ids, times, the assertion, every reference of the signature, the schema and the check
digits of each request in a message, wherever it stands. ``STYLES`` are ways to be careful that the cookbook allows:
what is checked first, and by which codes it is refused; ``MASKED`` is one that never says why.

Nothing here knows the harness, nor the other peers' verification: XML Signature is written anew upon lxml and
cryptography. Who calls, and the WSDL, are those of ``dossier_world`` and ``dossier_contract``.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import hashlib
import re
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from .dossier_contract import CORE, ERRORS, OWN, REQUEST, RESPONSE, Contract
from .dossier_world import CBE, EHP, KINDS, NIHII, PERSON, world
from .server import PREFIX, Answer, Request, serving

Element = etree._Element

PATH = "/guarded/dossiers"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
DS = "http://www.w3.org/2000/09/xmldsig#"
SAML = "urn:oasis:names:tc:SAML:1.0:assertion"
OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-"
WSSE, WSU = f"{OASIS}secext-1.0.xsd", f"{OASIS}utility-1.0.xsd"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
ENVELOPED = f"{DS}enveloped-signature"
BY_ID = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertionID"
HOLDER = "urn:oasis:names:tc:SAML:1.0:cm:holder-of-key"
BODY, HEADER = f"{{{SOAP}}}Body", f"{{{SOAP}}}Header"
SECURITY, STAMP = f"{{{WSSE}}}Security", f"{{{WSU}}}Timestamp"
ASSERTION, SIGNATURE = f"{{{SAML}}}Assertion", f"{{{DS}}}Signature"
ASKED = f"{{{OWN}}}{REQUEST}"
WSU_ID = f"{{{WSU}}}Id"
IDS = (WSU_ID, "Id", "AssertionID")
SKEW, LIFE = timedelta(minutes=5), timedelta(minutes=2)
PHONE_DIGITS = 11

HOLES: Mapping[str, str] = MappingProxyType(
    {
        "wrapped-in-header": "a signed Body in another header block vouches for the one in its place",
        "wrapped-in-security": "a signed Body in a block of Security does",
        "wrapped-in-signature": "a signed Body in an Object of the signature does",
        "wrapped-in-assertion": "a signed Body in an Object of the assertion's own signature does",
        "wrapped-beside-default-namespaces": "a signed Body does, where the one in its place has no prefix",
        "wrapped-with-same-id": "of Bodies of one id the first is digested",
        "wrapped-behind-with-same-id": "of Bodies of one id, one of which stands behind in something else, the last is",
        "doubled-body-first": "of two Bodies the first is processed, the last verified",
        "doubled-body-last": "of two Bodies the last is processed, the first verified",
        "doubled-body-same-id": "of two Bodies of one id the first is processed, the last digested",
        "assertion-wrapped": "an assertion of the issuer in another header block vouches for the one in Security",
        "wrapped-timestamp": "a signed Timestamp in another header block vouches for the one in Security",
        "forged-request-in-header": "the first request in the document is processed",
        "forged-body-in-header": "the request of the first Body in the document is processed",
        "forged-without-prefixes-in-header": "the first request that is written without prefix is processed",
    }
)
"""What each form of wrapping does to who falls for it, by the name of the form."""


@dataclass(frozen=True, slots=True)
class Style:
    """A way to be careful: whether content is looked at first, and by which codes a message is refused.

    No code for `security` is a bare fault of WS-Security; `strict` refuses header blocks that it does not know.
    """

    content_first: bool = False
    security: str = "SOA-01001"
    structure: str = "SOA-03004"
    schema: str = "SOA-03006"
    content: str = "SOA-03007"
    strict: bool = False
    once: bool = False


STYLES: Mapping[str, Style] = MappingProxyType(
    {
        "security-first": Style(),
        "content-first": Style(content_first=True),
        "bare-faults": Style(security="", structure="SOA-03002"),
        "strict-headers": Style(content_first=True, strict=True, structure="SOA-03001"),
        "not-authorised": Style(security="SOA-01002", once=True),
    }
)
MASKED = Style(security="SOA-03006")
"""Tells of the content whatever is wrong with the security."""


class Refused(Exception):  # noqa: N818 - an answer
    """A message is refused, for something that is wrong with its security, structure, schema or content, or by HTTP."""

    def __init__(self, sort: str, text: str) -> None:
        super().__init__(text)
        self.sort = sort


def must(condition: object, sort: str, text: str) -> None:
    """Refuse a message where a condition does not hold."""
    if not condition:
        raise Refused(sort, text)


# ------------------------------------------------------------------------------------------------ XML Signature


def canonical(element: Element) -> bytes:
    """Write an element in exclusive canonical form."""
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def bare(element: Element, *without: str) -> Element:
    """Copy an element without some of its children, whose tails stay."""
    made = copy.deepcopy(element)
    for child in [child for child in made if child.tag in without]:
        before, tail = child.getprevious(), child.tail or ""
        if before is None:
            made.text = (made.text or "") + tail
        else:
            before.tail = (before.tail or "") + tail
        made.remove(child)
    return made


def holds(signature: Element, certificate: bytes) -> bool:
    """Whether a signature's value is by the key of a certificate."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    info = one(signature, f"{{{DS}}}SignedInfo")
    method = one(info, f"{{{DS}}}SignatureMethod").get("Algorithm")
    value = decoded(one(signature, f"{{{DS}}}SignatureValue").text)
    try:
        if isinstance(key, rsa.RSAPublicKey) and method == f"{MORE}rsa-sha256":
            key.verify(value, canonical(info), padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and method == f"{MORE}ecdsa-sha256":
            half = len(value) // 2
            pair = int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big")
            key.verify(encode_dss_signature(*pair), canonical(info), ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return one(info, f"{{{DS}}}CanonicalizationMethod").get("Algorithm") == EXCLUSIVE


def digested(reference: Element, element: Element, *transforms: str) -> bool:
    """Whether a reference has these transforms, and the digest of an element."""
    listed = [one.get("Algorithm") for one in reference.iterfind(f"{{{DS}}}Transforms/{{{DS}}}Transform")]
    method = one(reference, f"{{{DS}}}DigestMethod").get("Algorithm")
    said = decoded(one(reference, f"{{{DS}}}DigestValue").text)
    return (listed, method) == ([*transforms], SHA256) and hashlib.sha256(canonical(element)).digest() == said


def one(parent: Element, tag: str) -> Element:
    """Give the one child of a name."""
    found = parent.findall(tag)
    must(len(found) == 1, "security", f"{len(found)} elements {tag} where one is due")
    return found[0]


def decoded(text: str | None) -> bytes:
    """Read base64."""
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except ValueError:
        raise Refused("security", "what should be base64 is none") from None


def moment(text: str | None, sort: str = "security") -> datetime:
    """Read a time with a zone."""
    try:
        read = datetime.fromisoformat(text or "")
    except ValueError:
        raise Refused(sort, f"{text} is no time") from None
    must(read.tzinfo, sort, f"{text} has no zone")
    return read


def above(element: Element) -> Element:
    """Give the parent of an element, itself where it has none."""
    parent = element.getparent()
    return element if parent is None else parent


def is_in(element: Element, tag: str) -> bool:
    """Whether an element stands somewhere below one of a name."""
    return next(element.iterancestors(tag), None) is not None


# --------------------------------------------------------------------------------------------------- identifiers


def has_check_digits(number: str, kind: str) -> bool:
    """Whether an SSIN, NIHII or CBE number has its length and its check digits."""
    if not number.isdigit() or len(number) not in {"ssin": (11,), "nihii": (8, 11), "cbe": (10,)}[kind]:
        return False
    if kind == "ssin":
        return int(number[9:]) in {97 - int(number[:9]) % 97, 97 - int("2" + number[:9]) % 97}
    size, moduli = (6, (97, 89)) if kind == "nihii" else (8, (97,))
    return int(number[size : size + 2]) in {modulus - int(number[:size]) % modulus for modulus in moduli}


TABLE_2 = {
    "ssin": "The person identifier defined in your request (Criteria.Requester.PersonIdentifier : {}) does not ",
    "nihii": "The institution identifier defined in your request (Criteria.Requester.InstitutionIdentifier.Nihii : {}) "
    "does not ",
    "cbe": "The institution identifier defined in your request (Criteria.Requester.InstitutionIdentifier.Cbe : {}) "
    "does not ",
}
REST = "correspond to the security information provided in the Envelope header ({})"
SURPLUS = (
    "No institution {} identifier ({}) may be defined in your request, as the WS-security is connecting as a {} ({})."
)


# -------------------------------------------------------------------------------------------------------- gateway


@dataclass(slots=True)
class Seen:
    """A message as far as it was understood."""

    root: Element
    header: Element
    body: Element
    security: Element | None = None
    asked: Element | None = None
    caller: tuple[str, str] = ("", "")


@dataclass(slots=True)
class Gateway:
    """A gateway with one hole or none, and the service behind it."""

    hole: str
    style: Style
    schema: etree.XMLSchema
    action: str
    _seen: set[bytes] = field(default_factory=set)

    def __call__(self, request: Request) -> Answer:
        """Answer a request."""
        try:
            return self._served(request)
        except Refused as refused:
            return self._refusal(refused)

    def _served(self, request: Request) -> Answer:
        seen = self._read(request)
        steps: list[Callable[[Seen], None]] = [self._authenticate, self._check_contents]
        for step in reversed(steps) if self.style.content_first else steps:
            step(seen)
        if self.style.once:
            value = one(one(seen.header, SECURITY), SIGNATURE).findtext(f"{{{DS}}}SignatureValue", "").encode()
            must(value not in self._seen, "security", "the message was received before")
            self._seen.add(value)
        asked = self._processed(seen)
        wrong = wrong_requester(asked, *seen.caller)
        return said(200, response(asked, wrong))

    # ------------------------------------------------------------------------------------------------- reading

    def _read(self, request: Request) -> Seen:
        must(request.method == "POST", "http 405", "messages are posted")
        must(
            request.header("content-type").split(";")[0].strip().lower() == "text/xml", "http 415", "it is no text/xml"
        )
        must(request.header("soapaction").strip() == f'"{self.action}"', "structure", "the SOAPAction is another one")
        must(b"<!DOCTYPE" not in request.body, "malformed", "it has a document type declaration")
        try:
            root = etree.fromstring(request.body, etree.XMLParser(resolve_entities=False, no_network=True))
        except etree.XMLSyntaxError as error:
            raise Refused("malformed", str(error)) from None
        must(root.tag == f"{{{SOAP}}}Envelope", "soap", "it is no envelope of SOAP 1.1")
        children = [child for child in root if isinstance(child.tag, str)]
        bodies = [child for child in children if child.tag == BODY]
        must(bodies, "no body", "there is no Body")
        must(children[0].tag == HEADER, "security", "there is no Header")
        self._check_children(children[1:], bodies)
        self._check_ids(root)
        return Seen(root, children[0], bodies[-1] if self.hole == "doubled-body-last" else bodies[0])

    def _check_children(self, after: list[Element], bodies: list[Element]) -> None:
        """Demand one Body and nothing besides, but for what the hole asks."""
        if self.hole == "wrapped-behind-with-same-id" and len(bodies) == 1:
            must(after[0] is bodies[0], "structure", "the Body does not follow the Header")
            return
        most = 2 if self.hole.startswith("doubled-body") else 1
        must(len(after) == len(bodies) <= most, "structure", "there is more than one Body behind the Header")

    def _check_ids(self, root: Element) -> None:
        """Demand that no id occurs twice (xs:ID), but for Bodies where that is the hole."""
        found: dict[str, Element] = {}
        for element in root.iter(etree.Element):
            for value in {element.get(name) for name in IDS} - {None}:
                both_bodies = value in found and element.tag == found[str(value)].tag == BODY
                allowed = both_bodies and self.hole.endswith("same-id")
                must(value not in found or allowed, "security", f"the id {value} is given twice")
                found.setdefault(str(value), element)

    # ------------------------------------------------------------------------------------------------ security

    def _authenticate(self, seen: Seen) -> None:
        for block in seen.header:
            known = block.tag == SECURITY
            must(known or block.get(f"{{{SOAP}}}mustUnderstand") != "1", "not understood", f"what is {block.tag}?")
            must(known or not self.style.strict, "structure", f"the header block {block.tag} is not known")
        security = self._only(seen, SECURITY, seen.header)
        stamp = self._only(seen, STAMP, security, spare=self.hole == "wrapped-timestamp")
        assertion = self._only(seen, ASSERTION, security, spare=self.hole == "assertion-wrapped")
        signature = one(security, SIGNATURE)
        others = [each for each in seen.root.iter(SIGNATURE) if each is not signature]
        must(all(above(each).tag == ASSERTION for each in others), "security", "there is another signature")
        self._check_time(stamp)
        self._check_assertion(seen, assertion)
        self._check_signature(seen, signature, stamp, assertion)
        seen.caller = who_calls(assertion)

    def _only(self, seen: Seen, tag: str, parent: Element, *, spare: bool = False) -> Element:
        """Give the one element of a name in the message, which has a parent, or may have a double in a header block."""
        found = [each for each in seen.root.iter(tag) if not (spare and above(each) is not parent)]
        must(len(found) == 1 and found[0].getparent() is parent, "security", f"there is not one {tag} in its place")
        return found[0]

    def _check_time(self, stamp: Element) -> None:
        created, expires = (moment(one(stamp, f"{{{WSU}}}{name}").text) for name in ("Created", "Expires"))
        now = datetime.now(UTC)
        must(created - SKEW <= now <= expires + SKEW, "security", "the message is of another time")
        must(timedelta() < expires - created <= LIFE, "security", "the message lives too long")

    def _check_assertion(self, seen: Seen, assertion: Element) -> None:
        vouching = [assertion]
        if self.hole == "assertion-wrapped":
            vouching += [each for each in seen.header.iterfind(f"*/{ASSERTION}") if each is not assertion]
        must(genuine(assertion, vouching), "security", "the issuer has not signed the assertion")
        conditions = one(assertion, f"{{{SAML}}}Conditions")
        start, end = (moment(conditions.get(name)) for name in ("NotBefore", "NotOnOrAfter"))
        must(start <= datetime.now(UTC) < end <= start + timedelta(hours=25), "security", "the assertion is over")
        methods = {each.text for each in assertion.iter(f"{{{SAML}}}ConfirmationMethod")}
        must(methods == {HOLDER}, "security", "the assertion is not for the holder of a key")
        for attribute in assertion.iter(f"{{{SAML}}}AttributeValue"):
            name = above(attribute).get("AttributeName", "")
            right = attribute.text == "true" if name.endswith(":boolean") else bool(attribute.text)
            must(right, "security", f"the attribute {name} gives no access")

    def _check_signature(self, seen: Seen, signature: Element, stamp: Element, assertion: Element) -> None:
        named = signature.find(f"{{{DS}}}KeyInfo/{{{WSSE}}}SecurityTokenReference/{{{WSSE}}}KeyIdentifier")
        must(named is not None and named.get("ValueType") == BY_ID, "security", "KeyInfo names no assertion")
        must(
            str(signature.findtext(f".//{{{WSSE}}}KeyIdentifier")).strip() == assertion.get("AssertionID"),
            "security",
            "KeyInfo names another assertion",
        )
        members = [etree.QName(child).localname for child in signature]
        usual = ["SignedInfo", "SignatureValue", "KeyInfo"]
        allowed = (usual, [*usual, "Object"]) if self.hole == "wrapped-in-signature" else (usual,)
        must(members in allowed, "security", "the signature has other members")
        must(holds(signature, holder(assertion)), "security", "the signature is not by the assertion's holder")
        covered = [
            self._covered(seen, each) for each in one(signature, f"{{{DS}}}SignedInfo").iterfind(f"{{{DS}}}Reference")
        ]
        must(any(self._vouches(seen, each) for each in covered), "security", "the Body is not signed")
        must(any(self._vouches_in_time(each, stamp) for each in covered), "security", "the Timestamp is not signed")

    def _covered(self, seen: Seen, reference: Element) -> Element:
        """Give what a reference covers, whose digest has to fit."""
        uri = reference.get("URI", "")
        named = [
            each
            for each in seen.root.iter(BODY, STAMP, ASSERTION)
            if uri[:1] == "#" and uri[1:] in (each.get(WSU_ID), each.get("AssertionID"))
        ]
        must(named, "security", f"the reference {uri} leads nowhere")
        last = self.hole in ("wrapped-behind-with-same-id", "doubled-body-same-id")
        chosen = named[-1 if last else 0]
        must(digested(reference, chosen, EXCLUSIVE), "security", f"the digest of {uri} does not fit")
        return chosen

    def _vouches(self, seen: Seen, signed: Element) -> bool:
        """Whether something signed makes the Body good that is processed."""
        bodies = seen.root.findall(BODY)
        if len(bodies) > 1 and self.hole in ("doubled-body-first", "doubled-body-last"):
            return signed in bodies and signed is not seen.body
        if len(bodies) > 1:
            return signed is bodies[-1] and signed.get(WSU_ID) == seen.body.get(WSU_ID)
        if signed is seen.body:
            return True
        if signed.tag != BODY:
            return False
        if self.hole.endswith("same-id"):
            return signed.get(WSU_ID) == seen.body.get(WSU_ID)
        in_header = above(above(signed)) is seen.header and above(signed).tag != SECURITY
        return {
            "wrapped-in-header": in_header and seen.body.prefix is not None,
            "wrapped-beside-default-namespaces": in_header and seen.body.prefix is None,
            "wrapped-in-security": above(above(signed)).tag == SECURITY and above(signed).tag != SIGNATURE,
            "wrapped-in-signature": above(signed).tag == f"{{{DS}}}Object" and not is_in(signed, ASSERTION),
            "wrapped-in-assertion": above(signed).tag == f"{{{DS}}}Object" and is_in(signed, ASSERTION),
        }.get(self.hole, False)

    def _vouches_in_time(self, signed: Element, stamp: Element) -> bool:
        return signed is stamp or (self.hole == "wrapped-timestamp" and signed.tag == STAMP)

    # ------------------------------------------------------------------------------------------------- content

    def _check_contents(self, seen: Seen) -> None:
        """Look at every request in the message, wherever it stands."""
        inside = [child for child in seen.body if isinstance(child.tag, str)]
        must(inside, "no body", "the Body is empty")
        must(len(inside) == 1, "structure", "the Body has more than one child")
        must(inside[0].tag == ASKED, "wsdl", f"there is no operation for {inside[0].tag}")
        for asked in seen.root.iter(ASKED):
            self._check_content(asked)

    def _check_content(self, asked: Element) -> None:
        own = copy.deepcopy(asked)
        must(self.schema.validate(etree.ElementTree(own)), "schema", "the schema does not take it")
        issued = moment(own.get("IssueInstant"), "content")
        must(abs(issued - datetime.now(UTC)) <= SKEW, "content", "the request is of another time")
        for name, kind in (("PersonIdentifier", "ssin"), ("Nihii", "nihii"), ("Cbe", "cbe")):
            for number in own.iter(f"{{*}}{name}"):
                must(has_check_digits(number.text or "", kind), "content", f"{number.text} is no {name}")
        for number in own.iter("{*}PhoneNumber"):
            fits = re.fullmatch(rf"\+?[0-9]{{{PHONE_DIGITS}}}", number.text or "")
            must(fits, "content", f"{number.text} is no telephone number")

    def _processed(self, seen: Seen) -> Element:
        """Give the request that the service gets to see."""
        own = next(child for child in seen.body if isinstance(child.tag, str))
        before = [each for each in seen.header.iter(ASKED) if not is_in(each, SECURITY)]
        bodies = [each for each in before if is_in(each, BODY)]
        loose = [each for each in before if each not in bodies]
        chosen = {
            "forged-request-in-header": [each for each in loose if each.prefix is not None],
            "forged-without-prefixes-in-header": [each for each in loose if each.prefix is None],
            "forged-body-in-header": bodies,
        }.get(self.hole, [])
        return chosen[0] if chosen else own

    # ------------------------------------------------------------------------------------------------- answers

    def _refusal(self, refused: Refused) -> Answer:
        style, sort = self.style, refused.sort
        if sort.startswith("http "):
            return Answer(int(sort[5:]), headers={"Allow": "POST"} if sort.endswith("405") else {})
        if sort == "security" and not style.security:
            return said(500, fault("", "wsse:FailedCheck", str(refused)))
        codes = {
            "security": style.security,
            "structure": style.structure,
            "schema": style.schema,
            "content": style.content,
            "malformed": "SOA-03001",
            "soap": "SOA-03002",
            "not understood": "SOA-03002",
            "no body": "SOA-03003",
            "wsdl": "SOA-03005",
        }
        sorts = {"not understood": "MustUnderstand", "soap": "VersionMismatch"}
        return said(500, fault(codes[sort], f"e:{sorts.get(sort, 'Client')}", str(refused)))


def genuine(assertion: Element, candidates: list[Element]) -> bool:
    """Whether the signature in an assertion is the issuer's, over one of some assertions."""
    signature = assertion.find(SIGNATURE)
    if signature is None:
        return False
    reference = one(one(signature, f"{{{DS}}}SignedInfo"), f"{{{DS}}}Reference")
    covered = [each for each in candidates if reference.get("URI") == f"#{each.get('AssertionID')}"]
    good = bool(covered) and digested(reference, bare(covered[0], SIGNATURE), ENVELOPED, EXCLUSIVE)
    return good and holds(signature, world().sts_certificate.public_bytes(Encoding.DER))


def holder(assertion: Element) -> bytes:
    """Give the certificate of an assertion's holder."""
    found = assertion.find(f"{{{SAML}}}AuthenticationStatement//{{{DS}}}X509Certificate")
    must(found is not None, "security", "the assertion names no holder")
    return decoded(found.text if found is not None else "")


def who_calls(assertion: Element) -> tuple[str, str]:
    """Give the kind of a caller and its number."""
    names = {attribute: kind for kind, (_, _, attribute) in KINDS.items()}
    for attribute in assertion.iter(f"{{{SAML}}}Attribute"):
        kind = names.get(attribute.get("AttributeName", ""))
        if kind is not None:
            return kind, (attribute.findtext(f"{{{SAML}}}AttributeValue") or "").strip()
    raise Refused("security", "the assertion does not tell who calls")


def wrong_requester(asked: Element, kind: str, own: str) -> str:
    """Give the words of Table 2 that speak against a request, if any do."""
    given = {
        name: (next(asked.iter(f"{{*}}{tag}")).text or "").strip()
        for name, tag in (("ssin", "PersonIdentifier"), ("nihii", "Nihii"), ("cbe", "Cbe"))
        if next(asked.iter(f"{{*}}{tag}"), None) is not None
    }
    member = KINDS[kind][0]
    if kind == PERSON and "nihii" in given:
        return SURPLUS.format("NIHII", given["nihii"], "person", own)
    if kind == NIHII and "cbe" in given:
        return SURPLUS.format("CBE", given["cbe"], "NIHII institution", own)
    if given.get(member, own) != own:
        return TABLE_2[member].format(given[member]) + REST.format(own)
    return ""


def response(asked: Element, wrong: str) -> str:
    """Write a response: an identifier, or why there is none."""
    status = "Requester" if wrong else "Success"
    told = f"<c:StatusMessage>{escape(wrong)}</c:StatusMessage>" if wrong else ""
    made = "" if wrong else f"<CovidDossierIdentifier>CV{uuid.uuid4().hex[:12]}</CovidDossierIdentifier>"
    answered = f' InResponseTo="{asked.get("Id")}"' if asked.get("Id") else ""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return (
        f'<d:{RESPONSE} xmlns:d="{OWN}" xmlns:c="{CORE}" Id="_{uuid.uuid4()}"{answered} IssueInstant="{now}">'
        f'<c:Status><c:StatusCode Value="urn:be:fgov:ehealth:2.0:status:{status}"/>{told}</c:Status>'
        f"{made}</d:{RESPONSE}>"
    )


def fault(code: str, sort: str, text: str) -> str:
    """Write a fault, with the platform's error where it has a code."""
    detail = (
        f'<detail><s:SystemError xmlns:s="{ERRORS}"><Origin>Consumer</Origin><Code>{code}</Code>'
        f"<Message>{escape(text)}</Message><s:Environment>Test</s:Environment></s:SystemError></detail>"
    )
    return (
        f'<e:Fault xmlns:wsse="{WSSE}"><faultcode>{sort}</faultcode><faultstring>{escape(text)}</faultstring>'
        f"{detail if code else ''}</e:Fault>"
    )


def said(status: int, inside: str) -> Answer:
    """Write an answer with an envelope."""
    text = f'<e:Envelope xmlns:e="{SOAP}"><e:Body>{inside}</e:Body></e:Envelope>'
    return Answer(status, text.encode(), headers={"Content-Type": "text/xml; charset=utf-8"})


@contextlib.contextmanager
def serve(hole: str = "", style: Style = STYLES["security-first"]) -> Iterator[dict[str, Any]]:
    """Serve a gateway on a free port of loopback; the context gives the section of a target file."""
    folder, contract = Path(tempfile.mkdtemp(prefix="wrapping-gateway-")), Contract()
    try:
        door = Gateway(hole, style, contract.write(folder), contract.action)
        with serving(door) as base:
            endpoint = base.removesuffix(PREFIX.rstrip("/")) + PATH
            wsdl = folder / "dossiers.wsdl"
            wsdl.write_text(contract.wsdl(endpoint), encoding="utf-8")
            names = {PERSON: "physician", NIHII: "center", CBE: "company", EHP: "hub"}
            everybody = world()
            yield {
                "endpoint": endpoint,
                "wsdl": str(wsdl),
                "callers": {names[kind]: each.section() for kind, each in everybody.holders.items()},
                "trust": {"sts_ca": str(everybody.ca)},
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
