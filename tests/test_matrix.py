"""The matrix of messages with one thing wrong: for every row a fault in the local platform that makes it fail alone.

Each fault makes the gateway lax in one point: a check is left out, another one stands in its place that lets this form
pass, or the message is read otherwise than it was sent. Rows that may be served fail where the service says that the
request is wrong. The row and some beside it are run by default, the whole matrix with EHEALTH_ALL_PEERS=1.
"""

import base64
import copy
import hashlib
import hmac
import os
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import xmlsec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from starlette.responses import HTMLResponse, Response

from conformance.checks import soap_request
from conformance.checks import wss as wss_module
from conformance.checks.request_problem import RequestProblem, soap_problem
from conformance.checks.secured_request import CHECKS, name_of
from conformance.checks.soap_request import TOLERANCE, Check, Incoming, Problems, request_problems
from conformance.contracts.loading import load_spec
from conformance.engine.plan import Selection
from conformance.formats.documents import read
from conformance.formats.schemas import specs_root
from conformance.mock import dossier_number_generation as module
from conformance.mock import gateway
from conformance.mock.dossier.rules import REQUESTER
from conformance.mock.gateway import Accepted, Gateway
from conformance.mock.platform import LocalPlatform
from conformance.model.case import CaseKind
from conformance.model.exchange import Request
from conformance.soap.markup import Element, XmlError, canonical, children, parse, serialise, text
from conformance.soap.message import LIFETIME
from conformance.soap.names import DS, SAML, SOAP, SOAP12, WSSE, WSU
from conformance.soap.security import wss
from conformance.soap.security.saml import signature_problem, signer_certificate
from tests.campaigns import run_campaign

SERVICE = "dossier-number-generation"
SPEC = load_spec(SERVICE)
MATRIX = read(specs_root() / "common" / "matrix.yaml").data
ROWS = {row["id"]: row for row in MATRIX["rows"]}
CASES = {name: next(case for case in SPEC.cases.values() if case.id.rpartition("/")[2] == name) for name in ROWS}
SAMPLE = ("no-assertion", "foreign-key", "wrapped-with-same-id", "empty-body")
"""Rows that a careless fault would let pass too."""
ALL = bool(os.environ.get("EHEALTH_ALL_PEERS"))
SPACES = {"e": SOAP, "w": WSSE, "u": WSU, "d": DS, "s": SAML}
SIGNATURE = "/e:Envelope/e:Header/w:Security/d:Signature"
REFERRED = "//s:Assertion[@AssertionID = //w:Security/d:Signature/d:KeyInfo//w:KeyIdentifier]"
DIGEST = 44
"""Characters that a SHA-256 digest has in base64."""
DIGEST_BEGINS = 4

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
Form = Callable[[Incoming], bool]
"""Tells whether a message is of a form."""


def _requester(incoming: Incoming, status: str = REQUESTER) -> Response:
    """Answer that the requester has made a mistake: neither what was asked for nor a fault."""
    request = incoming.request
    assert request is not None
    accepted = Accepted(incoming.expected.operations[0], request, None)
    return gateway.respond(module._response(accepted, status, message="The request is not in order."))


def _responder(incoming: Incoming) -> Response:
    """Answer that the provider has made a mistake, which a message sent twice is not."""
    return _requester(incoming, "urn:be:fgov:ehealth:2.0:status:Responder")


@dataclass(frozen=True, slots=True)
class Fault:
    """How a platform is lax, in one point.

    `checks` stand in the place of those of their names, None leaves one out; `reads` changes what came before it is
    examined; messages of the form `turned` are answered by `answer`, whatever else they are.
    """

    checks: Mapping[str, Check | None] = field(default_factory=dict)
    reads: Callable[[Request], Request] = lambda call: call
    turned: Form = lambda _: False
    answer: Callable[[Incoming], Response] = _requester


class Lax(Gateway):
    """A gateway that serves what has passed, although it cannot tell what is asked for."""

    def receive(self, call: Request) -> Accepted:
        """Return a request that passes all checks."""
        incoming = Incoming(call, self.expected, self.clock())
        for problem in request_problems(incoming, self.checks):
            raise gateway.refusal_for(problem)
        operation = incoming.operation or self.expected.operations[0]
        request = incoming.request if incoming.request is not None else etree.Element(operation.request)
        return Accepted(operation, request, incoming.assertion)


@dataclass(slots=True)
class Stage:
    """The local platform, with the fault that a test gives it."""

    fault: Fault = field(default_factory=Fault)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def cases(self, folder: Path, *names: str) -> Mapping[str, Mapping[str, Any]]:
        """Return what became of rows of the matrix."""
        chosen = tuple(CASES[name].id for name in names)
        selection = Selection(kinds=(CaseKind.SECURITY,), cases=chosen)
        document = run_campaign(folder, SERVICE, None, settings=self.settings, selection=selection)
        found = {case["id"].rpartition("/")[2]: case for case in document["cases"] if case["verdict"] != "not_run"}
        return {name: found[name] for name in ROWS if name in found}


@pytest.fixture(scope="module", name="stage")
def _stage() -> Iterator[Stage]:
    stage, plain = Stage(), gateway.answering

    def answering(
        door: Gateway, serve: Callable[[Accepted], bytes], tell: Callable[[RequestProblem], bytes]
    ) -> Callable[[Request], Response]:
        if getattr(serve, "func", None) is not module.generate_covid_id:  # the STS
            return plain(door, serve, tell)

        def answer(call: Request) -> Response:
            fault = stage.fault
            checks = {name_of(check): check for check in CHECKS} | dict(fault.checks)
            left = tuple(check for check in checks.values() if check is not None)
            lax = Lax(door.expected, door.clock, left)
            call = fault.reads(call)
            incoming = Incoming(call, door.expected, door.clock())
            return fault.answer(incoming) if fault.turned(incoming) else plain(lax, _served, tell)(call)

        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway, "answering", answering)
        with LocalPlatform((SPEC,)) as platform:
            stage.settings = platform.settings(SERVICE)
            yield stage


def _served(accepted: Accepted) -> bytes:
    """Serve whom the gateway has let pass, be it nobody."""
    if accepted.assertion is not None:
        return module.generate_covid_id(accepted)
    return module._response(accepted, module.SUCCESS, identifier=str(uuid.uuid4()))


def _page(_: Incoming) -> Response:
    return HTMLResponse("<html><body>Something is wrong.</body></html>", 500)


# Forms


def _root(incoming: Incoming) -> Element:
    """Return the root of a message that is XML."""
    assert incoming.root is not None
    return incoming.root


def _found(incoming: Incoming, place: str) -> list[Element]:
    found = _root(incoming).xpath(place, namespaces=SPACES)
    return [one for one in found if isinstance(one, etree._Element)] if isinstance(found, list) else []


def _form(condition: str) -> Form:
    """Return what tells whether an XPath holds of a message."""

    def holds(incoming: Incoming) -> bool:
        if incoming.root is None:
            return False
        return bool(incoming.root.xpath(f"boolean({condition})", namespaces=SPACES))

    return holds


def _lifetime(incoming: Incoming) -> timedelta:
    created, expires = incoming.moment("Created"), incoming.moment("Expires")
    return expires - created if created is not None and expires is not None else timedelta()


def _is_long(incoming: Incoming) -> bool:
    return _lifetime(incoming) > 2 * LIFETIME  # a Timestamp that is altered is half a minute longer


def _is_late(incoming: Incoming) -> bool:
    """Tell whether a message has expired, but is within the tolerance."""
    expires = incoming.moment("Expires")
    return expires is not None and timedelta() < incoming.now - expires <= TOLERANCE


def _is_early(incoming: Incoming) -> bool:
    """Tell whether a message is of the future, but within the tolerance."""
    created = incoming.moment("Created")
    return created is not None and LIFETIME < created - incoming.now <= TOLERANCE


IN_HEADER = _form("/e:Envelope/e:Header/*[local-name() = 'GenerateCovidIdRequest']")


def _is_bare(incoming: Incoming) -> bool:
    """Tell whether a request in a message is written without a prefix."""
    return b"<GenerateCovidIdRequest" in incoming.http.body


def _forged_served(incoming: Incoming) -> Response:
    """Serve the first request of a message, wherever it stands."""
    operation = incoming.expected.operations[0]
    request = next(_root(incoming).iter(operation.request))
    return gateway.respond(_served(Accepted(operation, request, incoming.assertion)))


def _again() -> Form:
    """Return what tells whether a message has come before."""
    seen: set[bytes] = set()

    def known(incoming: Incoming) -> bool:
        before = incoming.http.body in seen
        seen.add(incoming.http.body)
        return before

    return known


# Laxer checks


def _refusal(reason: str) -> RequestProblem:
    return soap_problem("lax", soap_request.UNAUTHENTICATED, reason)


def _unless(condition: str, *names: str) -> dict[str, Check | None]:
    """Return checks that let messages of a form pass."""
    form, own = _form(condition), {name_of(check): check for check in CHECKS}

    def lax(check: Check) -> Check:
        return lambda incoming: iter(()) if form(incoming) else check(incoming)

    return {name: lax(own[name]) for name in names}


def _where(form: Form, **checks: Check) -> dict[str, Check | None]:
    """Return checks that are made of messages of a form, in the place of those of their names."""
    own = {name_of(check): check for check in CHECKS}

    def chosen(name: str) -> Check:
        return lambda incoming: (checks[name] if form(incoming) else own[name])(incoming)

    return {name: chosen(name) for name in checks}


def _only_wsu_ids(incoming: Incoming) -> Problems:
    """Look for the ids of WS-Security alone, where somebody else might take another attribute for one."""
    try:
        wss.identified(_root(incoming), (wss.WSU_ID,))
    except wss.SignatureError as error:
        yield _refusal(str(error))


def _covering(place: str, usual: Callable[[Incoming], Element | None]) -> Check:
    """Be content with a signed element at a place, if there is one there, instead of the one that is processed."""

    def check(incoming: Incoming) -> Problems:
        found = _found(incoming, place)
        return wss_module.uncovered("lax", incoming, found[0] if found else usual(incoming), "part")

    return check


def _body_at(place: str) -> Check:
    return _covering(place, lambda incoming: incoming.body)


def _by_id(place: int) -> Check:
    """Return a verification as the library does it: with all transforms, over the first or last element of an id."""

    def check(incoming: Incoming) -> Problems:
        if incoming.signature is None or incoming.assertion is None or incoming.token is None:
            return
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(incoming.assertion.certificate, xmlsec.constants.KeyDataFormatCertDer)
        named: dict[str, list[Element]] = {}
        for one in _root(incoming).iter(etree.Element):
            if one.get(wss.WSU_ID):
                named.setdefault(str(one.get(wss.WSU_ID)), []).append(one)
        for found in named.values():
            context.register_id(found[place], "Id", WSU)
        context.register_id(incoming.token, wss.SAML_ID)
        try:
            context.verify(incoming.signature)
        except xmlsec.Error as error:
            yield _refusal(str(error))

    return check


def _value(signature: Element) -> bytes:
    return base64.b64decode(signature.findtext(f"{{{DS}}}SignatureValue", ""))


def _key(certificate: bytes) -> PublicKey:
    key = x509.load_der_x509_certificate(certificate).public_key()
    assert isinstance(key, PublicKey)
    return key


def _is_by(signature: Element, key: PublicKey) -> bool:
    """Tell whether a signature's value is by a key, whatever it covers."""
    value, data = _value(signature), _info(signature)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(value, data, padding.PKCS1v15(), hashes.SHA256())
        else:
            half = len(value) // 2
            der = encode_dss_signature(int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))
            key.verify(der, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _info(signature: Element) -> bytes:
    [info] = signature.findall(f"{{{DS}}}SignedInfo")
    return canonical(info)


def _digest(part: Element) -> str:
    return base64.b64encode(hashlib.sha256(canonical(part)).digest()).decode("ascii")


def _exactly(incoming: Incoming, part: Element, said: str) -> bool:
    del incoming
    return _digest(part) == said


def _half(incoming: Incoming, part: Element, said: str) -> bool:
    """Compare the beginnings of digests."""
    del incoming
    return len(said) == DIGEST and _digest(part)[: DIGEST // 2 - 1] == said[: DIGEST // 2 - 1]


def _but_timestamps(incoming: Incoming, part: Element, said: str) -> bool:
    return part is incoming.timestamp or _digest(part) == said


def _but_another_beginning(incoming: Incoming, part: Element, said: str) -> bool:
    """Compare digests only where they begin alike, but for that of the Timestamp."""
    own = _digest(part)
    return own == said or (
        part is not incoming.timestamp and len(said) == DIGEST and own[:DIGEST_BEGINS] != said[:DIGEST_BEGINS]
    )


Keys = Callable[[Incoming], list[PublicKey]]


def _holders(incoming: Incoming) -> list[PublicKey]:
    return [_key(incoming.assertion.certificate)] if incoming.assertion is not None else []


def _seen_keys() -> Keys:
    """Return all keys that ever were in an assertion."""
    seen: dict[bytes, None] = {}

    def keys(incoming: Incoming) -> list[PublicKey]:
        if incoming.assertion is not None:
            seen[incoming.assertion.certificate] = None
        return [_key(one) for one in seen]

    return keys


def _key_of_certificate(place: str, taken: Callable[[x509.Certificate, Incoming], bool] = lambda *_: True) -> Keys:
    """Return a way to take the key of a certificate at a place, if it is one that is `taken`, else the holder's."""

    def keys(incoming: Incoming) -> list[PublicKey]:
        brought = [x509.load_der_x509_certificate(base64.b64decode(text(one))) for one in _found(incoming, place)]
        found = [one.public_bytes(Encoding.DER) for one in brought if taken(one, incoming)]
        return [_key(one) for one in found] or _holders(incoming)

    return keys


def _by_itself(certificate: x509.Certificate, _: Incoming) -> bool:
    """Tell whether a certificate is nobody's but its own."""
    return "nobody" in certificate.subject.rfc4514_string()


def _named_as_holder(certificate: x509.Certificate, incoming: Incoming) -> bool:
    """Tell whether a certificate names the holder."""
    return certificate.subject == _holder_certificate(incoming).subject


def _of_somebody_known(certificate: x509.Certificate, incoming: Incoming) -> bool:
    """Tell whether a certificate is that of another caller."""
    return not (_by_itself(certificate, incoming) or _named_as_holder(certificate, incoming))


def _holder_certificate(incoming: Incoming) -> x509.Certificate:
    assert incoming.assertion is not None
    return x509.load_der_x509_certificate(incoming.assertion.certificate)


IN_KEY_INFO = f"{SIGNATURE}/d:KeyInfo/d:X509Data/d:X509Certificate"
IN_TOKEN = "//w:Security/w:BinarySecurityToken"  # noqa: S105 - a place


def _bringing(place: str, taken: Callable[[x509.Certificate, Incoming], bool]) -> "Fault":
    """Return the fault of a platform that takes the key of a certificate in the message."""
    return Fault({"key_of_assertion": None, "signature_holds": _holding(keys=_key_of_certificate(place, taken))})


def _key_value(incoming: Incoming) -> list[PublicKey]:
    """Return the key that a KeyInfo brings, else the holder's."""
    brought = [children(one) for one in _found(incoming, f"{SIGNATURE}/d:KeyInfo/d:KeyValue/d:RSAKeyValue")]
    numbers = [[int.from_bytes(base64.b64decode(text(part)), "big") for part in one] for one in brought]
    return [rsa.RSAPublicNumbers(power, modulus).public_key() for modulus, power in numbers] or _holders(incoming)


def _holding(
    fits: Callable[[Incoming, Element, str], bool] = _exactly,
    keys: Keys = _holders,
    by: Callable[[Element, PublicKey], bool] = _is_by,
) -> Check:
    """Return a verification of its own make: how digests have to fit, whose keys count, how a value is verified."""

    def check(incoming: Incoming) -> Problems:
        known = keys(incoming)
        if incoming.signature is None or not known:
            return
        if True not in {by(incoming.signature, one) for one in known}:
            yield _refusal("the value does not hold")
        parts = {f"#{one.get(wss.WSU_ID)}": one for one in (incoming.body, incoming.timestamp) if one is not None}
        if incoming.token is not None:
            parts[f"#{incoming.token.get(wss.SAML_ID)}"] = incoming.token
        for one in incoming.signature.iterfind(f"{{{DS}}}SignedInfo/{{{DS}}}Reference"):
            part, said = parts.get(one.get("URI", "")), one.findtext(f"{{{DS}}}DigestValue", "")
            if part is not None and not fits(incoming, part, said):
                yield _refusal("a digest does not fit")

    return check


def _length(key: PublicKey) -> int:
    """Return how long a signature by a key is."""
    size = (key.key_size + 7) // 8
    return size if isinstance(key, rsa.RSAPublicKey) else 2 * size


def _long_enough(signature: Element, key: PublicKey) -> bool:
    """Take a value for good that is as long as those of the key."""
    return len(_value(signature)) == _length(key)


def _short_or_good(signature: Element, key: PublicKey) -> bool:
    """Do not verify a value that is shorter than those of the key."""
    return 0 < len(_value(signature)) < _length(key) or _is_by(signature, key)


def _empty_or_good(signature: Element, key: PublicKey) -> bool:
    """Do not verify a value that is not there."""
    return not _value(signature) or _is_by(signature, key)


def _hashed_or_good(signature: Element, key: PublicKey) -> bool:
    """Take a public key for the one of a keyed hash."""
    data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hmac.digest(data, _info(signature), "sha256") == _value(signature) or _is_by(signature, key)


def _cut_or_good(signature: Element, key: PublicKey) -> bool:
    """Compare as much of a keyed hash with a secret key as the message wants (CVE-2009-0217)."""
    wanted = signature.findtext(f"{{{DS}}}SignedInfo/{{{DS}}}SignatureMethod/{{{DS}}}HMACOutputLength")
    if wanted is None:
        return _is_by(signature, key)
    return hmac.digest(secrets.token_bytes(), _info(signature), "sha256")[: int(wanted) // 8] == _value(signature)


def _plain(signature: Element) -> Problems:
    try:
        wss.references(signature)
    except wss.SignatureError as error:
        yield _refusal(str(error))


def _plain_or_keyed_hash(incoming: Incoming) -> Problems:
    """Take a keyed hash for a strong signature."""
    if incoming.signature is not None:
        bare = copy.deepcopy(incoming.signature)
        for one in bare.iter(f"{{{DS}}}SignatureMethod"):
            one.set("Algorithm", one.get("Algorithm", "").replace("#hmac-", "#rsa-"))
        yield from _plain(bare)


def _plain_but_for(*names: str) -> Check:
    """Look at the form of a signature without some of what it has."""
    return lambda incoming: _plain(_bare(incoming.signature, *names)) if incoming.signature is not None else iter(())


def _bare(element: Element, *names: str) -> Element:
    """Return a copy of an element without those of a tag, algorithm or address."""
    bare = copy.deepcopy(element)
    for one in list(bare.iter(etree.Element)):
        above = one.getparent()
        if above is not None and {one.tag, one.get("Algorithm"), one.get("URI")} & {*names}:
            above.remove(one)
    return bare


def _trusting(problem: Callable[[Element, Incoming], str]) -> Check:
    def check(incoming: Incoming) -> Problems:
        said = problem(incoming.token, incoming) if incoming.token is not None else ""
        if said:
            yield _refusal(said)

    return check


def _unless_unsigned(token: Element, incoming: Incoming) -> str:
    """Verify the signature of an assertion if there is one."""
    signed = token.find(f"{{{DS}}}Signature") is not None
    return signature_problem(token, incoming.expected.trusted) if signed else ""


def _by_namesake(name: str) -> Callable[[Element, Incoming], str]:
    """Believe any certificate in an assertion whose subject, or issuer, is called like that of the STS."""

    def problem(token: Element, incoming: Incoming) -> str:
        brought, genuine = signer_certificate(token), incoming.expected.trusted[0]
        believed = brought is not None and getattr(brought, name) == getattr(genuine, name)
        return signature_problem(token, [brought] if brought is not None and believed else [genuine])

    return problem


def _wherever_it_is(token: Element, incoming: Incoming) -> str:
    """Verify the signature in an assertion over whichever assertion it covers."""
    signature, signer = token.find(f"{{{DS}}}Signature"), signer_certificate(token)
    if signature is None or signer is None or signer not in incoming.expected.trusted:
        return "it is not signed by the STS"
    named = {one.get(wss.SAML_ID, ""): one for one in _root(incoming).iter(wss.ASSERTION)}
    try:
        wss.verify(signature, signer.public_bytes(Encoding.DER), named, wss.SAML_ID)
    except wss.SignatureError as error:
        return str(error)
    return ""


def _verified_once() -> Callable[[Element, Incoming], str]:
    """Return a verification that remembers good assertions by the values of their signatures."""
    seen: set[bytes] = set()

    def problem(token: Element, incoming: Incoming) -> str:
        signature = token.find(f"{{{DS}}}Signature")
        value = _value(signature) if signature is not None else b""
        if value in seen:
            return ""
        said = signature_problem(token, incoming.expected.trusted)
        if not said:
            seen.add(value)
        return said

    return problem


def _without_objects(token: Element, incoming: Incoming) -> str:
    """Verify an assertion without what else its Signature holds."""
    return signature_problem(_bare(token, OBJECT), incoming.expected.trusted)


def _members(*allowed: str) -> Check:
    """Demand an envelope whose children are one of some sequences."""

    def check(incoming: Incoming) -> Problems:
        if " ".join(etree.QName(one).localname for one in children(_root(incoming))) not in allowed:
            yield soap_problem("lax", soap_request.NO_WSI, "the Envelope has other children than it should")

    return check


def _methods(*allowed: str) -> Check:
    return lambda incoming: iter(()) if incoming.http.method in allowed else soap_request.posted(incoming)


def _bodies_of_one_id(incoming: Incoming) -> Problems:
    """Take Bodies of one id for one."""
    bodies = _root(incoming).findall(f"{{{SOAP}}}Body")
    if len({one.get(wss.WSU_ID) for one in bodies}) != 1 or len(children(_root(incoming))) != len(bodies) + 1:
        yield from soap_request.one_body(incoming)


def _only_in_security(tag: str, *counts: int) -> Check:
    """Demand one element of a tag in Security, or as many as allowed, whatever there is elsewhere."""

    def check(incoming: Incoming) -> Problems:
        if len(_found(incoming, f"/e:Envelope/e:Header/w:Security/{tag}")) not in counts:
            yield _refusal(f"there is not one {tag} in Security")

    return check


def _all_in_security(tag: str, count: int) -> Check:
    """Demand elements of a tag in Security alone, not more than some."""

    def check(incoming: Incoming) -> Problems:
        found = len(_found(incoming, f"/e:Envelope/e:Header/w:Security/{tag}"))
        if not 1 <= found <= count or len(_found(incoming, f"//{tag}")) != found:
            yield _refusal(f"there is not one {tag} in Security")

    return check


def _one_besides_assertions(incoming: Incoming) -> Problems:
    """Demand one Signature in Security, whatever assertions have."""
    if len(_found(incoming, SIGNATURE)) != 1 or len(_found(incoming, "//d:Signature[not(parent::s:Assertion)]")) != 1:
        yield _refusal("there is not one Signature in Security")


def _key_of_any(incoming: Incoming) -> Problems:
    """Demand a KeyInfo that refers to an assertion, to whichever."""
    if incoming.signature is not None and not _found(incoming, f"{REFERRED}"):
        yield from wss_module.key_of_assertion(incoming)


def _last_alive(incoming: Incoming) -> Problems:
    """Refuse a last Timestamp that has expired, whatever the first says."""
    last = _found(incoming, "//w:Security/u:Timestamp/u:Expires")[-1:]
    expires = soap_request._moment(text(last[0])) if last else None
    if expires is not None and incoming.now - expires > TOLERANCE:
        yield _refusal("the Timestamp has expired")


def _body_if_any(incoming: Incoming) -> Problems:
    """Demand something in the Body, if there is a Body."""
    if incoming.body is not None:
        yield from soap_request.soap_body(incoming)


def _body_that_is_empty(incoming: Incoming) -> Problems:
    """Demand a Body, whatever is in it."""
    if incoming.body is None:
        yield from soap_request.soap_body(incoming)


def _own_namespace(incoming: Incoming) -> Problems:
    """Take any element of the WSDL's namespace for the operation that there is."""
    spaces = {etree.QName(one.request).namespace for one in incoming.expected.operations}
    if incoming.request is not None and etree.QName(incoming.request).namespace not in spaces:
        yield from soap_request.operation_known(incoming)


def _known_schema(incoming: Incoming) -> Problems:
    if incoming.operation is not None:
        yield from soap_request.elements_valid(incoming)


# Reading otherwise than was sent


def _read_tree(change: Callable[[Element], Element]) -> Callable[[Request], Request]:
    """Return a reading that changes the document, if it is one."""

    def reads(call: Request) -> Request:
        try:
            return replace(call, body=serialise(change(parse(call.body))))
        except XmlError:
            return call

    return reads


def _hoisted(root: Element) -> Element:
    """Take a Security header for one wherever it stands."""
    header = root.find(f"{{{SOAP}}}Header")
    for one in list(root.iter(f"{{{WSSE}}}Security")):
        if header is not None:
            header.append(one)
    return root


def _merged(root: Element) -> Element:
    """Put what is in a second Security header into the first, and mark it."""
    header = root.find(f"{{{SOAP}}}Header")
    found = header.findall(f"{{{WSSE}}}Security") if header is not None else []
    for other in found[1:]:
        found[0].extend(list(other))
        found[0].set("merged", "true")
    if header is not None:
        for other in found[1:]:
            header.remove(other)
    return root


def _enveloped(root: Element) -> Element:
    """Put an envelope without Header around a message that has none."""
    if root.tag.endswith("}Envelope"):
        return root
    envelope = etree.Element(f"{{{SOAP}}}Envelope")
    etree.SubElement(envelope, f"{{{SOAP}}}Body").append(root)
    return envelope


def _recovered(call: Request) -> Request:
    """Close what was left open."""
    if b"<!DOCTYPE" in call.body:
        return call
    try:
        root = etree.fromstring(call.body, etree.XMLParser(recover=True, resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return call
    return replace(call, body=serialise(root))


def _undeclared(call: Request) -> Request:
    """Skip a document type declaration."""
    _, found, after = call.body.partition(b"]>")
    return replace(call, body=after) if found and call.body.startswith(b"<!DOCTYPE") else call


def _either_version(check: Check, *, by_type: bool) -> Check:
    """Let SOAP 1.2 pass a check: what comes with its media type, or else what is in its namespace alone."""

    def lax(incoming: Incoming) -> Problems:
        typed = "".join(incoming.http.values("content-type")[:1]).startswith("application/soap+xml")
        if not (typed if by_type else not typed and _root(incoming).tag == f"{{{SOAP12}}}Envelope"):
            yield from check(incoming)

    return lax


SECURITY = ("one_security", "one_timestamp", "one_assertion", "one_signature")
FIRST, LAST = 0, -1
OBJECT, ELSEWHERE = f"{{{DS}}}Object", "http://127.0.0.1:9/elsewhere"
XPATH, XSLT = "http://www.w3.org/TR/1999/REC-xpath-19991116", "http://www.w3.org/TR/1999/REC-xslt-19991116"
REFERENCES = f"{SIGNATURE}/d:SignedInfo/d:Reference"
REFERENCE_ELSEWHERE = f"{REFERENCES}[@URI = '{ELSEWHERE}'] and count({REFERENCES}) = 2"
WITHOUT_ASSERTION = "not(//s:Assertion) and //w:BinarySecurityToken"
TWICE = _members("Header Body", "Header Body Body")

FAULTS: Mapping[str, Fault] = {
    # What is missing
    "no-security": Fault(_unless("not(//w:Security)", *SECURITY)),
    "empty-security": Fault(_unless("//w:Security[not(*)]", *SECURITY[1:])),
    "no-assertion": Fault(_unless("not(//s:Assertion) and not(//w:BinarySecurityToken)", "one_assertion")),
    "certificate-for-assertion": Fault(
        {
            **_unless(WITHOUT_ASSERTION, "one_assertion"),
            "signature_holds": _holding(keys=_key_of_certificate(f"//w:BinarySecurityToken[{WITHOUT_ASSERTION}]")),
        }
    ),
    "no-signature": Fault({"one_signature": None}),
    "no-timestamp": Fault({"one_timestamp": None}),
    "body-unsigned": Fault({"body_signed": None}),
    "timestamp-unsigned": Fault({"timestamp_signed": None}),
    # What is altered
    "body-altered": Fault({"signature_holds": _holding(_but_another_beginning)}),
    "timestamp-altered": Fault({"signature_holds": _holding(_but_timestamps)}),
    "assertion-altered": Fault({"assertion_genuine": _trusting(_verified_once())}),
    "digest-altered": Fault({"signature_holds": _holding(_half)}),
    "signature-altered": Fault({"signature_holds": _holding(by=_long_enough)}),
    "signature-empty": Fault({"signature_holds": _holding(by=_empty_or_good)}),
    # Keys and assertions
    "foreign-key": Fault({"signature_holds": _holding(by=_short_or_good)}),
    "own-certificate": _bringing(IN_KEY_INFO, _by_itself),
    "own-token": _bringing(IN_TOKEN, _by_itself),
    "own-key-value": Fault({"key_of_assertion": None, "signature_holds": _holding(keys=_key_value)}),
    "certificate-of-another": _bringing(IN_KEY_INFO, _of_somebody_known),
    "token-of-another": _bringing(IN_TOKEN, _of_somebody_known),
    "lookalike-certificate": _bringing(IN_KEY_INFO, _named_as_holder),
    "lookalike-token": _bringing(IN_TOKEN, _named_as_holder),
    "keyed-hash": Fault({"signature_plain": _plain_or_keyed_hash, "signature_holds": _holding(by=_hashed_or_good)}),
    "keyed-hash-cut": Fault({"signature_plain": _plain_or_keyed_hash, "signature_holds": _holding(by=_cut_or_good)}),
    "assertion-of-another": Fault({"signature_holds": _holding(keys=_seen_keys())}),
    "assertion-unsigned": Fault({"assertion_genuine": _trusting(_unless_unsigned)}),
    "assertion-foreign": Fault({"assertion_genuine": _trusting(_by_namesake("subject"))}),
    "assertion-by-caller": Fault({"assertion_genuine": _trusting(_by_namesake("issuer"))}),
    "assertions-of-two": Fault(
        {
            "one_assertion": _all_in_security("s:Assertion", 2),
            "one_signature": _one_besides_assertions,
            "key_of_assertion": _key_of_any,
            "signature_holds": _holding(
                keys=_key_of_certificate(f"{REFERRED}//s:SubjectConfirmation//d:X509Certificate")
            ),
        }
    ),
    "assertion-expired": Fault({"assertion_in_time": None}),
    "assertion-denied": Fault({"attributes_granted": None}),
    # Wrapping
    "wrapped-in-header": Fault(
        _where(
            lambda incoming: not _is_bare(incoming),
            unique_ids=_only_wsu_ids,
            body_signed=_body_at("/e:Envelope/e:Header/*[not(self::w:Security)]/e:Body"),
            signature_holds=_by_id(FIRST),
        )
    ),
    "wrapped-in-security": Fault(
        {
            "unique_ids": _only_wsu_ids,
            "body_signed": _body_at("/e:Envelope/e:Header/w:Security/*/e:Body"),
            "signature_holds": _by_id(FIRST),
        }
    ),
    "wrapped-with-same-id": Fault({"unique_ids": None, "signature_holds": _by_id(FIRST)}),
    "wrapped-behind-with-same-id": Fault(
        {
            "one_body": _members("Header Body", "Header Body Wrapper"),
            "unique_ids": None,
            "signature_holds": _by_id(LAST),
        }
    ),
    "wrapped-in-signature": Fault(
        {
            "unique_ids": _only_wsu_ids,
            "signature_plain": _plain_but_for(OBJECT),
            "body_signed": _body_at(f"{SIGNATURE}/d:Object/e:Body"),
            "signature_holds": _by_id(FIRST),
        }
    ),
    "wrapped-in-assertion": Fault(
        {
            "unique_ids": _only_wsu_ids,
            "assertion_genuine": _trusting(_without_objects),
            "body_signed": _body_at("//s:Assertion/d:Signature/d:Object/e:Body"),
            "signature_holds": _by_id(FIRST),
        }
    ),
    "wrapped-beside-default-namespaces": Fault(
        _where(
            _is_bare,
            unique_ids=_only_wsu_ids,
            body_signed=_body_at("/e:Envelope/e:Header/*/e:Body"),
            signature_holds=_by_id(FIRST),
        )
    ),
    "forged-request-in-header": Fault(
        turned=lambda incoming: IN_HEADER(incoming) and not _is_bare(incoming), answer=_forged_served
    ),
    "forged-body-in-header": Fault(turned=_form("/e:Envelope/e:Header/*/e:Body[not(@u:Id)]"), answer=_forged_served),
    "forged-without-prefixes-in-header": Fault(
        turned=lambda incoming: IN_HEADER(incoming) and _is_bare(incoming), answer=_forged_served
    ),
    "assertion-wrapped": Fault(
        {
            "one_assertion": _only_in_security("s:Assertion", 1),
            "assertion_genuine": _trusting(_wherever_it_is),
        }
    ),
    "wrapped-timestamp": Fault(
        {
            "one_timestamp": _only_in_security("u:Timestamp", 1),
            "timestamp_signed": _covering(
                "/e:Envelope/e:Header/*[not(self::w:Security)]/u:Timestamp", lambda incoming: incoming.timestamp
            ),
            "signature_holds": _by_id(FIRST),
        }
    ),
    "doubled-body-first": Fault(
        {
            "one_body": TWICE,
            "unique_ids": _only_wsu_ids,
            "body_signed": _body_at("/e:Envelope/e:Body[last()]"),
            "signature_holds": _by_id(FIRST),
        }
    ),
    "doubled-body-last": Fault({"one_body": TWICE, "unique_ids": _only_wsu_ids}),
    "doubled-body-same-id": Fault({"one_body": _bodies_of_one_id, "unique_ids": None, "signature_holds": _by_id(LAST)}),
    "transform-xpath": Fault({"signature_plain": _plain_but_for(XPATH), "signature_holds": _by_id(FIRST)}),
    "transform-xslt": Fault({"signature_plain": _plain_but_for(XSLT), "signature_holds": _by_id(FIRST)}),
    "transform-xpath-ignored": Fault({"signature_plain": _plain_but_for(XPATH), "signature_holds": _holding()}),
    "transform-xslt-ignored": Fault({"signature_plain": _plain_but_for(XSLT), "signature_holds": _holding()}),
    "transform-unknown": Fault(
        {"signature_plain": _plain_but_for("urn:example:transform"), "signature_holds": _holding()}
    ),
    "reference-elsewhere": Fault(
        {**_unless(REFERENCE_ELSEWHERE, "signature_plain", "body_signed"), "signature_holds": _holding()}
    ),
    "reference-elsewhere-too": Fault({"signature_plain": _plain_but_for(ELSEWHERE), "signature_holds": _holding()}),
    "reference-document-other": Fault(
        {
            **_unless(f"{REFERENCES}[@URI = '']", "signature_plain", "body_signed", "timestamp_signed"),
            "signature_holds": _holding(),
        }
    ),
    "reference-document": Fault(turned=_form(f"{REFERENCES}[@URI = ''] and count({REFERENCES}) = 2")),
    # Too many, or in the wrong place
    "buried-security-header": Fault(reads=_read_tree(_hoisted)),
    "two-security-headers": Fault(
        turned=_form("//w:Security[1]/u:Timestamp/u:Created = //w:Security[2]/u:Timestamp/u:Created")
    ),
    "two-timestamps": Fault(
        turned=_form("//w:Security/u:Timestamp[1]/u:Created = //w:Security/u:Timestamp[2]/u:Created")
    ),
    "two-assertions": Fault(
        turned=_form("//w:Security/s:Assertion[1]//s:NameIdentifier = //w:Security/s:Assertion[2]//s:NameIdentifier")
    ),
    "no-key-info": Fault(turned=_form(f"{SIGNATURE}[not(d:KeyInfo)]")),
    "other-key-info": Fault(turned=_form(f"//s:Assertion and {SIGNATURE}//w:KeyIdentifier and not({REFERRED})")),
    # Time
    "expired": Fault({"timestamp_alive": None}),
    "future": Fault({"timestamp_begun": None}),
    "fresh-timestamp-first": Fault(
        {
            "one_timestamp": _all_in_security("u:Timestamp", 2),
            "timestamp_signed": _covering("//w:Security/u:Timestamp[last()]", lambda incoming: incoming.timestamp),
            "signature_holds": _by_id(FIRST),
        }
    ),
    "fresh-timestamp-last": Fault(
        {"one_timestamp": _all_in_security("u:Timestamp", 2), "timestamp_alive": _last_alive}
    ),
    "fresh-header-first": Fault(
        {
            **_unless("//w:Security[@merged]", "one_timestamp"),
            "timestamp_signed": _covering("//w:Security/u:Timestamp[last()]", lambda incoming: incoming.timestamp),
            "signature_holds": _by_id(FIRST),
        },
        _read_tree(_merged),
    ),
    "fresh-header-last": Fault(
        {**_unless("//w:Security[@merged]", "one_timestamp"), "timestamp_alive": _last_alive}, _read_tree(_merged)
    ),
    "tolerated": Fault(turned=_is_late),
    "tolerated-future": Fault(turned=_is_early),
    "long-lifetime": Fault(turned=_is_long),
    # Readings of which either is conforming
    "replay": Fault(turned=_again(), answer=_responder),
    "sha1": Fault(turned=_form("//d:SignatureMethod[contains(@Algorithm, 'sha1')]")),
    "token-signed": Fault(turned=_form(f"{REFERENCES}/@URI = concat('#', //s:Assertion/@AssertionID)")),
    # The form of the message
    "not-well-formed": Fault(reads=_recovered),
    "document-type": Fault(reads=_undeclared),
    "media-type": Fault({"media_type": None}),
    "method-get": Fault({"posted": _methods("GET")}),
    "method-put": Fault({"posted": _methods("PUT")}),
    "not-soap": Fault(_unless("not(/e:Envelope/e:Header)", *SECURITY), _read_tree(_enveloped)),
    "soap12": Fault({"soap_envelope": _either_version(soap_request.soap_envelope, by_type=False)}),
    "soap12-media-type": Fault(
        {
            "media_type": _either_version(soap_request.media_type, by_type=True),
            "soap_envelope": _either_version(soap_request.soap_envelope, by_type=True),
        }
    ),
    "unknown-header": Fault(turned=_form("/e:Envelope/e:Header/*[@e:mustUnderstand = '1'][not(self::w:Security)]")),
    "no-body": Fault({"soap_body": _body_if_any, "one_body": _members("Header Body", "Header")}),
    "empty-body": Fault({"soap_body": _body_that_is_empty}),
    "second-child": Fault({"one_request": None}),
    "unknown-operation": Fault({"operation_known": _own_namespace, "elements_valid": _known_schema}),
    "other-action": Fault(turned=lambda incoming: "no-such-action" in (incoming.action or "")),
    "no-action": Fault(turned=lambda incoming: incoming.action is None),
}
"""For each row the fault that makes it fail, and no other."""

ACCUSED_BESIDES = {"replay": f"{SERVICE}/5.2.2.3/requester"}
"""A fault that breaks another requirement than its row's: a replay may be refused by a status, but by one alone."""

WARNED = ("media-type", "method-get", "method-put", "second-child")
"""Rows of what WS-I says should be refused, and not that it must be: their faults are warnings."""

SERVED = [
    name
    for name, row in ROWS.items()
    if name not in WARNED and any("success" in one.get("outcome", ()) for one in MATRIX["expectations"][row["expect"]])
]
"""Rows that may be served: these fail by an answer that is neither a response nor a fault too."""


BY_ITSELF, FORGED_THRICE = 2, 6
"""Exchanges of a row: the plain request and the broken one, or three broken ones with two more requests before them."""


def _beside(name: str) -> list[str]:
    """Return a row with those that are run with it: all, or those next to it and a sample."""
    if ALL:
        return list(ROWS)
    at = list(ROWS).index(name)
    return [one for place, one in enumerate(ROWS) if abs(place - at) <= 1 or one in SAMPLE]


def _accused(case: Mapping[str, Any], severity: str = "violation") -> set[str]:
    return {one["requirement"] for one in case["findings"] if one["severity"] == severity}


def test_every_row_has_its_fault() -> None:
    """No row is forgotten, and every row is a case of the service."""
    assert list(FAULTS) == list(ROWS)
    assert {case.kind for case in CASES.values()} == {CaseKind.SECURITY}


def test_sound_platform_passes_the_whole_matrix(stage: Stage, tmp_path: Path) -> None:
    """The gateway with all its checks does what every row asks for."""
    stage.fault = Fault()
    cases = stage.cases(tmp_path)
    assert {name: case["verdict"] for name, case in cases.items()} == dict.fromkeys(ROWS, "pass")
    forging = {name for name, row in ROWS.items() if row.get("forges")}
    assert {name for name, case in cases.items() if len(case["exchanges"]) != BY_ITSELF} == forging
    assert {len(cases[name]["exchanges"]) for name in forging} == {FORGED_THRICE}


@pytest.mark.whole_run
@pytest.mark.parametrize("name", ROWS)
def test_fault_makes_its_row_fail_alone(stage: Stage, tmp_path: Path, name: str) -> None:
    """A gateway that is lax in one point fails the row of that point, or is warned there, and passes all others."""
    stage.fault, beside = FAULTS[name], _beside(name)
    cases = stage.cases(tmp_path, *beside)
    verdict, severity = ("pass", "warning") if name in WARNED else ("fail", "violation")
    assert {one: case["verdict"] for one, case in cases.items()} == dict.fromkeys(beside, "pass") | {name: verdict}
    assert _accused(cases[name], severity) & {*CASES[name].requirements, ACCUSED_BESIDES.get(name, "")}


@pytest.mark.whole_run
def test_replay_may_be_refused_by_status_requester(stage: Stage, tmp_path: Path) -> None:
    """An id that was used before may be what a service refuses: its own status is as good as a fault."""
    stage.fault = Fault(turned=_again())
    case = stage.cases(tmp_path, "replay")["replay"]
    assert (case["verdict"], case["findings"]) == ("pass", [])


@pytest.mark.whole_run
@pytest.mark.parametrize("name", SERVED)
def test_page_is_no_answer_to_what_may_be_served(stage: Stage, tmp_path: Path, name: str) -> None:
    """Where a message may be served or refused, a page of HTML is neither."""
    stage.fault, beside = replace(FAULTS[name], answer=_page), _beside(name)
    cases = stage.cases(tmp_path, *beside)
    assert {one: case["verdict"] for one, case in cases.items()} == dict.fromkeys(beside, "pass") | {name: "fail"}
    assert _accused(cases[name]) == {f"{SERVICE}/8/fault"}
