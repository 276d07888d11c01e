"""Tests of whole messages: what a service gets, what an STS is asked, what it answers, and how messages are broken."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from conformance.mock.authority import KeyKind
from conformance.soap.markup import Element, children, parse, serialise, text
from conformance.soap.message import (
    LIFETIME,
    RequestedAttribute,
    body_child,
    issued_assertion,
    secure,
    signed,
    token_request,
    written,
)
from conformance.soap.names import (
    AUTH,
    BASE64,
    DS,
    ECDSA_SHA256,
    EXCLUSIVE,
    RSA_SHA256,
    SAML,
    SAML_ASSERTION_ID,
    SAML_TOKEN,
    SHA256,
    SOAP,
    WSSE,
    WST,
    WSU,
    X509_TOKEN,
)
from conformance.soap.security.doubling import EXPIRED_BY
from conformance.soap.security.foreign_keys import foreign
from conformance.soap.security.mutations import LONG_LIFETIME, MUTATIONS, WITHIN_TOLERANCE
from conformance.soap.security.resigning import SecurityMutation
from conformance.soap.security.saml import Assertion, SamlError, element_of, read_assertion, signature_problem
from conformance.soap.security.wss import WSU_ID, Signer, certificate_text, make_signer
from conformance.soap.xsd.contract import body_of
from tests.peers import dossier_security as peer
from tests.peers.dossier_world import CBE, KINDS, NIHII, PERSON, Terms, world
from tests.signing import (
    BODY,
    HEADER,
    NOW,
    OPERATION,
    SECURITY,
    SIGNATURE,
    TIMESTAMP,
    VALUES,
    contract,
    holder,
    issued,
    part,
    tokens,
)
from tests.signing import signer as signer_of

ASSERTION = f"{{{SAML}}}Assertion"
NAME = ("Criteria", "Person", "LastName")
ODD_NAME = "<&>\"' \r\n\t]]>é😀 <?assertion here?>"


def caller(kind: str) -> tuple[Assertion, Signer]:
    """Return the assertion and the signer of a peer's caller."""
    found = world().holders[kind]
    return read_assertion(found.assertion.read_bytes()), make_signer(found.key, found.certificate)


def message(kind: str, last_name: str = "GOOD", created: datetime | None = None) -> bytes:
    """Return a message of a peer's caller."""
    envelope = contract().build(OPERATION, {**VALUES, NAME: last_name})
    return secure(envelope, *caller(kind), created or datetime.now(UTC))


def demand(longest: timedelta | None = LIFETIME) -> peer.Demand:
    """Return what a careful service asks of a message: no habits, and a minute."""
    return peer.Demand(world().sts_certificate, world().ca_certificate, world().issued, longest=longest)


def authenticated(data: bytes) -> dict[str, str]:
    """Return the attributes of who sent a message, as an independent implementation finds them."""
    return dict(peer.authenticate(data, peer.parse(data), demand()))


@pytest.mark.parametrize("kind", KINDS)
def test_message_of_each_caller_is_accepted_by_an_independent_implementation(kind: str) -> None:
    """RSA-2048, P-256 and P-384: the signature holds, and the assertion is byte for byte the one that was issued."""
    data = message(kind)
    assert data.count(world().holders[kind].element) == 1
    assert world().holders[kind].identity in authenticated(data).values()


@pytest.mark.parametrize("kind", KINDS)
def test_odd_characters_do_not_break_the_signature(kind: str) -> None:
    """What is signed is what is sent, whatever has to be escaped, even what looks like the assertion's place."""
    data = message(kind, ODD_NAME)
    assert authenticated(data)
    assert next(parse(data).iter("LastName")).text == ODD_NAME


@pytest.mark.parametrize("kind", KINDS)
def test_message_has_the_layout_of_the_cookbooks(kind: str) -> None:
    """One Security header that must be understood, with Timestamp, assertion and Signature, in this order."""
    root = parse(message(kind))
    assert (root.tag, [child.tag for child in children(root)]) == (f"{{{SOAP}}}Envelope", [HEADER, BODY])
    (security,) = children(part(root, HEADER))
    assert (security.tag, security.get(f"{{{SOAP}}}mustUnderstand")) == (SECURITY, "1")
    assert [child.tag for child in security] == [TIMESTAMP, ASSERTION, SIGNATURE]
    assert contract().problems(body_child(root)) == []


def test_timestamp_lives_a_minute() -> None:
    """Created is the time given, in UTC; Expires is 60 seconds later."""
    moment = datetime(2026, 3, 24, 12, 0, 30, 123_000, tzinfo=UTC)
    stamp = part(parse(message(PERSON, created=moment)), HEADER, SECURITY, TIMESTAMP)
    assert [(child.tag, child.text) for child in stamp] == [
        (f"{{{WSU}}}Created", "2026-03-24T12:00:30.123Z"),
        (f"{{{WSU}}}Expires", "2026-03-24T12:01:30.123Z"),
    ]


@pytest.mark.parametrize(("kind", "algorithm"), [(PERSON, RSA_SHA256), (NIHII, ECDSA_SHA256), (CBE, ECDSA_SHA256)])
def test_exactly_body_and_timestamp_are_signed(kind: str, algorithm: str) -> None:
    """Exclusive canonicalisation and SHA-256, the algorithm of the key, and nothing else is covered."""
    root = parse(message(kind))
    signature, stamp = part(root, HEADER, SECURITY, SIGNATURE), part(root, HEADER, SECURITY, TIMESTAMP)
    info = part(signature, f"{{{DS}}}SignedInfo")
    assert part(info, f"{{{DS}}}CanonicalizationMethod").get("Algorithm") == EXCLUSIVE
    assert part(info, f"{{{DS}}}SignatureMethod").get("Algorithm") == algorithm
    found = [
        (
            one.get("URI"),
            [transform.get("Algorithm") for transform in part(one, f"{{{DS}}}Transforms")],
            part(one, f"{{{DS}}}DigestMethod").get("Algorithm"),
        )
        for one in info.findall(f"{{{DS}}}Reference")
    ]
    names = [f"#{element.get(WSU_ID)}" for element in (stamp, part(root, BODY))]
    assert found == [(name, [EXCLUSIVE], SHA256) for name in names]
    assert all(not name[1].isdecimal() for name in names)


@pytest.mark.parametrize("kind", KINDS)
def test_key_info_refers_to_the_assertion(kind: str) -> None:
    """The key is that of the assertion, named by its id in the way of the SAML token profile."""
    root = parse(message(kind))
    reference = part(root, HEADER, SECURITY, SIGNATURE, f"{{{DS}}}KeyInfo", f"{{{WSSE}}}SecurityTokenReference")
    assert [value for name, value in reference.attrib.items() if str(name).endswith("}TokenType")] == [SAML_TOKEN]
    (identifier,) = children(reference)
    assert identifier.tag == f"{{{WSSE}}}KeyIdentifier"
    assert identifier.get("ValueType") == SAML_ASSERTION_ID
    assert identifier.text == world().holders[kind].assertion_id


def test_ids_of_two_messages_differ() -> None:
    """No id is used again."""
    first, second = ({one.get(WSU_ID) for one in parse(message(PERSON)).iter(etree.Element)} - {None} for _ in range(2))
    assert len(first) == len(second) == 2
    assert not first & second


def test_header_that_is_there_is_kept() -> None:
    """A header block of the envelope stays beside the security."""
    envelope = contract().build(OPERATION, VALUES)
    header = etree.Element(HEADER)
    etree.SubElement(header, "{urn:x}Own").text = "1"
    envelope.insert(0, header)
    data = secure(envelope, *caller(PERSON), datetime.now(UTC))
    assert [child.tag for child in children(part(parse(data), HEADER))] == ["{urn:x}Own", SECURITY]
    assert authenticated(data)


def test_default_namespace_that_is_taken_back_stays_taken_back() -> None:
    """What is in no namespace below a default one is so still once the message is signed, and its signature holds."""
    inside = '<r xmlns="urn:r" Id="_r"><c xmlns="">x</c></r>'
    envelope = parse(f'<e:Envelope xmlns:e="{SOAP}"><e:Body>{inside}</e:Body></e:Envelope>'.encode())
    data = secure(envelope, *caller(PERSON), datetime.now(UTC))
    assert [one.tag for one in body_child(parse(data)).iter(etree.Element)] == ["{urn:r}r", "c"]
    assert authenticated(data)


def test_scene_names_the_parts_of_a_message() -> None:
    """What breaks a message finds its parts, and writes what it likes in the assertion's place."""
    assertion, signer = caller(PERSON)
    draft = signed(contract().build(OPERATION, VALUES), assertion, signer, NOW, timedelta(seconds=5))
    tags = [draft.header.tag, draft.security.tag, draft.stamp.tag, draft.body.tag, draft.signature.tag]
    assert tags == [HEADER, SECURITY, TIMESTAMP, BODY, SIGNATURE]
    assert draft.body is body_of(draft.envelope)
    assert draft.stamp[1].text == f"{NOW + timedelta(seconds=5):%Y-%m-%dT%H:%M:%S}.000Z"
    assert assertion.data in written(draft)
    assert b"<other/>" in written(draft, b"<other/>")
    assert b"Assertion" not in written(draft, b"").replace(b"SAMLAssertionID", b"")
    draft.security.remove(draft.place)
    assert assertion.data not in written(draft)


# Broken messages

NOT_OF_SECURITY = {
    *("tolerated", "long-lifetime", "replay", "token-signed", "other-prefixes", "assertion-denied"),
    *("not-well-formed", "document-type", "not-soap", "soap12", "soap12-media-type", "media-type"),
    *("method-get", "method-put", "no-action", "other-action"),
    *("no-body", "empty-body", "second-child", "unknown-operation", "unknown-header"),
    *("tolerated-future", "default-namespaces"),
    *("forged-request-in-header", "forged-body-in-header", "forged-without-prefixes-in-header"),
}
"""Breaches that a gateway may put up with, and those of the form of a message or of HTTP, whose security is right."""


OF_SECURITY = [name for name in MUTATIONS if name not in NOT_OF_SECURITY]
OVER = Terms(start=timedelta(days=-2), end=timedelta(hours=-1))
"""An assertion that held until an hour ago."""
HELD = (
    *("tolerated", "tolerated-future", "token-signed", "other-prefixes", "default-namespaces", "replay"),
    *("unknown-header", "unknown-operation", "other-action"),
    *("forged-request-in-header", "forged-body-in-header", "forged-without-prefixes-in-header"),
)


def broken(name: str, kind: str) -> bytes:
    """Return a message with a breach, as far as that is of its bytes."""
    mutation = MUTATIONS[name]
    assertion, signer = caller(kind)
    borrowed, other_signer = caller(next(other for other in KINDS if other != kind))
    if mutation.other:
        assertion = borrowed
    elif mutation.expired:
        assertion = read_assertion(world().mint(world().holders[kind], OVER).element)
    envelope = contract().build(OPERATION, {**VALUES, ("Criteria", "Person", "PhoneNumber"): "+3225555555"})
    draft = signed(
        envelope,
        assertion,
        foreign(signer) if mutation.foreign_key else signer,
        datetime.now(UTC) + mutation.shift,
        mutation.lifetime,
    )
    if mutation.borrow:
        draft.borrowed = borrowed
    if mutation.other_key:
        draft.other_signer = other_signer
    if mutation.change is not None:
        mutation.change(draft)
    data = written(draft, mutation.assertion(assertion) if mutation.assertion is not None else None)
    return mutation.raw(data) if mutation.raw is not None else data


@pytest.mark.parametrize("kind", [PERSON, NIHII, CBE])
@pytest.mark.parametrize("name", OF_SECURITY)
def test_breach_of_security_is_refused_by_an_independent_implementation(name: str, kind: str) -> None:
    """Whatever the key, what is broken is broken for somebody else too, and the message is XML and SOAP still."""
    data = broken(name, kind)
    root = peer.parse(data)
    assert root.tag == f"{{{SOAP}}}Envelope"
    with pytest.raises(peer.RefusedError):
        peer.authenticate(data, root, demand())


@pytest.mark.parametrize("kind", [PERSON, NIHII, CBE])
@pytest.mark.parametrize("name", HELD)
def test_breach_that_is_not_of_security_is_accepted(name: str, kind: str) -> None:
    """What is wrong with these is elsewhere: their security holds."""
    assert authenticated(broken(name, kind))


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_names_the_section_that_it_concerns(name: str) -> None:
    """Who reads that a mutation was accepted finds the rule: a standard, and a section or a requirement of it."""
    assert re.fullmatch(r"[A-Z][\w .-]+, section [\d.]+|WS-I Basic Profile 1\.1, R\d{4}", MUTATIONS[name].section)


def test_long_lifetime_is_refused_by_those_who_ask_for_a_minute() -> None:
    """Ten minutes are too long for a service that wants one, and right for one that does not look."""
    data = broken("long-lifetime", PERSON)
    assert LONG_LIFETIME > LIFETIME
    with pytest.raises(peer.RefusedError, match=r"security\.timestamp\.long"):
        authenticated(data)
    assert peer.authenticate(data, peer.parse(data), demand(longest=None))


def test_expired_and_future_are_out_of_any_tolerance() -> None:
    """An hour is beyond what anybody puts up with; three minutes are within the five of the cookbooks."""
    assert (MUTATIONS["expired"].shift, MUTATIONS["future"].shift) == (-EXPIRED_BY, EXPIRED_BY)
    assert LIFETIME < WITHIN_TOLERANCE < peer.SKEW < EXPIRED_BY
    for name in ("expired", "future"):
        with pytest.raises(peer.RefusedError, match=rf"security\.timestamp\.{name}"):
            authenticated(broken(name, PERSON))


def test_altered_body_is_valid_by_the_schema_still() -> None:
    """So that nothing but the signature can be the reason to refuse it."""
    root = parse(broken("body-altered", PERSON))
    assert contract().problems(body_child(root)) == []
    assert text(next(root.iter("PhoneNumber"))) == "+3225555551"


@pytest.mark.parametrize("kind", [PERSON, NIHII, CBE])
def test_altered_signature_is_a_signature_still(kind: str) -> None:
    """Its value has as many characters as before, of which one is another."""
    assertion, signer = caller(kind)
    draft = signed(contract().build(OPERATION, VALUES), assertion, signer, NOW)
    value = next(draft.signature.iter(f"{{{DS}}}SignatureValue"))
    before = "".join((value.text or "").split())
    change = MUTATIONS["signature-altered"].change
    assert change is not None
    change(draft)
    after = "".join((value.text or "").split())
    assert len(after) == len(before)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_breach_of_nothing_changes_nothing() -> None:
    """What is not said of a breach is as in a right message."""
    usual = SecurityMutation()
    assert (usual.change, usual.shift, usual.lifetime, usual.foreign_key) == (None, timedelta(), LIFETIME, False)


# Asking an STS

CLAIMS = (
    RequestedAttribute("urn:be:fgov:person:ssin", "85061599690"),
    RequestedAttribute("urn:be:fgov:person:ssin:doctor:boolean"),
)


def asked(kind: KeyKind = KeyKind.P256) -> Element:
    """Return a request of a token."""
    return parse(token_request(signer_of(holder(kind)), CLAIMS, NOW))


@pytest.mark.parametrize("kind", list(KeyKind))
def test_token_request_signs_body_timestamp_and_token(kind: KeyKind) -> None:
    """By the key of the certificate that it brings, in the way of the X.509 token profile."""
    root = asked(kind)
    security = part(root, HEADER, SECURITY)
    token = f"{{{WSSE}}}BinarySecurityToken"
    assert [child.tag for child in security] == [TIMESTAMP, token, SIGNATURE]
    certificate = part(security, token)
    assert (certificate.get("EncodingType"), certificate.get("ValueType")) == (BASE64, X509_TOKEN)
    key = peer.public_key(certificate.text or "")
    assert key == holder(kind).certificate.public_key()
    covered = peer.verify(part(security, SIGNATURE), [key], peer.identified(root))
    assert covered == [part(security, TIMESTAMP), part(root, BODY), certificate]
    pointer = part(security, SIGNATURE, f"{{{DS}}}KeyInfo", f"{{{WSSE}}}SecurityTokenReference", f"{{{WSSE}}}Reference")
    assert (pointer.get("URI"), pointer.get("ValueType")) == (f"#{certificate.get(WSU_ID)}", X509_TOKEN)


def test_token_request_asks_for_a_holder_of_key_assertion() -> None:
    """Issue, SAML 1.1, a public key, that of the certificate; for a day (WS-Trust 1.3, section 4.1)."""
    (request,) = children(part(asked(), BODY))
    assert request.tag == f"{{{WST}}}RequestSecurityToken"
    assert (request.get("Context") or "").startswith("urn:uuid:")
    names = ("TokenType", "RequestType", "Claims", "Lifetime", "KeyType", "UseKey")
    assert [child.tag for child in request] == [f"{{{WST}}}{name}" for name in names]
    found = {name: part(request, f"{{{WST}}}{name}") for name in names}
    assert found["TokenType"].text == SAML_TOKEN
    assert found["RequestType"].text == f"{WST}/Issue"
    assert (found["KeyType"].text or "").endswith("/200512/PublicKey")
    moments = [datetime.fromisoformat(text(one)) for one in found["Lifetime"]]
    assert [one.tag for one in found["Lifetime"]] == [f"{{{WSU}}}Created", f"{{{WSU}}}Expires"]
    assert (moments[0], moments[1] - moments[0]) == (NOW, timedelta(days=1))
    data = part(found["UseKey"], f"{{{WSSE}}}SecurityTokenReference", f"{{{DS}}}X509Data", f"{{{DS}}}X509Certificate")
    assert data.text == certificate_text(holder().certificate)


def test_claims_are_asked_for_and_asserted() -> None:
    """A claim with a value is asserted, one without is asked for; both by name, in order."""
    claims = next(asked().iter(f"{{{WST}}}Claims"))
    assert claims.get("Dialect") == f"{AUTH}/authclaims"
    assert [(one.tag, one.get("Uri"), one.findtext(f"{{{AUTH}}}Value")) for one in claims] == [
        (f"{{{AUTH}}}ClaimType", "urn:be:fgov:person:ssin", "85061599690"),
        (f"{{{AUTH}}}ClaimType", "urn:be:fgov:person:ssin:doctor:boolean", None),
    ]


# What an STS answers

START = f'<s:Envelope xmlns:s="{SOAP}"%s><s:Body><w:RSTR xmlns:w="{WST}"><w:RequestedSecurityToken>'
END = "</w:RequestedSecurityToken></w:RSTR></s:Body></s:Envelope>"
SPACE = f' xmlns:saml="{SAML}"'


def answer(inside: bytes, attributes: str = "") -> bytes:
    """Return an answer with something in the place of the token."""
    return (START % attributes).encode() + inside + END.encode()


@pytest.mark.parametrize("kind", KINDS)
def test_assertion_in_an_answer_is_kept_byte_for_byte(kind: str) -> None:
    """Whatever way the STS writes, the assertion is the one that stands there."""
    element = world().holders[kind].element
    for data in (
        answer(element),
        b'<?xml version="1.0"?>\n' + answer(element) + b"\n",
        b"\xef\xbb\xbf" + answer(element),
    ):
        assert issued_assertion(data).data == element


def test_namespaces_that_are_declared_above_are_taken_along() -> None:
    """An assertion that uses what its surroundings declare is written anew, with its signature whole."""
    usual = issued()
    bare = usual.data.replace(SPACE.encode(), b"", 1)
    assert bare != usual.data
    read = issued_assertion(answer(bare, SPACE))
    assert (read.id, read.attributes) == (usual.id, usual.attributes)
    assert signature_problem(element_of(read), (tokens().credential.certificate,)) == ""


def test_default_namespace_that_is_declared_above_is_taken_along() -> None:
    """So it is where the assertion has no prefix, or where only a part of it depends on what is above."""
    own = issued().data.replace(b"saml:", b"").replace(b"xmlns:saml=", b"xmlns=")
    bare = own.replace(f' xmlns="{SAML}"'.encode(), b"", 1)
    read = issued_assertion(f'<a xmlns="{SAML}">'.encode() + bare + b"</a>")
    assert (read.id, element_of(read).tag) == (parse(own).get("AssertionID"), ASSERTION)
    partly = issued().data.replace(b"<saml:Conditions", b"<Own/><saml:Conditions", 1)
    read = issued_assertion(b'<a xmlns="urn:own">' + partly + b"</a>")
    assert children(element_of(read))[0].tag == "{urn:own}Own"


def test_assertion_below_a_namespace_that_is_no_uri_is_kept_byte_for_byte() -> None:
    """A placeholder in a namespace around it, which nothing can be canonicalised with, changes nothing."""
    usual = issued()
    data = answer(usual.data, ' xmlns:p="urn:example:v{version.major}"')
    assert issued_assertion(data).data == usual.data


@pytest.mark.parametrize("codec", ["utf-16", "iso-8859-1"])
def test_assertion_in_another_encoding_is_read(codec: str) -> None:
    """An answer that is not in UTF-8 is understood, its assertion written anew."""
    inside = f'<saml:Assertion{SPACE} AssertionID="_1"><saml:NameIdentifier>Zoë</saml:NameIdentifier></saml:Assertion>'
    data = f'<?xml version="1.0" encoding="{codec}"?><r>{inside}</r>'.encode(codec)
    read = issued_assertion(data)
    assert (read.id, read.subject) == ("_1", "Zoë")
    assert read.data == inside.encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "it is not XML: not well-formed", id="nothing"),
        pytest.param(b"\0\xff", "it is not XML: not well-formed", id="garbage"),
        pytest.param(b"<html>", "it is not XML: not well-formed", id="HTML"),
        pytest.param(b"<!DOCTYPE a><a/>", "it is not XML: a document type declaration is not accepted", id="DTD"),
        pytest.param(answer(b""), "there is no assertion in it", id="no token"),
        pytest.param(
            answer(b'<s2:Assertion xmlns:s2="urn:oasis:names:tc:SAML:2.0:assertion"/>'),
            "there is no SAML 1.1 assertion in it, but one of SAML 2.0, which is not supported",
            id="SAML 2.0",
        ),
        pytest.param(
            f'<s:Envelope xmlns:s="{SOAP}"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>no &lt;such> '
            "claim</faultstring></s:Fault></s:Body></s:Envelope>".encode(),
            "it refuses: no <such> claim",
            id="fault",
        ),
        pytest.param(
            answer(b"<c:Challenge xmlns:c='urn:c'/>"),
            "it asks for a challenge, which is not supported",
            id="challenge",
        ),
        pytest.param(
            answer(
                f"<saml:Assertion{SPACE}><saml:SubjectConfirmation><saml:ConfirmationMethod>".encode()
                + b"urn:oasis:names:tc:SAML:1.0:cm:holder-of-key</saml:ConfirmationMethod>"
                + f'<X509Certificate xmlns="{DS}">AAAA</X509Certificate>'.encode()
                + b"</saml:SubjectConfirmation></saml:Assertion>"
            ),
            "a certificate in it cannot be read",
            id="damaged certificate",
        ),
    ],
)
def test_answer_without_a_usable_assertion_is_told(data: bytes, message: str) -> None:
    """What the STS says instead is the reason."""
    with pytest.raises(SamlError) as caught:
        issued_assertion(data)
    assert str(caught.value).startswith(message)


def test_words_of_a_refusal_are_cut() -> None:
    """A long fault is shown as far as it can be read."""
    fault = f'<s:Fault xmlns:s="{SOAP}"><faultstring>{"x" * 5000}</faultstring></s:Fault>'
    with pytest.raises(SamlError) as caught:
        issued_assertion(fault.encode())
    assert len(str(caught.value)) < 250


def test_body_child_is_the_request() -> None:
    """The element in the Body is the request of the operation."""
    envelope = contract().build(OPERATION, VALUES)
    assert body_child(envelope).tag == contract().operations[OPERATION].request
    assert serialise(body_child(envelope)).startswith(b"<ns0:GenerateCovidIdRequest")
