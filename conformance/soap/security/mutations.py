"""Ways to break the security or the form of a message in exactly one place, signed again where the break allows it.

A breach changes a message once it is signed; `Scene.renew` makes digests and signature fit again, so that nothing but
the one thing is wrong. Must not send anything, nor know which service is asked.
"""

import base64
import copy
import hashlib
import hmac
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from conformance.model.errors import MissingDataError
from conformance.soap.markup import Element, canonical, children, local, local_name, parse, serialise
from conformance.soap.message import LIFETIME, Scene
from conformance.soap.names import DS, ECDSA_SHA256, ENVELOPED, RSA_SHA256, SOAP, SOAP12, WSSE, WSU
from conformance.soap.security.saml import Assertion, element_of, public_key, signer_certificate
from conformance.soap.security.wss import (
    SAML_ID,
    WSU_ID,
    Signer,
    binary_token,
    instant,
    make_signer,
    sign_enveloped,
    token_reference,
    x509_data,
)

LATE: Final = timedelta(hours=1)
"""How far a Timestamp is off that no tolerance covers."""
TOLERATED: Final = timedelta(minutes=3)
"""How long ago a message may be made: its minute is over, the five minutes of tolerance are not (section 6.2)."""
LONG: Final = timedelta(minutes=10)
"""A lifetime beyond the minute that the cookbooks ask for."""
_XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
_XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
_SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"
_RSA_SHA1, _ECDSA_SHA1 = f"{DS}rsa-sha1", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1"
_HMAC = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
_WRAPPER = "{urn:example:wrapper}Wrapper"
_ELSEWHERE = "http://127.0.0.1:9/elsewhere"

Change = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Breach:
    """What is wrong with a message.

    `change` alters it once it is signed; `assertion` gives other bytes in the assertion's place; `raw` alters the bytes
    as a whole; `headers` and `method` go over HTTP. `shift` moves the time at which it says it was made, `lifetime`
    is that of its Timestamp. With `foreign_key` another key signs; `replay` sends the message before once more;
    `other`, `expired` and `denied` take an assertion of another caller, one whose time is over, or one that gives no
    access, in the place of the own one; with `borrow` another caller's is at hand besides.
    """

    change: Change | None = None
    assertion: Callable[[Assertion], bytes] | None = None
    raw: Callable[[bytes], bytes] | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    method: str = ""
    shift: timedelta = timedelta()
    lifetime: timedelta = LIFETIME
    foreign_key: bool = False
    replay: bool = False
    other: bool = False
    borrow: bool = False
    expired: bool = False
    denied: bool = False


def foreign(signer: Signer) -> Signer:
    """Return a signer with a key that nobody knows, and the certificate of the one given."""
    return make_signer(ec.generate_private_key(ec.SECP256R1()), signer.certificate)


# Signing again


def renew(scene: Scene, *, digest: str = "sha256") -> None:
    """Make the digests of all references to parts of the message, and the signature value, fit what is there now."""
    info = _info(scene)
    for reference in info.findall(f"{{{DS}}}Reference"):
        name = reference.get("URI", "")[1:]
        part = next((one for one in scene.envelope.iter(etree.Element) if name and one.get(WSU_ID) == name), None)
        if part is not None:
            _set_digest(reference, canonical(part), digest)
    resign(scene, digest=digest)


def resign(scene: Scene, *, digest: str = "sha256") -> None:
    """Make the signature value fit SignedInfo as it is now."""
    data = canonical(_info(scene))
    chosen = hashes.SHA256() if digest == "sha256" else hashes.SHA1()  # noqa: S303 - what must be refused
    key = scene.signer.private
    if isinstance(key, RSAPrivateKey):
        value = key.sign(data, padding.PKCS1v15(), chosen)
    else:
        size = (key.curve.key_size + 7) // 8
        numbers = decode_dss_signature(key.sign(data, ec.ECDSA(chosen)))
        value = b"".join(number.to_bytes(size, "big") for number in numbers)  # RFC 4050, section 3.3
    next(scene.signature.iter(f"{{{DS}}}SignatureValue")).text = base64.b64encode(value).decode("ascii")


def _set_digest(reference: Element, data: bytes, digest: str = "sha256") -> None:
    value = base64.b64encode(hashlib.new(digest, data).digest()).decode("ascii")
    next(reference.iter(f"{{{DS}}}DigestValue")).text = value


def _info(scene: Scene) -> Element:
    return next(scene.signature.iter(f"{{{DS}}}SignedInfo"))


def _reference(scene: Scene, part: Element) -> Element:
    """Return the reference of the signature to a part."""
    return next(one for one in _info(scene).iter(f"{{{DS}}}Reference") if one.get("URI") == f"#{part.get(WSU_ID)}")


def _swap_digit(text: str) -> str:
    """Return a text of the same length with another character in its middle."""
    middle = len(text) // 2
    return text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]


# What is left out


def _drop_security(scene: Scene) -> None:
    scene.header.remove(scene.security)


def _drop_assertion(scene: Scene) -> None:
    scene.security.remove(scene.place)


def _drop_signature(scene: Scene) -> None:
    scene.security.remove(scene.signature)


def _drop_timestamp(scene: Scene) -> None:
    """Leave out Timestamp and its reference, and sign again."""
    _info(scene).remove(_reference(scene, scene.stamp))
    scene.security.remove(scene.stamp)
    resign(scene)


def _uncover_body(scene: Scene) -> None:
    _info(scene).remove(_reference(scene, scene.body))
    resign(scene)


def _uncover_timestamp(scene: Scene) -> None:
    _info(scene).remove(_reference(scene, scene.stamp))
    resign(scene)


# What is altered


def _alter(body: Element) -> None:
    """Change the last text below an element, which stays valid by the schema."""
    leaves = [one for one in body.iter(etree.Element) if not len(one) and one.text]
    leaves[-1].text = f"{leaves[-1].text or ''}0"


def _alter_body(scene: Scene) -> None:
    _alter(scene.body)


def _alter_timestamp(scene: Scene) -> None:
    expires = next(scene.stamp.iter(f"{{{WSU}}}Expires"))
    expires.text = instant(datetime.fromisoformat(str(expires.text)) + timedelta(seconds=30))


def _alter_digest(scene: Scene) -> None:
    value = next(_reference(scene, scene.body).iter(f"{{{DS}}}DigestValue"))
    value.text = _swap_digit(str(value.text))
    resign(scene)


def _alter_signature(scene: Scene) -> None:
    value = next(scene.signature.iter(f"{{{DS}}}SignatureValue"))
    value.text = _swap_digit("".join(str(value.text).split()))


def _sign_assertion_oneself(scene: Scene) -> None:
    """Put an assertion that says the same, signed by the caller's own key, in the place of the STS's."""
    root = parse(_unsigned_assertion(scene.assertion))
    sign_enveloped(root, SAML_ID, scene.signer)
    scene.security.replace(scene.place, root)


def _altered_assertion(assertion: Assertion) -> bytes:
    """Return an assertion with another value of its last number, of its last attribute where it has none.

    A number stays a number, so that nothing but the signature gives the change away.
    """
    found = list(re.finditer(rb"(AttributeValue(?:\s[^>]*)?>)([^<]+)(<)", assertion.data))
    found = [one for one in found if one[2].strip().isdigit()] or found
    if not found:
        raise MissingDataError("the assertion has no attribute whose value could be changed")
    at = found[-1].end(2)
    return assertion.data[: at - 1] + (b"1" if assertion.data[at - 1 : at] != b"1" else b"2") + assertion.data[at:]


def _unsigned_assertion(assertion: Assertion) -> bytes:
    root = element_of(assertion)
    for signature in root.findall(f"{{{DS}}}Signature"):
        root.remove(signature)
    return serialise(root)


def _foreign_assertion(assertion: Assertion) -> bytes:
    """Return an assertion that says the same, signed by an issuer who calls itself like the real one."""
    genuine = signer_certificate(element_of(assertion))
    root = parse(_unsigned_assertion(assertion))
    sign_enveloped(root, SAML_ID, _stranger(genuine.subject if genuine is not None else _named("IAM")))
    return serialise(root)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _stranger(subject: x509.Name) -> Signer:
    """Return a key that nobody knows, with a certificate that it has given itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2045, 1, 1))  # noqa: DTZ001 - as its API has it
    return make_signer(key, builder.sign(key, hashes.SHA256()))


# What is signed is not what is processed: signature wrapping


def _forged(scene: Scene, name: str | None) -> Element:
    """Return a copy of the Body with another value, and an id of its own, the given one, or none."""
    forged = copy.deepcopy(scene.body)
    _alter(forged)
    if name is None:
        del forged.attrib[WSU_ID]
    else:
        forged.set(WSU_ID, name)
    return forged


def _wrapped(where: Callable[[Scene], Element], tag: str = _WRAPPER, *, same_id: bool = False) -> Change:
    """Return a change that moves the signed Body into a wrapper somewhere, and puts a forged one in its place.

    The forged one has no id, or that of the signed one.
    """

    def change(scene: Scene) -> None:
        scene.envelope.replace(scene.body, _forged(scene, str(scene.body.get(WSU_ID)) if same_id else None))
        etree.SubElement(where(scene), tag).append(scene.body)

    return change


def _wrap_in_assertion(scene: Scene) -> None:
    """Move the signed Body into the assertion's own Signature, which no signature covers; its other bytes stay."""
    scene.envelope.replace(scene.body, _forged(scene, None))
    inside = etree.Element(f"{{{DS}}}Object")
    inside.append(scene.body)
    data = scene.assertion.data
    ends = [found.start() for found in re.finditer(rb"</(?:[\w.-]+:)?Signature\s*>", data)]
    if not ends:
        raise MissingDataError("the assertion has no signature of its own")
    scene.assertion = replace(scene.assertion, data=data[: ends[-1]] + serialise(inside) + data[ends[-1] :])


def _wrap_assertion(scene: Scene) -> None:
    """Put a forged assertion, with the genuine one's Signature, in the place of the genuine one, which is wrapped."""
    genuine, forged = element_of(scene.assertion), parse(_altered_assertion(scene.assertion))
    for signature in genuine.findall(f"{{{DS}}}Signature"):
        genuine.remove(signature)
    name = f"_{uuid.uuid4().hex}"
    forged.set(SAML_ID, name)
    scene.security.replace(scene.place, forged)
    etree.SubElement(scene.header, _WRAPPER).append(genuine)
    next(scene.signature.iter(f"{{{WSSE}}}KeyIdentifier")).text = name


def _double_body_with_same_id(scene: Scene) -> None:
    scene.body.addprevious(_forged(scene, str(scene.body.get(WSU_ID))))


def _double_body_first(scene: Scene) -> None:
    scene.body.addprevious(_forged(scene, f"_{uuid.uuid4()}"))


def _double_body_last(scene: Scene) -> None:
    scene.body.addnext(_forged(scene, f"_{uuid.uuid4()}"))


def _wrap_timestamp(scene: Scene) -> None:
    """Move the signed Timestamp into a wrapper in the Header, and put a later one in its place."""
    forged = copy.deepcopy(scene.stamp)
    del forged.attrib[WSU_ID]
    for moment in forged:
        moment.text = instant(datetime.fromisoformat(str(moment.text)) + timedelta(seconds=20))
    scene.security.replace(scene.stamp, forged)
    etree.SubElement(scene.header, _WRAPPER).append(scene.stamp)


def _add_transform(scene: Scene, algorithm: str, *inside: Element) -> Element:
    """Put a transform before the others of the Body's reference, and return the reference."""
    reference = _reference(scene, scene.body)
    transform = etree.Element(f"{{{DS}}}Transform", Algorithm=algorithm)
    transform.extend(inside)
    next(reference.iter(f"{{{DS}}}Transforms")).insert(0, transform)
    return reference


def _xpath() -> Element:
    element = etree.Element(f"{{{DS}}}XPath")
    element.text = "not(self::text())"
    return element


def _stylesheet() -> Element:
    """Return a stylesheet that makes the same of everything."""
    space = "http://www.w3.org/1999/XSL/Transform"
    sheet = etree.Element(f"{{{space}}}stylesheet", {"version": "1.0"}, nsmap={"xsl": space})
    etree.SubElement(etree.SubElement(sheet, f"{{{space}}}template", match="/"), "same")
    return sheet


def _transform_xpath(scene: Scene) -> None:
    """Sign the Body through an XPath that leaves all texts out, then change one of them."""
    bare = copy.deepcopy(scene.body)
    for one in bare.iter(etree.Element):
        one.text = one.tail = None
    _set_digest(_add_transform(scene, _XPATH, _xpath()), canonical(bare))
    _alter(scene.body)
    resign(scene)


def _transform_xslt(scene: Scene) -> None:
    """Sign what a stylesheet makes of the Body, then change the Body."""
    _set_digest(_add_transform(scene, _XSLT, _stylesheet()), b"<same></same>")
    _alter(scene.body)
    resign(scene)


def _ignored(algorithm: str, *make: Callable[[], Element]) -> Change:
    """Return a change that names a transform, and a digest as if it were not there."""

    def change(scene: Scene) -> None:
        _add_transform(scene, algorithm, *(one() for one in make))
        resign(scene)

    return change


def _refer_elsewhere(scene: Scene) -> None:
    """Let the signature cover a document on the network in the place of the Body."""
    reference = _reference(scene, scene.body)
    reference.set("URI", _ELSEWHERE)
    _set_digest(reference, b"")
    resign(scene)


def _refer_elsewhere_too(scene: Scene) -> None:
    """Let the signature cover a document on the network besides."""
    reference = copy.deepcopy(_reference(scene, scene.body))
    reference.set("URI", _ELSEWHERE)
    _set_digest(reference, b"")
    _info(scene).append(reference)
    resign(scene)


def _refer_to_another_document(scene: Scene) -> None:
    """Let the signature cover the whole document in the place of the Body, with the digest of another one."""
    _refer_to_document(scene)
    _info(scene).remove(_reference(scene, scene.stamp))
    _set_digest(next(one for one in _info(scene).iter(f"{{{DS}}}Reference") if one.get("URI") == ""), b"another")
    _alter(scene.body)
    resign(scene)


def _refer_to_document(scene: Scene) -> None:
    """Let the signature cover the whole document in the place of the Body: all of it but the signature."""
    reference = _reference(scene, scene.body)
    reference.set("URI", "")
    listed = next(reference.iter(f"{{{DS}}}Transforms"))
    listed.insert(0, etree.Element(f"{{{DS}}}Transform", Algorithm=ENVELOPED))
    whole = copy.deepcopy(scene.envelope)
    security = next(whole.iter(f"{{{WSSE}}}Security"))
    for signature in security.findall(f"{{{DS}}}Signature"):
        security.remove(signature)
    for place in list(security.iterchildren(etree.ProcessingInstruction)):
        security.replace(place, element_of(scene.assertion))
    _set_digest(reference, canonical(whole))
    resign(scene)


# Too many, or in the wrong place


def _double_security(scene: Scene) -> None:
    """Put a second Security header, with a Timestamp of its own and no signature, before the right one."""
    other = etree.Element(f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
    stamp = copy.deepcopy(scene.stamp)
    stamp.set(WSU_ID, f"_{uuid.uuid4()}")
    other.append(stamp)
    scene.security.addprevious(other)


def _bury_security(scene: Scene) -> None:
    """Put the Security header into another header block."""
    scene.header.remove(scene.security)
    etree.SubElement(scene.header, _WRAPPER).append(scene.security)


def _double_timestamp(scene: Scene) -> None:
    stamp = copy.deepcopy(scene.stamp)
    stamp.set(WSU_ID, f"_{uuid.uuid4()}")
    scene.stamp.addprevious(stamp)


def _double_assertion(scene: Scene) -> None:
    """Put a second assertion, which says the same under another id and is signed by nobody known, before the first."""
    root = parse(_unsigned_assertion(scene.assertion))
    root.set(SAML_ID, f"_{uuid.uuid4().hex}")
    sign_enveloped(root, SAML_ID, _stranger(_named("IAM")))
    scene.place.addprevious(root)


def _fresh(scene: Scene) -> Element:
    """Return a Timestamp that is not signed and holds now, where the signed one is over."""
    stamp = copy.deepcopy(scene.stamp)
    stamp.set(WSU_ID, f"_{uuid.uuid4()}")
    for moment in stamp:
        moment.text = instant(datetime.fromisoformat(str(moment.text)) + LATE)
    return stamp


def _fresh_timestamp_first(scene: Scene) -> None:
    scene.stamp.addprevious(_fresh(scene))


def _fresh_timestamp_last(scene: Scene) -> None:
    scene.security.append(_fresh(scene))


def _fresh_header_first(scene: Scene) -> None:
    scene.security.addprevious(_other_header(scene))


def _fresh_header_last(scene: Scene) -> None:
    scene.security.addnext(_other_header(scene))


def _other_header(scene: Scene) -> Element:
    other = etree.Element(f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
    other.append(_fresh(scene))
    return other


# Other keys, and none


def _empty_security(scene: Scene) -> None:
    for child in list(scene.security):
        scene.security.remove(child)


def _empty_signature(scene: Scene) -> None:
    next(scene.signature.iter(f"{{{DS}}}SignatureValue")).text = ""


def _key_info(scene: Scene, *inside: Element) -> None:
    """Put other content into KeyInfo."""
    info = next(scene.signature.iter(f"{{{DS}}}KeyInfo"))
    for child in list(info):
        info.remove(child)
    info.extend(inside)


def _sign_as(scene: Scene, signer: Signer) -> None:
    """Let another key sign what is there."""
    next(scene.signature.iter(f"{{{DS}}}SignatureMethod")).set("Algorithm", signer.algorithm)
    scene.signer = signer
    resign(scene)


def _certificate_for_assertion(scene: Scene) -> None:
    """Prove who asks by the certificate alone: a BinarySecurityToken in the place of the assertion."""
    name = f"_{uuid.uuid4()}"
    scene.security.replace(scene.place, binary_token(scene.signer.certificate, name))
    _key_info(scene, token_reference(name))


def _own_certificate(scene: Scene) -> None:
    """Let KeyInfo bring the certificate of the key that has signed, instead of referring to the assertion."""
    stranger = _stranger(_named("nobody"))
    _key_info(scene, x509_data(stranger.certificate))
    _sign_as(scene, stranger)


def _own_token(scene: Scene) -> None:
    """Bring the certificate of the key that has signed as a BinarySecurityToken beside the assertion."""
    stranger, name = _stranger(_named("nobody")), f"_{uuid.uuid4()}"
    scene.place.addnext(binary_token(stranger.certificate, name))
    _key_info(scene, token_reference(name))
    _sign_as(scene, stranger)


def _own_key_value(scene: Scene) -> None:
    """Let KeyInfo bring the key that has signed as a KeyValue (XML Signature, section 4.4.2.1)."""
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.public_key().public_numbers()
    value = etree.Element(f"{{{DS}}}KeyValue")
    inside = etree.SubElement(value, f"{{{DS}}}RSAKeyValue")
    for tag, number in (("Modulus", numbers.n), ("Exponent", numbers.e)):
        data = number.to_bytes((number.bit_length() + 7) // 8, "big")
        etree.SubElement(inside, f"{{{DS}}}{tag}").text = base64.b64encode(data).decode("ascii")
    _key_info(scene, value)
    _sign_as(scene, make_signer(key, scene.signer.certificate))


def _keyed_hash(scene: Scene) -> None:
    """Sign by a keyed hash whose key everybody has: the public key of the holder."""
    next(scene.signature.iter(f"{{{DS}}}SignatureMethod")).set("Algorithm", _HMAC)
    value = hmac.new(public_key(scene.signer.certificate), canonical(_info(scene)), hashlib.sha256).digest()
    next(scene.signature.iter(f"{{{DS}}}SignatureValue")).text = base64.b64encode(value).decode("ascii")


def _cut_keyed_hash(scene: Scene) -> None:
    """Sign by a keyed hash that is cut to no bit at all (CVE-2009-0217)."""
    method = next(scene.signature.iter(f"{{{DS}}}SignatureMethod"))
    method.set("Algorithm", _HMAC)
    etree.SubElement(method, f"{{{DS}}}HMACOutputLength").text = "0"
    next(scene.signature.iter(f"{{{DS}}}SignatureValue")).text = ""


def _no_key_info(scene: Scene) -> None:
    scene.signature.remove(next(scene.signature.iter(f"{{{DS}}}KeyInfo")))


def _other_key_info(scene: Scene) -> None:
    next(scene.signature.iter(f"{{{WSSE}}}KeyIdentifier")).text = f"_{uuid.uuid4().hex}"


def _second_caller(scene: Scene) -> None:
    """Put the assertion of another caller before the own one."""
    if scene.borrowed is None:
        raise MissingDataError("the target gives no second caller whose assertion could be borrowed")
    scene.assertion = replace(scene.assertion, data=scene.borrowed.data + scene.assertion.data)


# What is no violation when it is accepted


def _weaken(scene: Scene) -> None:
    """Sign with SHA-1."""
    method = next(scene.signature.iter(f"{{{DS}}}SignatureMethod"))
    weak = {RSA_SHA256: _RSA_SHA1, ECDSA_SHA256: _ECDSA_SHA1}
    method.set("Algorithm", weak[scene.signer.algorithm])
    for one in scene.signature.iter(f"{{{DS}}}DigestMethod"):
        one.set("Algorithm", _SHA1)
    renew(scene, digest="sha1")


def _cover_assertion(scene: Scene) -> None:
    """Sign the assertion too, as ProtectTokens of the policy asks."""
    info = _info(scene)
    reference = copy.deepcopy(_reference(scene, scene.body))
    reference.set("URI", f"#{scene.assertion.id}")
    _set_digest(reference, canonical(element_of(scene.assertion)))
    info.append(reference)
    resign(scene)


def _change_prefixes(scene: Scene) -> None:
    """Let other prefixes stand for all namespaces, which makes it no other message."""
    spaces = {space for one in scene.envelope.iter(etree.Element) for space in one.nsmap.values()}
    _write_anew(scene, {f"p{number}": space for number, space in enumerate(sorted(spaces))})


def _write_anew(scene: Scene, prefixes: Mapping[str, str], spell: Callable[[str], str] = str) -> None:
    """Copy a message with prefixes for its namespaces, each name as it is spelt now, and sign it again."""
    copies: dict[Element, Element] = {}
    top = etree.Element(spell(scene.envelope.tag), nsmap=dict(prefixes))
    _copy_inside(scene.envelope, top, spell, copies)
    for name in ("envelope", "header", "security", "stamp", "body", "signature", "place"):
        setattr(scene, name, copies[getattr(scene, name)])
    renew(scene)


def _copy_inside(element: Element, made: Element, spell: Callable[[str], str], copies: dict[Element, Element]) -> None:
    """Give a new element what there is of an old one, and note what has become of each."""
    copies[element] = made
    made.text, made.tail = element.text, element.tail
    for name, value in element.attrib.items():
        made.set(spell(str(name)), value)
    for child in element:
        if local(child):
            _copy_inside(child, etree.SubElement(made, spell(str(child.tag))), spell, copies)
        else:
            copies[child] = copy.deepcopy(child)
            made.append(copies[child])


# The form of the message


def _empty_body(scene: Scene) -> None:
    for child in list(scene.body):
        scene.body.remove(child)
    renew(scene)


def _drop_body(scene: Scene) -> None:
    _info(scene).remove(_reference(scene, scene.body))
    scene.envelope.remove(scene.body)
    resign(scene)


def _second_child(scene: Scene) -> None:
    scene.body.append(copy.deepcopy(children(scene.body)[0]))
    for child in children(scene.body)[1:]:
        for name in [name for name in child.attrib if local_name(str(name)) == "Id"]:
            child.set(name, f"_{uuid.uuid4()}")
    renew(scene)


def _unknown_operation(scene: Scene) -> None:
    root = children(scene.body)[0]
    root.tag = etree.QName(etree.QName(root).namespace, "NoSuchOperationRequest").text
    renew(scene)


def _foreign_header(scene: Scene) -> None:
    """Add a header block that must be understood and that nobody knows (SOAP 1.1, section 4.2.3)."""
    block = etree.SubElement(scene.header, "{urn:example:header}Unknown", {f"{{{SOAP}}}mustUnderstand": "1"})
    block.text = "1"


def _cut(data: bytes) -> bytes:
    return data[: data.rindex(b"</")]


def _with_document_type(data: bytes) -> bytes:
    return b'<!DOCTYPE Envelope [<!ENTITY harmless "nothing">]>' + data


def _without_envelope(data: bytes) -> bytes:
    root = parse(data)
    return serialise(children(next(root.iter(f"{{{SOAP}}}Body")))[0])


def _as_soap12(scene: Scene) -> None:
    """Let the namespace of SOAP 1.2 stand for that of SOAP 1.1."""

    def spell(name: str) -> str:
        return name.replace(SOAP, SOAP12)

    _write_anew(scene, {str(prefix): spell(space) for prefix, space in scene.envelope.nsmap.items()}, spell)


BREACHES: Final[Mapping[str, Breach]] = {
    "no-security": Breach(_drop_security),
    "no-assertion": Breach(_drop_assertion),
    "no-signature": Breach(_drop_signature),
    "no-timestamp": Breach(_drop_timestamp),
    "body-unsigned": Breach(_uncover_body),
    "timestamp-unsigned": Breach(_uncover_timestamp),
    "body-altered": Breach(_alter_body),
    "timestamp-altered": Breach(_alter_timestamp),
    "assertion-altered": Breach(assertion=_altered_assertion),
    "assertion-unsigned": Breach(assertion=_unsigned_assertion),
    "assertion-foreign": Breach(assertion=_foreign_assertion),
    "assertion-of-another": Breach(other=True),
    "assertion-expired": Breach(expired=True),
    "assertion-denied": Breach(denied=True),
    "digest-altered": Breach(_alter_digest),
    "signature-altered": Breach(_alter_signature),
    "foreign-key": Breach(foreign_key=True),
    "own-certificate": Breach(_own_certificate),
    "own-token": Breach(_own_token),
    "own-key-value": Breach(_own_key_value),
    "keyed-hash": Breach(_keyed_hash),
    "keyed-hash-cut": Breach(_cut_keyed_hash),
    "certificate-for-assertion": Breach(_certificate_for_assertion),
    "assertion-by-caller": Breach(_sign_assertion_oneself),
    "assertions-of-two": Breach(_second_caller, borrow=True),
    "empty-security": Breach(_empty_security),
    "signature-empty": Breach(_empty_signature),
    "no-key-info": Breach(_no_key_info),
    "other-key-info": Breach(_other_key_info),
    "wrapped-in-header": Breach(_wrapped(lambda scene: scene.header)),
    "wrapped-with-same-id": Breach(_wrapped(lambda scene: scene.header, same_id=True)),
    "wrapped-behind-with-same-id": Breach(_wrapped(lambda scene: scene.envelope, same_id=True)),
    "wrapped-in-signature": Breach(_wrapped(lambda scene: scene.signature, f"{{{DS}}}Object")),
    "wrapped-in-assertion": Breach(_wrap_in_assertion),
    "wrapped-timestamp": Breach(_wrap_timestamp),
    "wrapped-in-security": Breach(_wrapped(lambda scene: scene.security)),
    "assertion-wrapped": Breach(_wrap_assertion),
    "doubled-body-same-id": Breach(_double_body_with_same_id),
    "doubled-body-first": Breach(_double_body_first),
    "doubled-body-last": Breach(_double_body_last),
    "transform-xpath": Breach(_transform_xpath),
    "transform-xslt": Breach(_transform_xslt),
    "transform-xpath-ignored": Breach(_ignored(_XPATH, _xpath)),
    "transform-xslt-ignored": Breach(_ignored(_XSLT, _stylesheet)),
    "transform-unknown": Breach(_ignored("urn:example:transform")),
    "reference-elsewhere-too": Breach(_refer_elsewhere_too),
    "reference-document-other": Breach(_refer_to_another_document),
    "reference-elsewhere": Breach(_refer_elsewhere),
    "reference-document": Breach(_refer_to_document),
    "two-security-headers": Breach(_double_security),
    "buried-security-header": Breach(_bury_security),
    "two-timestamps": Breach(_double_timestamp),
    "two-assertions": Breach(_double_assertion),
    "fresh-timestamp-first": Breach(_fresh_timestamp_first, shift=-LATE),
    "fresh-timestamp-last": Breach(_fresh_timestamp_last, shift=-LATE),
    "fresh-header-first": Breach(_fresh_header_first, shift=-LATE),
    "fresh-header-last": Breach(_fresh_header_last, shift=-LATE),
    "expired": Breach(shift=-LATE),
    "future": Breach(shift=LATE),
    "tolerated": Breach(shift=-TOLERATED),
    "long-lifetime": Breach(lifetime=LONG),
    "replay": Breach(replay=True),
    "sha1": Breach(_weaken),
    "token-signed": Breach(_cover_assertion),
    "other-prefixes": Breach(_change_prefixes),
    "not-well-formed": Breach(raw=_cut),
    "document-type": Breach(raw=_with_document_type),
    "not-soap": Breach(raw=_without_envelope),
    "soap12": Breach(_as_soap12),
    "soap12-media-type": Breach(_as_soap12, headers={"Content-Type": "application/soap+xml; charset=UTF-8"}),
    "media-type": Breach(headers={"Content-Type": "application/json"}),
    "method-get": Breach(method="GET"),
    "method-put": Breach(method="PUT"),
    "no-body": Breach(_drop_body),
    "empty-body": Breach(_empty_body),
    "second-child": Breach(_second_child),
    "unknown-operation": Breach(_unknown_operation),
    "unknown-header": Breach(_foreign_header),
    "other-action": Breach(headers={"SOAPAction": '"urn:example:no-such-action"'}),
    "no-action": Breach(headers={"SOAPAction": None}),
}
"""Breaches by name."""
OF_THE_FORM: Final = frozenset(
    {
        *("other-prefixes", "not-well-formed", "document-type", "not-soap", "soap12", "soap12-media-type"),
        *("media-type", "method-get", "method-put", "no-body", "empty-body", "second-child", "unknown-operation"),
        *("other-action", "no-action"),
    }
)
"""Breaches of the form of a message or of its Body; all others are of its header."""
