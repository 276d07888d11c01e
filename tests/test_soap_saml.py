"""Tests of SAML 1.1 assertions: what one says, whether it holds, and whether its signature does."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

from conformance.mock.authority import Credential, KeyKind, make_authority
from conformance.soap.markup import Element, canonical, parse, serialise
from conformance.soap.names import CERTIFIED, DS, HOLDER_OF_KEY, IDENTIFICATION, SAML
from conformance.soap.security.certificates import public_key
from conformance.soap.security.saml import (
    Assertion,
    Attribute,
    SamlError,
    element_of,
    read_assertion,
    read_element,
    signature_problem,
    signer_certificate,
)
from conformance.soap.security.wss import SAML_ID, certificate_text, sign_enveloped
from tests.peers.dossier_world import KINDS, world
from tests.signing import NOW, PERSON, authority, holder, issued, signer, tokens

TRUSTED = (tokens().credential.certificate,)
MANDATE = "urn:be:fgov:ehealth:1.0:certificateholder:enterprise:cbe-number"


def assertion(inside: str = "", attributes: str = "") -> bytes:
    """Return an assertion without signature."""
    return (
        f'<saml:Assertion xmlns:saml="{SAML}" xmlns:ds="{DS}" AssertionID="_a" Issuer="i" '
        f'IssueInstant="2026-03-24T12:00:00Z"{attributes}>{inside}</saml:Assertion>'
    ).encode()


def confirmed(key: str, method: str = HOLDER_OF_KEY) -> str:
    """Return a statement with a subject who holds a key."""
    return (
        "<saml:AttributeStatement><saml:Subject><saml:NameIdentifier>CN=me</saml:NameIdentifier>"
        f"<saml:SubjectConfirmation><saml:ConfirmationMethod>{method}</saml:ConfirmationMethod>"
        f"<ds:KeyInfo>{key}</ds:KeyInfo></saml:SubjectConfirmation></saml:Subject></saml:AttributeStatement>"
    )


def with_certificate(text: str) -> str:
    """Return key information with a certificate."""
    return f"<ds:X509Data><ds:X509Certificate>{text}</ds:X509Certificate></ds:X509Data>"


def stated(*attributes: tuple[str, str, tuple[str, ...]]) -> Assertion:
    """Return an assertion that states attributes: name, namespace, values."""
    written = "".join(
        f'<saml:Attribute AttributeName="{name}" AttributeNamespace="{space}">'
        + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
        + "</saml:Attribute>"
        for name, space, values in attributes
    )
    return read_assertion(assertion(f"<saml:AttributeStatement>{written}</saml:AttributeStatement>"))


# Reading


@pytest.mark.parametrize("kind", KINDS)
def test_assertion_of_a_peer_is_read_as_it_was_issued(kind: str) -> None:
    """However its issuer writes, an assertion says who holds it, and its bytes are kept."""
    caller = world().holders[kind]
    read = read_assertion(caller.assertion.read_bytes())
    assert (read.data, read.id) == (caller.element, caller.assertion_id)
    assert set(read.methods) == {HOLDER_OF_KEY}
    assert read.certificate == caller.certificate.public_bytes(Encoding.DER)
    assert read.holder == public_key(caller.certificate)
    assert read.subject == caller.certificate.subject.rfc4514_string()
    assert read.identity(KINDS[kind][2].rpartition("urn:be:fgov")[2]) == caller.identity
    assert read.attribute_problems() == []
    assert read.time_problem(datetime.now(UTC)) == ""
    assert signature_problem(element_of(read), [world().ca_certificate]) == ""
    assert signature_problem(element_of(read), [world().sts_certificate]) == ""


def test_assertion_says_what_stands_in_it() -> None:
    """Id, issuer, times, subject, attributes with all their values."""
    read = read_assertion(
        assertion(
            '<saml:Conditions NotBefore="2026-03-24T11:55:00.123Z" NotOnOrAfter="2026-03-25T01:00:00+01:00"/>'
            + confirmed(with_certificate(certificate_text(holder().certificate)))
            + '<saml:AttributeStatement><saml:Attribute AttributeName="n" AttributeNamespace="s">'
            "<saml:AttributeValue> a </saml:AttributeValue><saml:AttributeValue>b&amp;<!-- x -->c</saml:AttributeValue>"
            "</saml:Attribute></saml:AttributeStatement>"
        )
    )
    assert (read.id, read.issuer, read.subject) == ("_a", "i", "CN=me")
    assert read.issued == datetime(2026, 3, 24, 12, tzinfo=UTC)
    assert read.not_before == datetime(2026, 3, 24, 11, 55, 0, 123_000, tzinfo=UTC)
    assert read.not_on_or_after == datetime(2026, 3, 25, tzinfo=UTC)
    assert read.attributes == (Attribute("n", "s", ("a", "b&c")),)
    assert (read.holder, read.methods) == (public_key(holder().certificate), (HOLDER_OF_KEY,))


def test_assertion_that_says_little_is_read() -> None:
    """What is missing is empty or None."""
    read = read_assertion(f'<Assertion xmlns="{SAML}"/>'.encode())
    assert (read.id, read.issuer, read.subject, read.methods, read.attributes) == ("", "", "", (), ())
    assert (read.issued, read.not_before, read.not_on_or_after) == (None, None, None)
    assert (read.holder, read.certificate) == (b"", b"")


AROUND = {
    "alone": (b"", b""),
    "declaration": (b'<?xml version="1.0" encoding="UTF-8"?>\r\n', b"\n"),
    "byte order mark": (b"\xef\xbb\xbf", b""),
    "comments": (b"<!-- <saml:Assertion/> -->", b"<!-- end -->\n\n"),
    "answer of an STS": (b"<RSTR><Other/><Token>", b"</Token></RSTR>"),
    "ASCII": (b'<?xml version="1.0" encoding="us-ascii"?>', b""),
}


@pytest.mark.parametrize(("before", "after"), AROUND.values(), ids=AROUND)
def test_what_stands_around_an_assertion_is_left_away(before: bytes, after: bytes) -> None:
    """Only the element itself is kept, byte for byte."""
    own = (
        issued().data.replace(b' AssertionID="', b"\n  AssertionID = '").replace(b'" IssueInstant', b"'\tIssueInstant")
    )
    read = read_assertion(before + own + after)
    assert read.data == own
    assert signature_problem(element_of(read), TRUSTED) == ""


ENCODED = assertion("<saml:NameIdentifier>Zo\u00eb</saml:NameIdentifier>").decode()
NOT_READ: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not well-formed XML"),
    "text": (b"PK\3\4", "not well-formed XML"),
    "cut short": (assertion()[:-4], "not well-formed XML"),
    "DTD": (b"<!DOCTYPE a>" + assertion(), "a document type declaration is not accepted"),
    "no assertion": (b"<a/>", "there is no SAML 1.1 assertion in it"),
    "SAML 2.0": (assertion().replace(b"1.0:assertion", b"2.0:assertion"), "there is no SAML 1.1 assertion in it"),
    "UTF-16": (ENCODED.encode("utf-16"), "it is encoded in UTF-16; save it as UTF-8, exactly as it was issued"),
    "UTF-16 that ASCII would do for": (assertion().decode().encode("utf-16"), "it is encoded in UTF-16; save it"),
    "UTF-16 in an answer": (f"\ufeff<r>{ENCODED}</r>".encode("utf-16-be"), "it is encoded in UTF-16; save it"),
    "Latin-1": (
        f'<?xml version="1.0" encoding="ISO-8859-1"?>{ENCODED}'.encode("latin-1"),
        "it is encoded in ISO-8859-1; save it as UTF-8",
    ),
    "certificate cut short": (assertion(confirmed(with_certificate("MIIB"))), "a certificate in it cannot be read"),
    "certificate that is none": (assertion(confirmed(with_certificate("?"))), "a certificate in it cannot be read"),
    "certificate in other letters": (assertion(confirmed(with_certificate("é"))), "a certificate in it cannot be read"),
}


@pytest.mark.parametrize(("data", "message"), NOT_READ.values(), ids=NOT_READ)
def test_what_is_no_usable_assertion_is_told(data: bytes, message: str) -> None:
    """Whatever is wrong is one exception that says what it is."""
    with pytest.raises(SamlError) as caught:
        read_assertion(data)
    assert str(caught.value).startswith(message)


def test_damaged_certificate_is_always_told() -> None:
    """A certificate with any of its bytes changed is either still read, or said not to be readable."""
    whole = holder().certificate.public_bytes(Encoding.DER)
    told = 0
    for at in range(0, len(whole), 3):
        damaged = whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]
        try:
            read_assertion(assertion(confirmed(with_certificate(base64.b64encode(damaged).decode()))))
        except SamlError as error:
            assert str(error) == "a certificate in it cannot be read"  # noqa: PT017 - either outcome will do
            told += 1
    assert told > 10


def test_assertion_does_not_show_its_bytes() -> None:
    """What is printed of an assertion does not contain it: it is a credential."""
    assert "<saml" not in repr(issued())


# Who holds it


def _number(number: int) -> str:
    return base64.b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode()


def _rsa(modulus: str, exponent: str = "AQAB") -> str:
    return (
        f"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>{exponent}</ds:Exponent>"
        "</ds:RSAKeyValue></ds:KeyValue>"
    )


def test_holder_may_be_named_by_an_rsa_key() -> None:
    """A holder without certificate is known by modulus and exponent, in however many lines."""
    credential = holder(KeyKind.RSA)
    key = credential.certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    modulus = _number(key.public_numbers().n)
    read = read_assertion(assertion(confirmed(_rsa(f"\n{modulus[:64]}\n{modulus[64:]}\n"))))
    assert (read.holder, read.certificate) == (public_key(credential.certificate), b"")


@pytest.mark.parametrize(
    "key", [_rsa(""), _rsa("?"), _rsa("é"), _rsa("AQ=="), _rsa(_number(2**1023 + 1), "AQ=="), _rsa("AQAB", "")]
)
def test_rsa_key_that_is_none_is_told(key: str) -> None:
    """Numbers that make no key are said so."""
    with pytest.raises(SamlError, match="the key in it cannot be read"):
        read_assertion(assertion(confirmed(key)))


def test_rsa_key_without_its_parts_is_told() -> None:
    """A key without modulus is none."""
    with pytest.raises(SamlError, match="the key in it cannot be read"):
        read_assertion(assertion(confirmed("<ds:KeyValue><ds:RSAKeyValue/></ds:KeyValue>")))


def test_only_the_holder_of_a_key_is_one() -> None:
    """A bearer's certificate is not the key that the message must be signed with."""
    text = certificate_text(holder().certificate)
    bearer = confirmed(with_certificate(text), "urn:oasis:names:tc:SAML:1.0:cm:bearer")
    assert read_assertion(assertion(bearer)).holder == b""
    other = certificate_text(holder(KeyKind.RSA).certificate)
    both = read_assertion(assertion(bearer + confirmed(with_certificate(other))))
    assert both.holder == public_key(holder(KeyKind.RSA).certificate)
    assert len(both.methods) == 2


def test_comments_do_not_change_what_is_said() -> None:
    """A comment, which no signature covers, neither cuts a name, nor a method, nor a certificate short."""
    text = certificate_text(holder().certificate)
    read = read_assertion(
        assertion(
            confirmed(
                with_certificate(f"{text[:40]}<!-- x -->{text[40:]}"), f"{HOLDER_OF_KEY[:9]}<!---->{HOLDER_OF_KEY[9:]}"
            ).replace("CN=me", "CN=<!-- x -->me")
        )
    )
    assert (read.subject, read.holder) == ("CN=me", public_key(holder().certificate))
    with_more = confirmed(with_certificate(text), f"{HOLDER_OF_KEY}<!-- -->-not")
    assert read_assertion(assertion(with_more)).holder == b""


def test_what_stands_in_the_signature_is_not_believed() -> None:
    """Attributes, subjects and keys that somebody put into the signature, which does not cover itself, do not count."""
    root = parse(issued().data)
    object_ = etree.SubElement(next(root.iter(f"{{{DS}}}Signature")), f"{{{DS}}}Object")
    object_.append(parse(assertion(confirmed("") + "<saml:Conditions/>")))
    data = serialise(root)
    read, usual = read_assertion(data), issued()
    assert read.data == data
    assert (read.subject, read.attributes, read.methods) == (usual.subject, usual.attributes, usual.methods)


def test_element_is_left_as_it_was() -> None:
    """Reading an element that stands in a message does not change it."""
    root = parse(issued().data)
    before = canonical(root)
    assert read_element(root, b"bytes").data == b"bytes"
    assert canonical(root) == before


# Times


def lasting(start: str, end: str) -> Assertion:
    """Return an assertion with conditions."""
    return read_assertion(assertion(f'<saml:Conditions NotBefore="{start}" NotOnOrAfter="{end}"/>'))


LIFE = lasting("2026-03-24T12:00:00Z", "2026-03-24T13:00:00Z")


@pytest.mark.parametrize(
    ("now", "tolerance", "problem"),
    [
        ("12:00:00", 0, ""),
        ("12:59:59", 0, ""),
        ("11:59:59", 0, "it holds only from 2026-03-24T12:00:00Z"),
        ("13:00:00", 0, "it expired at 2026-03-24T13:00:00Z"),
        ("11:55:00", 300, ""),
        ("11:54:59", 300, "it holds only from 2026-03-24T12:00:00Z"),
        ("13:04:59", 300, ""),
        ("13:05:00", 300, "it expired at 2026-03-24T13:00:00Z"),
    ],
)
def test_assertion_holds_for_its_time(now: str, tolerance: float, problem: str) -> None:
    """It holds from NotBefore on until just before NotOnOrAfter, give or take what is tolerated."""
    moment = datetime.fromisoformat(f"2026-03-24T{now}Z")
    assert LIFE.time_problem(moment, tolerance) == problem


def test_times_of_other_zones_are_told_in_utc() -> None:
    """A time with an offset is the same moment, and is said in UTC; one without zone is UTC."""
    read = lasting("2026-03-24T13:00:00+01:00", "2026-03-24T10:00:00-03:00")
    assert (read.not_before, read.not_on_or_after) == (LIFE.not_before, LIFE.not_on_or_after)
    assert read.time_problem(datetime(2026, 3, 25, tzinfo=UTC)) == "it expired at 2026-03-24T13:00:00Z"
    assert lasting("2026-03-24T12:00:00", "2026-03-24T13:00:00").not_before == LIFE.not_before


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_time_that_is_none_is_none(text: str) -> None:
    """What is no time leaves the assertion without a limit there."""
    read = lasting(text, text)
    assert (read.not_before, read.not_on_or_after) == (None, None)
    assert read.time_problem(NOW) == ""


# Attributes

FLAG, LIST = "urn:be:fgov:person:ssin:doctor:boolean", "urn:be:fgov:person:ssin:ehealth:1.0:doctor:nihii11"


@pytest.mark.parametrize(
    ("name", "space", "values", "problems"),
    [
        (FLAG, CERTIFIED, ("true",), []),
        (FLAG, CERTIFIED, ("true", "true"), []),
        (FLAG, CERTIFIED, (" true ",), []),
        (FLAG, CERTIFIED, ("false",), [f"{FLAG} is false instead of true"]),
        (FLAG, CERTIFIED, ("true", "false"), [f"{FLAG} is true, false instead of true"]),
        (FLAG, CERTIFIED, ("TRUE",), [f"{FLAG} is TRUE instead of true"]),
        (FLAG, CERTIFIED, ("",), [f"{FLAG} is empty instead of true"]),
        (FLAG, CERTIFIED, (), [f"{FLAG} is empty instead of true"]),
        (LIST, CERTIFIED, ("1234",), []),
        (LIST, CERTIFIED, ("", "1234"), []),
        (LIST, CERTIFIED, ("",), [f"{LIST} is empty"]),
        (LIST, CERTIFIED, (), [f"{LIST} is empty"]),
        (FLAG, IDENTIFICATION, ("false",), []),
        (LIST, IDENTIFICATION, (), []),
        (FLAG, "urn:be:fgov:certifiednamespace:ehealth", ("false",), [f"{FLAG} is false instead of true"]),
    ],
)
def test_certified_attribute_must_be_there(name: str, space: str, values: tuple[str, ...], problems: list[str]) -> None:
    """What the platform certifies is true, or has a value; what the caller says of itself is not looked at."""
    assert stated((name, space, values)).attribute_problems() == problems


def test_all_problems_of_attributes_are_told() -> None:
    """Each attribute counts, in the order of the assertion."""
    read = stated((LIST, CERTIFIED, ()), (FLAG, CERTIFIED, ("true",)), (FLAG, CERTIFIED, ("no",)))
    assert read.attribute_problems() == [f"{LIST} is empty", f"{FLAG} is no instead of true"]


@pytest.mark.parametrize(
    ("attributes", "endings", "identity"),
    [
        pytest.param([("urn:x:person:ssin", IDENTIFICATION, ("1",))], (":person:ssin",), "1", id="by its ending"),
        pytest.param([("urn:x:ssin", IDENTIFICATION, ("1",))], (":person:ssin",), "", id="another ending"),
        pytest.param([("urn:x:person:ssin", CERTIFIED, ("1",))], (":person:ssin",), "", id="another namespace"),
        pytest.param([("urn:x:person:ssin", IDENTIFICATION, ())], (":person:ssin",), "", id="no value"),
        pytest.param([], (":person:ssin",), "", id="no attributes"),
        pytest.param(
            [(MANDATE, IDENTIFICATION, ("1",)), ("urn:x:cbe-number", IDENTIFICATION, ("2",))],
            (":cbe-number",),
            "2",
            id="mandate holder acts for another",
        ),
        pytest.param([(MANDATE, IDENTIFICATION, ("1",))], (":cbe-number",), "1", id="certificate's holder alone"),
        pytest.param(
            [("urn:a:b", IDENTIFICATION, ("1",)), ("urn:a:c", IDENTIFICATION, ("2",))],
            (":c", ":b"),
            "2",
            id="the first ending counts first",
        ),
        pytest.param(
            [("urn:1:b", IDENTIFICATION, ("1", "3")), ("urn:2:b", IDENTIFICATION, ("2",))],
            (":b",),
            "1",
            id="first of several",
        ),
    ],
)
def test_identity_is_that_of_who_acts(
    attributes: list[tuple[str, str, tuple[str, ...]]], endings: tuple[str, ...], identity: str
) -> None:
    """The number of the caller is found by how its attribute ends; who merely holds the certificate comes last."""
    assert stated(*attributes).identity(*endings) == identity


# The signature of its issuer


def altered(change: Callable[[Element], object], *, again: bool = False, by: Credential | None = None) -> Element:
    """Return an assertion that was changed after it was signed, or before."""
    if again:
        return element_of(issued(change=change, by=by))
    root = parse(issued().data)
    change(root)
    return parse(serialise(root))


def _signature(root: Element) -> Element:
    return next(root.iter(f"{{{DS}}}Signature"))


def _value(root: Element) -> Element:
    return next(root.iter(f"{{{SAML}}}AttributeValue"))


@pytest.mark.parametrize("kind", list(KeyKind))
def test_signature_of_the_issuer_holds(kind: KeyKind) -> None:
    """It holds by the STS's own certificate, and by that of its authority; whatever key the holder has."""
    root = element_of(issued(kind))
    assert signature_problem(root, TRUSTED) == ""
    assert signature_problem(root, [authority().certificate]) == ""
    assert signer_certificate(root) == tokens().credential.certificate


def test_signature_of_a_stranger_is_not_trusted() -> None:
    """Somebody who is not the STS, nor has a certificate of its authority, is named."""
    stranger = make_authority().issue(PERSON, KeyKind.P256)
    root = element_of(issued(by=stranger))
    assert signature_problem(root, TRUSTED) == (
        f"it is signed by {stranger.certificate.subject.rfc4514_string()!r}, which is not trusted"
    )
    assert signature_problem(element_of(issued()), []).endswith("which is not trusted")
    assert signature_problem(root, [stranger.authority]) == ""


def test_stranger_with_the_name_of_the_issuer_is_not_trusted() -> None:
    """A certificate that has the STS's name, but not its key, does not make the signature one of the STS."""
    key = rsa.generate_private_key(65537, 2048)
    real = tokens().credential.certificate
    forged = (
        x509.CertificateBuilder()
        .subject_name(real.subject)
        .issuer_name(real.issuer)
        .public_key(key.public_key())
        .serial_number(real.serial_number)
        .not_valid_before(real.not_valid_before_utc)
        .not_valid_after(real.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    root = element_of(issued(by=Credential(key, forged, forged)))
    assert signature_problem(root, [real, authority().certificate]).endswith("which is not trusted")


def test_certificate_that_is_swapped_does_not_make_a_signature_hold() -> None:
    """The STS's certificate beside somebody else's signature is found out."""
    stranger = make_authority().issue(PERSON, KeyKind.P256)
    root = element_of(issued(by=stranger))
    next(_signature(root).iter(f"{{{DS}}}X509Certificate")).text = certificate_text(TRUSTED[0])
    assert signature_problem(root, TRUSTED).startswith("the signature does not hold")


def _part_only(root: Element) -> None:
    """Sign the Conditions only, which get an id of their own."""
    root.remove(_signature(root))
    conditions = next(root.iter(f"{{{SAML}}}Conditions"))
    conditions.set("Id", "part")
    sign_enveloped(conditions, "Id", signer(tokens().credential))
    root.append(_signature(root))


BROKEN: dict[str, tuple[Callable[[Element], object], str]] = {
    "value altered": (lambda root: setattr(_value(root), "text", "00000000000"), "the signature does not hold"),
    "attribute added": (
        lambda root: next(root.iter(f"{{{SAML}}}AttributeStatement")).append(etree.Element(f"{{{SAML}}}Attribute")),
        "the signature does not hold",
    ),
    "time altered": (
        lambda root: next(root.iter(f"{{{SAML}}}Conditions")).set("NotOnOrAfter", "2099-01-01T00:00:00Z"),
        "the signature does not hold",
    ),
    "issuer altered": (lambda root: root.set("Issuer", "urn:other"), "the signature does not hold"),
    "id altered": (
        lambda root: root.set(SAML_ID, "_other"),
        "its signature covers something else than the whole assertion",
    ),
    "white space added": (lambda root: setattr(root, "text", "\n"), "the signature does not hold"),
    "no signature": (lambda root: root.remove(_signature(root)), "it has 0 signatures instead of one"),
    "signature doubled": (
        lambda root: root.append(parse(serialise(_signature(root)))),
        "it has 2 signatures instead of one",
    ),
    "signature within": (
        lambda root: next(root.iter(f"{{{SAML}}}Conditions")).append(_signature(root)),
        "it has 0 signatures instead of one",
    ),
    "signature of a part": (_part_only, "its signature covers something else than the whole assertion"),
    "no certificate": (
        lambda root: _signature(root).remove(next(_signature(root).iter(f"{{{DS}}}KeyInfo"))),
        "a certificate in it cannot be read",
    ),
    "certificate that is none": (
        lambda root: setattr(next(_signature(root).iter(f"{{{DS}}}X509Certificate")), "text", "AAAA"),
        "a certificate in it cannot be read",
    ),
    "whole document": (
        lambda root: next(root.iter(f"{{{DS}}}Reference")).set("URI", ""),
        "the signature refers to '' instead of a part of the message by its id",
    ),
    "SHA-1": (
        lambda root: next(root.iter(f"{{{DS}}}SignatureMethod")).set("Algorithm", f"{DS}rsa-sha1"),
        "the signature algorithm",
    ),
    "XPath": (
        lambda root: next(root.iter(f"{{{DS}}}Transform")).set(
            "Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116"
        ),
        "the transform",
    ),
}


@pytest.mark.parametrize(("change", "problem"), BROKEN.values(), ids=BROKEN)
def test_signature_that_does_not_cover_the_assertion_is_told(change: Callable[[Element], object], problem: str) -> None:
    """Whatever was changed, removed or doubled, the assertion is not the STS's any more."""
    assert signature_problem(altered(change), TRUSTED).startswith(problem)


def test_signature_of_an_assertion_is_that_of_this_assertion() -> None:
    """The signature of another assertion of the same holder does not fit."""
    mine, other = parse(issued().data), parse(issued(change=lambda root: root.set(SAML_ID, "_other")).data)
    mine.replace(_signature(mine), _signature(other))
    assert signature_problem(mine, TRUSTED) == "its signature covers something else than the whole assertion"


def test_comment_leaves_the_signature_whole_and_the_values_too() -> None:
    """A comment may be added by anybody; it changes nothing."""
    root = altered(lambda root: _value(root).insert(0, etree.Comment("x")))
    assert signature_problem(root, TRUSTED) == ""
    assert read_element(root, b"").attributes == issued().attributes


def test_authority_of_an_unknown_kind_is_not_trusted() -> None:
    """A trusted certificate with a key that cannot have signed leaves the signer untrusted."""
    from cryptography.hazmat.primitives.asymmetric import ed25519, x25519  # noqa: PLC0415 - nowhere else needed

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "odd")])
    signing = ed25519.Ed25519PrivateKey.generate()
    for key in (signing.public_key(), x25519.X25519PrivateKey.generate().public_key()):
        builder = x509.CertificateBuilder().subject_name(tokens().credential.certificate.issuer).issuer_name(name)
        builder = (
            builder.public_key(key).serial_number(5).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
        )
        odd = builder.sign(signing, None)
        assert signature_problem(element_of(issued()), [odd]).endswith("which is not trusted")


def test_signer_of_what_is_not_signed_is_none() -> None:
    """Without signature, or with a certificate that cannot be read, nobody has signed."""
    assert signer_certificate(parse(assertion())) is None
    root = altered(lambda root: setattr(next(_signature(root).iter(f"{{{DS}}}X509Certificate")), "text", "?"))
    assert signer_certificate(root) is None
