"""Tests of signing and verifying parts of a message; an independent implementation verifies what is signed here."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from conformance.mock.authority import Credential, KeyKind
from conformance.soap.markup import Element, children, parse, serialise
from conformance.soap.names import (
    BASE64,
    DS,
    ECDSA_SHA256,
    ENVELOPED,
    EXCLUSIVE,
    RSA_SHA256,
    SAML_ASSERTION_ID,
    SAML_TOKEN,
    SHA256,
    SOAP,
    WSSE,
    WSSE11,
    WSU,
    X509_TOKEN,
)
from conformance.soap.security.wss import (
    SAML_ID,
    WSU_ID,
    SignatureError,
    assertion_reference,
    binary_token,
    certificate_text,
    identified,
    instant,
    make_signer,
    references,
    sign,
    sign_enveloped,
    timestamp,
    token_reference,
    verify,
)
from tests.peers import dossier_security as peer
from tests.signing import NOW, holder, signer

MORE = "http://www.w3.org/2001/04/xmldsig-more#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
DOCUMENT = f"""<s:Envelope xmlns:s="{SOAP}" xmlns:w="{WSSE}" xmlns:n="urn:n"><s:Header><w:Security/></s:Header>
<s:Body xmlns:u="{WSU}" u:Id="body"><r:Request xmlns:r="urn:r">Zoë &amp; co\u00a0<!-- not signed -->&#13;
<a b="2" a='&#10;"1"'/></r:Request></s:Body></s:Envelope>"""
BODY = f"{{{SOAP}}}Body"


def der(credential: Credential) -> bytes:
    """Return a credential's certificate as bytes."""
    return signer(credential).certificate.public_bytes(Encoding.DER)


def document() -> Element:
    """Return a message to sign."""
    return parse(DOCUMENT.encode())


def signed(credential: Credential) -> Element:
    """Return a message with Body and Timestamp signed, as it comes over the wire."""
    root = document()
    security = next(root.iter(f"{{{WSSE}}}Security"))
    stamp = timestamp(NOW, timedelta(seconds=60), "stamp")
    security.append(stamp)
    sign(security, (stamp, part(root, BODY)), signer(credential), assertion_reference("_a"))
    return parse(serialise(root))


def part(root: Element, name: str) -> Element:
    """Return the first element of a name."""
    return next(root.iter(name))


def signature_of(root: Element) -> Element:
    """Return a message's signature."""
    return part(root, f"{{{DS}}}Signature")


def check(root: Element, credential: Credential) -> None:
    """Verify a message's signature over the parts that have ids."""
    parts = identified(root, (WSU_ID,))
    verify(signature_of(root), der(credential), parts)


def sign_again(root: Element, credential: Credential) -> None:
    """Make digests and signature fit what is there, without a look at what is signed."""
    signature, ids = signature_of(root), {one.get(WSU_ID): one for one in root.iter(etree.Element)}
    for reference in signature.iter(f"{{{DS}}}Reference"):
        element = ids.get((reference.get("URI") or "").removeprefix("#"))
        if element is not None:
            part(reference, f"{{{DS}}}DigestValue").text = peer.digest(peer.canonical(element))
    data = peer.canonical(part(signature, f"{{{DS}}}SignedInfo"))
    part(signature, f"{{{DS}}}SignatureValue").text = peer.sign(credential.key, data)


@pytest.mark.parametrize("kind", list(KeyKind))
def test_signature_holds_for_an_independent_implementation(kind: KeyKind) -> None:
    """Whatever the key, what is signed here is what another implementation finds signed."""
    root = signed(holder(kind))
    check(root, holder(kind))
    key = peer.public_key(certificate_text(holder(kind).certificate))
    covered = peer.verify(signature_of(root), [key], peer.identified(root))
    assert covered == [part(root, f"{{{WSU}}}Timestamp"), part(root, BODY)]


@pytest.mark.parametrize("kind", list(KeyKind))
def test_signature_of_an_independent_implementation_holds(kind: KeyKind) -> None:
    """What another implementation signs is accepted here."""
    root = signed(holder(kind))
    part(root, BODY).set("added", "1")
    with pytest.raises(SignatureError):
        check(root, holder(kind))
    sign_again(root, holder(kind))
    check(root, holder(kind))


@pytest.mark.parametrize("kind", list(KeyKind))
def test_algorithms_are_those_of_the_platforms_clients(kind: KeyKind) -> None:
    """Exclusive canonicalisation without prefixes, SHA-256, and the signature algorithm of the key."""
    signature = signature_of(signed(holder(kind)))
    expected = RSA_SHA256 if "RSA" in kind.name.upper() else ECDSA_SHA256
    assert [one.get("Algorithm") for one in signature.iter(f"{{{DS}}}SignatureMethod")] == [expected]
    assert [one.get("Algorithm") for one in signature.iter(f"{{{DS}}}CanonicalizationMethod")] == [EXCLUSIVE]
    assert [one.get("Algorithm") for one in signature.iter(f"{{{DS}}}DigestMethod")] == [SHA256] * 2
    transforms = list(signature.iter(f"{{{DS}}}Transform"))
    assert [one.get("Algorithm") for one in transforms] == [EXCLUSIVE] * 2
    assert not any(len(one) for one in transforms)
    assert [(one.part, one.transforms, one.digest) for one in references(signature)] == [
        ("stamp", (EXCLUSIVE,), SHA256),
        ("body", (EXCLUSIVE,), SHA256),
    ]


def test_key_info_is_the_reference_that_was_given() -> None:
    """KeyInfo holds the reference, and nothing of the key itself."""
    (info,) = signature_of(signed(holder())).iter(f"{{{DS}}}KeyInfo")
    (reference,) = children(info)
    assert reference.tag == f"{{{WSSE}}}SecurityTokenReference"
    assert [(one.tag, one.text) for one in children(reference)] == [(f"{{{WSSE}}}KeyIdentifier", "_a")]


def test_comments_are_not_signed() -> None:
    """Exclusive canonicalisation leaves comments out, so that none can break a signature."""
    root = signed(holder())
    body = part(root, BODY)
    body.append(etree.Comment("added"))
    check(root, holder())


def _text(root: Element, name: str, text: str) -> None:
    part(root, name).text = text


def _flip(root: Element, name: str) -> None:
    element = part(root, name)
    text = "".join((element.text or "").split())
    element.text = ("A" if text[0] != "A" else "B") + text[1:]


ALTERED: dict[str, Callable[[Element], object]] = {
    "text of the Body": lambda root: _text(root, "{urn:r}Request", "other"),
    "attribute of the Body": lambda root: part(root, "a").set("b", "3"),
    "name in the Body": lambda root: setattr(part(root, "a"), "tag", "c"),
    "namespace in the Body": lambda root: setattr(part(root, "a"), "tag", "{urn:r}a"),
    "order in the Body": lambda root: part(root, "{urn:r}Request").insert(0, etree.Element("first")),
    "white space": lambda root: setattr(part(root, "a"), "tail", " "),
    "Timestamp": lambda root: _text(root, f"{{{WSU}}}Expires", instant(NOW + timedelta(hours=1))),
    "signature value": lambda root: _flip(root, f"{{{DS}}}SignatureValue"),
    "digest value": lambda root: _flip(root, f"{{{DS}}}DigestValue"),
    "no signature value": lambda root: _text(root, f"{{{DS}}}SignatureValue", ""),
    "signature value that is none": lambda root: _text(root, f"{{{DS}}}SignatureValue", "é?"),
    "no digest value": lambda root: _text(root, f"{{{DS}}}DigestValue", ""),
}


@pytest.mark.parametrize("kind", list(KeyKind))
@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED)
def test_altered_message_does_not_hold(change: Callable[[Element], object], kind: KeyKind) -> None:
    """Whatever is changed of what is signed, or of the signature itself, is found."""
    root = signed(holder(kind))
    change(root)
    with pytest.raises(SignatureError, match=r"^the signature does not hold"):
        check(root, holder(kind))


@pytest.mark.parametrize("kind", list(KeyKind))
@pytest.mark.parametrize("other", list(KeyKind))
def test_other_key_does_not_hold(kind: KeyKind, other: KeyKind) -> None:
    """A signature holds by the certificate of its key only, whether of the same kind or of another."""
    if kind is other:
        return
    with pytest.raises(SignatureError):
        check(signed(holder(kind)), holder(other))


def test_certificate_that_is_none_does_not_hold() -> None:
    """Bytes that are no certificate are an error of the signature, not of the harness."""
    root = signed(holder())
    with pytest.raises(SignatureError):
        verify(signature_of(root), b"no certificate", identified(root, (WSU_ID,)))


# What a signature may refer to, and how: all of these are signed rightly


def _references(root: Element) -> list[Element]:
    return list(signature_of(root).iter(f"{{{DS}}}Reference"))


def _uri(root: Element, uri: str | None) -> None:
    reference = _references(root)[1]
    if uri is None:
        del reference.attrib["URI"]
    else:
        reference.set("URI", uri)


def _transform(root: Element, algorithm: str, *inside: Element) -> None:
    transforms = part(_references(root)[1], f"{{{DS}}}Transforms")
    transform = etree.Element(f"{{{DS}}}Transform", Algorithm=algorithm)
    transform.extend(inside)
    transforms.insert(0, transform)


def _algorithm(root: Element, name: str, algorithm: str) -> None:
    for one in signature_of(root).iter(f"{{{DS}}}{name}"):
        one.set("Algorithm", algorithm)


def _xpath() -> Element:
    found = etree.Element(f"{{{DS}}}XPath")
    found.text = "not(ancestor-or-self::a)"
    return found


def _stylesheet() -> Element:
    return parse(
        b'<x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform">'
        b'<x:template match="/"/></x:stylesheet>'
    )


def _drop(root: Element, name: str) -> None:
    element = part(signature_of(root), name)
    above = element.getparent()
    assert above is not None
    above.remove(element)


def _double(root: Element, name: str) -> None:
    element = part(signature_of(root), name)
    element.addnext(parse(serialise(element)))


def _manifest(root: Element) -> None:
    holder_ = etree.SubElement(signature_of(root), f"{{{DS}}}Object")
    manifest = etree.SubElement(holder_, f"{{{DS}}}Manifest")
    etree.SubElement(manifest, f"{{{DS}}}Reference", URI="http://127.0.0.1:9/")


REFUSED: dict[str, tuple[Callable[[Element], object], str]] = {
    "document on the network": (lambda root: _uri(root, "http://127.0.0.1:9/x"), "refers to 'http://127.0.0.1:9/x'"),
    "file": (lambda root: _uri(root, "file:///etc/passwd"), "refers to 'file:///etc/passwd' instead of a part"),
    "file beside": (lambda root: _uri(root, "passwd"), "refers to 'passwd'"),
    "attachment": (lambda root: _uri(root, "cid:x"), "refers to 'cid:x'"),
    "whole document": (lambda root: _uri(root, ""), "refers to '' instead"),
    "no reference": (lambda root: _uri(root, None), "refers to None"),
    "empty id": (lambda root: _uri(root, "#"), "refers to '#'"),
    "XPointer to the root": (lambda root: _uri(root, "#xpointer(/)"), r"refers to '#xpointer\(/\)'"),
    "XPointer to an id": (lambda root: _uri(root, "#xpointer(id('body'))"), "refers to "),
    "id of nothing": (lambda root: _uri(root, "#other"), "covers 'other', which is no part that it should"),
    "XPath": (
        lambda root: _transform(root, "http://www.w3.org/TR/1999/REC-xpath-19991116", _xpath()),
        "the transform 'http://www.w3.org/TR/1999/REC-xpath-19991116' is not accepted",
    ),
    "XPath filter": (lambda root: _transform(root, "http://www.w3.org/2002/06/xmldsig-filter2", _xpath()), "transform"),
    "XSLT": (
        lambda root: _transform(root, "http://www.w3.org/TR/1999/REC-xslt-19991116", _stylesheet()),
        "the transform 'http://www.w3.org/TR/1999/REC-xslt-19991116' is not accepted",
    ),
    "base64": (lambda root: _transform(root, f"{DS}base64"), "transform"),
    "token transform": (lambda root: _transform(root, peer.STR_TRANSFORM), "transform"),
    "transform with comments": (lambda root: _transform(root, f"{EXCLUSIVE}WithComments"), "transform"),
    "transform without a name": (lambda root: _transform(root, ""), "the transform '' is not accepted"),
    "inclusive transform": (lambda root: _algorithm(root, "Transform", C14N), f"the transform '{C14N}'"),
    "inclusive canonicalisation": (
        lambda root: _algorithm(root, "CanonicalizationMethod", C14N),
        "the canonicalisation 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315' is not accepted",
    ),
    "SHA-1 digest": (
        lambda root: _algorithm(root, "DigestMethod", f"{DS}sha1"),
        "the digest algorithm 'http://www.w3.org/2000/09/xmldsig#sha1' is not accepted",
    ),
    "MD5 digest": (lambda root: _algorithm(root, "DigestMethod", f"{MORE}md5"), "digest algorithm"),
    "RSA-SHA-1": (
        lambda root: _algorithm(root, "SignatureMethod", f"{DS}rsa-sha1"),
        "the signature algorithm 'http://www.w3.org/2000/09/xmldsig#rsa-sha1' is not accepted",
    ),
    "ECDSA-SHA-1": (lambda root: _algorithm(root, "SignatureMethod", f"{MORE}ecdsa-sha1"), "signature algorithm"),
    "DSA": (lambda root: _algorithm(root, "SignatureMethod", f"{DS}dsa-sha1"), "signature algorithm"),
    "HMAC": (lambda root: _algorithm(root, "SignatureMethod", f"{MORE}hmac-sha256"), "signature algorithm"),
    "no algorithm": (lambda root: _algorithm(root, "SignatureMethod", ""), "the signature algorithm '' is not"),
    "no references": (
        lambda root: [one.getparent().remove(one) for one in _references(root)],  # type: ignore[union-attr]
        "the signature covers nothing",
    ),
    "no SignedInfo": (lambda root: _drop(root, f"{{{DS}}}SignedInfo"), "other members than SignedInfo"),
    "no SignatureValue": (lambda root: _drop(root, f"{{{DS}}}SignatureValue"), "other members than SignedInfo"),
    "two SignedInfo": (lambda root: _double(root, f"{{{DS}}}SignedInfo"), "other members than SignedInfo"),
    "Object with a Manifest": (_manifest, "other members than SignedInfo"),
    "no SignatureMethod": (
        lambda root: _drop(root, f"{{{DS}}}SignatureMethod"),
        "has 0 SignatureMethod instead of one",
    ),
    "two CanonicalizationMethod": (
        lambda root: _double(root, f"{{{DS}}}CanonicalizationMethod"),
        "has 2 CanonicalizationMethod instead of one",
    ),
    "no DigestMethod": (lambda root: _drop(root, f"{{{DS}}}DigestMethod"), "has 0 DigestMethod instead of one"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_signature_that_could_cover_something_else_is_refused(
    change: Callable[[Element], object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weak algorithms, transforms that select, and references to elsewhere are refused before anything is computed."""

    def reached(*_: object) -> None:
        pytest.fail("xmlsec was reached")

    root = signed(holder(KeyKind.RSA))
    change(root)
    monkeypatch.setattr("conformance.soap.security.wss.xmlsec.SignatureContext", reached)
    with pytest.raises(SignatureError, match=message):
        check(root, holder(KeyKind.RSA))


def test_signature_without_key_info_holds() -> None:
    """Who has signed is the caller's to know; KeyInfo is not asked."""
    root = signed(holder())
    _drop(root, f"{{{DS}}}KeyInfo")
    check(root, holder())


def test_key_in_key_info_is_not_believed() -> None:
    """A certificate that the signature brings itself does not count instead of the one given."""
    root = signed(holder(KeyKind.RSA))
    info = part(signature_of(root), f"{{{DS}}}KeyInfo")
    data = etree.SubElement(info, f"{{{DS}}}X509Data")
    etree.SubElement(data, f"{{{DS}}}X509Certificate").text = certificate_text(holder(KeyKind.RSA).certificate)
    check(root, holder(KeyKind.RSA))
    with pytest.raises(SignatureError):
        check(root, holder(KeyKind.P256))


@pytest.mark.parametrize("where", ["Header", "Body"])
def test_id_given_twice_is_refused(where: str) -> None:
    """Two elements of one id leave open which of them is signed."""
    root = signed(holder())
    etree.SubElement(part(root, f"{{{SOAP}}}{where}"), "twin").set(WSU_ID, "stamp")
    with pytest.raises(SignatureError, match=r"^the id 'stamp' is given twice$"):
        identified(root, (WSU_ID,))


def test_ids_of_several_kinds_are_one_set() -> None:
    """An assertion's id and a wsu:Id may not be the same, but one element may have both."""
    root = parse(
        f'<r xmlns:u="{WSU}"><a u:Id="1" AssertionID="1"/><b AssertionID="2"/><c u:Id="3"/><d Id="1"/></r>'.encode()
    )
    found = identified(root, (WSU_ID, SAML_ID))
    assert {name: element.tag for name, element in found.items()} == {"1": "a", "2": "b", "3": "c"}
    part(root, "c").set(WSU_ID, "2")
    with pytest.raises(SignatureError, match="'2' is given twice"):
        identified(root, (WSU_ID, SAML_ID))


def test_xml_id_does_not_stand_in_for_a_part() -> None:
    """An element that XML itself identifies does not take the place of the one that is meant."""
    root = signed(holder())
    twin = etree.Element("twin")
    twin.set("{http://www.w3.org/XML/1998/namespace}id", "body")
    root.insert(0, twin)
    root = parse(serialise(root))
    part(root, "{urn:r}Request").text = "forged"
    with pytest.raises(SignatureError):
        check(root, holder())


def test_part_without_its_id_is_refused() -> None:
    """A part that is named for an id it does not have is an error of the signature."""
    root = signed(holder())
    parts = identified(root, (WSU_ID,))
    del parts["body"].attrib[WSU_ID]
    with pytest.raises(SignatureError):
        verify(signature_of(root), der(holder()), parts)


def test_only_the_parts_given_may_be_covered() -> None:
    """A signature over more than is expected is refused: what is beyond may hide something."""
    root = signed(holder())
    parts = identified(root, (WSU_ID,))
    with pytest.raises(SignatureError, match="covers 'stamp', which is no part that it should"):
        verify(signature_of(root), der(holder()), {"body": parts["body"]})


@pytest.mark.parametrize("digest", ["sha384", "sha512"])
def test_stronger_digests_are_accepted(digest: str) -> None:
    """SHA-384 and SHA-512 are as good as SHA-256."""
    names = {"sha384": f"{MORE}sha384", "sha512": "http://www.w3.org/2001/04/xmlenc#sha512"}
    root = signed(holder(KeyKind.RSA))
    for reference in _references(root):
        part(reference, f"{{{DS}}}DigestMethod").set("Algorithm", names[digest])
    found = references(signature_of(root))
    assert {one.digest for one in found} == {names[digest]}


# Enveloped signatures


@pytest.mark.parametrize("kind", list(KeyKind))
def test_enveloped_signature_covers_all_but_itself(kind: KeyKind) -> None:
    """Both implementations find that the element is signed; a change in it breaks the signature."""
    root = parse(b'<a AssertionID="_1" xmlns:x="urn:x">text<x:b/></a>')
    sign_enveloped(root, SAML_ID, signer(holder(kind)))
    root = parse(serialise(root))
    (reference,) = references(signature_of(root))
    assert (reference.part, reference.transforms) == ("_1", (ENVELOPED, EXCLUSIVE))
    verify(signature_of(root), der(holder(kind)), {"_1": root}, SAML_ID)
    key = peer.public_key(part(root, f"{{{DS}}}X509Certificate").text or "")
    assert peer.verify(signature_of(root), [key], {"_1": root}) == [root]
    root.text = "other"
    with pytest.raises(SignatureError):
        verify(signature_of(root), der(holder(kind)), {"_1": root}, SAML_ID)


# Parts of a Security header


def test_timestamp_is_in_utc_with_milliseconds() -> None:
    """Created and Expires are a lifetime apart, and the element has its id."""
    moment = datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC)
    found = timestamp(moment, timedelta(seconds=60), "_t")
    assert (found.tag, found.get(WSU_ID)) == (f"{{{WSU}}}Timestamp", "_t")
    assert [(child.tag, child.text) for child in children(found)] == [
        (f"{{{WSU}}}Created", "2026-03-01T23:59:59.999Z"),
        (f"{{{WSU}}}Expires", "2026-03-02T00:00:59.999Z"),
    ]


def test_time_of_another_zone_is_written_in_utc() -> None:
    """A time is written in UTC, wherever it was taken."""
    assert instant(datetime(2026, 3, 2, 1, 0, tzinfo=timezone(timedelta(hours=2)))) == "2026-03-01T23:00:00.000Z"
    assert instant(datetime(2026, 3, 1, tzinfo=UTC)) == "2026-03-01T00:00:00.000Z"


def test_references_to_tokens_are_those_of_the_profiles() -> None:
    """An assertion is named by its id, a certificate in the message by a reference to it."""
    reference = assertion_reference("_assertion")
    assert (reference.tag, reference.attrib.items()) == (
        f"{{{WSSE}}}SecurityTokenReference",
        [(f"{{{WSSE11}}}TokenType", SAML_TOKEN)],
    )
    (identifier,) = children(reference)
    assert (identifier.tag, identifier.text) == (f"{{{WSSE}}}KeyIdentifier", "_assertion")
    assert identifier.attrib.items() == [("ValueType", SAML_ASSERTION_ID)]
    (pointer,) = children(token_reference("_token"))
    assert (pointer.tag, pointer.attrib.items()) == (
        f"{{{WSSE}}}Reference",
        [("URI", "#_token"), ("ValueType", X509_TOKEN)],
    )


def test_token_is_the_certificate() -> None:
    """A BinarySecurityToken holds the certificate, with type, encoding and id."""
    found = binary_token(holder().certificate, "_b")
    assert sorted(found.attrib.items()) == [("EncodingType", BASE64), ("ValueType", X509_TOKEN), (WSU_ID, "_b")]
    assert peer.public_key(found.text or "") == holder().certificate.public_key()


def test_signer_does_not_show_its_key() -> None:
    """What is printed of a signer has no key in it."""
    shown = repr(make_signer(holder().key, holder().certificate))
    assert "key" not in shown.lower()
    assert "private" not in shown.lower()
