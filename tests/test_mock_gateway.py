"""Tests of the local platform's gateway: each check by a message that breaks it alone, and every form of wrapping."""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from starlette.exceptions import HTTPException
from starlette.responses import Response

from conformance.checks import soap_request
from conformance.checks.request_problem import RequestProblem, soap_problem
from conformance.checks.secured_request import CHECKS, name_of
from conformance.checks.soap_request import ExpectedRequest, Incoming, request_problems
from conformance.formats.documents import read
from conformance.formats.schemas import specs_root
from conformance.mock import gateway
from conformance.mock.authority import Credential, KeyKind
from conformance.mock.gateway import Accepted, Gateway, SoapRefusalError, answering, error_fault
from conformance.mock.sts import ISSUER
from conformance.model.contract import ErrorCode
from conformance.model.exchange import Request
from conformance.soap.markup import Element, canonical, parse, serialise
from conformance.soap.names import (
    BASE64,
    DS,
    ENVELOPED,
    EXCLUSIVE,
    SAML,
    SAML_TOKEN,
    SHA256,
    SOAP,
    SOAP12,
    WSSE,
    WSU,
    X509_TOKEN,
    XML,
)
from conformance.soap.security import wss
from conformance.soap.xsd.contract import SoapOperation, read_value
from tests.signing import (
    BODY,
    HEADER,
    NOW,
    OPERATION,
    SECURITY,
    SIGNATURE,
    TIMESTAMP,
    Change,
    authority,
    contract,
    holder,
    issued,
    message,
    part,
    security,
    sign_again,
    signed_parts,
    signer,
    stamp,
    tokens,
)

ACTION = contract().operations[OPERATION].action
CATALOGUE = specs_root() / "dossier-number-generation" / "1.2" / "errors.yaml"
ERRORS = {row["code"]: ErrorCode(**row) for row in read(CATALOGUE).data["errors"]}
OTHER = SoapOperation("Other", "urn:other", "", "{urn:other}Request", "{urn:other}Response", (), ())
ADDRESS = "https://localhost/DossierNumberGeneration/v1"
MINUTE = timedelta(minutes=1)
GOOD = serialise(message())
NAMES = [name_of(check) for check in CHECKS]


def standing(*operations: SoapOperation) -> Gateway:
    """Return a gateway with all checks."""
    own = tuple(contract().operations.values())
    trusted = (tokens().credential.certificate,)
    expected = ExpectedRequest((*own, *operations), contract().problems, trusted, ISSUER)
    return Gateway(expected, lambda: NOW, CHECKS)


def call(data: Element | bytes, action: str = f'"{ACTION}"', kind: str = "text/xml; charset=UTF-8") -> Request:
    """Return an HTTP request with a message."""
    body = data if isinstance(data, bytes) else serialise(data)
    return Request("POST", ADDRESS, (("Content-Type", kind), ("SOAPAction", action)), body)


def refused(data: Element | bytes, door: Gateway | None = None) -> tuple[str, str]:
    """Return code and reason of a refusal."""
    with pytest.raises(SoapRefusalError) as caught:
        (door or standing()).receive(call(data))
    return caught.value.problem.code or "", caught.value.problem.reason


def accepted(data: Element | bytes, door: Gateway | None = None) -> Accepted:
    """Return what passes."""
    return (door or standing()).receive(call(data))


@pytest.mark.parametrize("kind", list(KeyKind))
def test_right_message_passes(kind: KeyKind) -> None:
    """Whatever kind of key its holder has, a right message passes, and tells who sent it."""
    passed = accepted(message(kind))
    assert passed.operation.name == OPERATION
    assert read_value(passed.request, ("Criteria", "Person", "LastName")) == "GOOD"
    assert passed.assertion is not None
    assert passed.assertion.identity("person:ssin") == "85061599690"


# What else is right


def _direct_reference(root: Element) -> None:
    info = etree.Element(f"{{{WSSE}}}SecurityTokenReference")
    own = part(security(root), wss.ASSERTION).get(wss.SAML_ID)
    etree.SubElement(info, f"{{{WSSE}}}Reference", URI=f"#{own}", ValueType=SAML_TOKEN)
    sign_again(root, key_info=info)


def _signed_token(root: Element) -> None:
    """Sign the assertion too, as the policy's ProtectTokens has it."""

    def alter(signature: Element) -> None:
        token = part(security(root), wss.ASSERTION)
        xmlsec.SignatureContext().register_id(token, wss.SAML_ID)
        info = part(signature, f"{{{DS}}}SignedInfo")
        reference = copy.deepcopy(part(info, f"{{{DS}}}Reference"))
        reference.set("URI", f"#{token.get(wss.SAML_ID)}")
        info.append(reference)

    sign_again(root, alter=alter)


def _comments(root: Element) -> None:
    for one in root.iter("LastName"):
        one.text = "GO"
        one.append(etree.Comment("what for?"))
        one[0].tail = "OD"
    sign_again(root)


def _other_header(root: Element) -> None:
    etree.SubElement(part(root, HEADER), "{urn:else}Routing", {wss.WSU_ID: "r"}).text = "1"


def _header_for_somebody_else(root: Element) -> None:
    names = {f"{{{SOAP}}}mustUnderstand": "1", f"{{{SOAP}}}actor": "urn:somebody"}
    etree.SubElement(part(root, HEADER), "{urn:else}Routing", names)


def _no_zone_but_offset(root: Element) -> None:
    for name in ("Created", "Expires"):
        found = part(security(root), TIMESTAMP, f"{{{WSU}}}{name}")
        found.text = f" {(found.text or '').replace('.000Z', '+00:00')} "
    sign_again(root)


@pytest.mark.parametrize(
    "change",
    [
        _direct_reference,
        _signed_token,
        _comments,
        _other_header,
        _header_for_somebody_else,
        _no_zone_but_offset,
        lambda root: stamp(root, 5 * MINUTE, 6 * MINUTE),
        lambda root: stamp(root, -6 * MINUTE, -5 * MINUTE),
        lambda root: sign_again(root, list(reversed(signed_parts(root)))),
    ],
)
def test_what_is_allowed_passes(change: Change) -> None:
    """Another spelling, a clock that differs within the tolerance or a signed token do no harm."""
    root = message()
    change(root)
    assert read_value(accepted(root).request, ("Criteria", "Person", "LastName")) == "GOOD"


def test_other_encodings_pass() -> None:
    """UTF-16 is as good as UTF-8 (R1012), in an envelope whose signature was made before."""
    data = etree.tostring(message(), encoding="UTF-16")
    assert isinstance(data, bytes)
    assert standing().receive(call(data, kind='text/xml; charset="utf-16"')).operation.name == OPERATION


# Each check by a message that breaks it alone


def _second_body(root: Element) -> None:
    root.append(copy.deepcopy(part(root, BODY)))
    root[-1].attrib.pop(wss.WSU_ID)


def _second_request(root: Element) -> None:
    etree.SubElement(part(root, BODY), "{urn:else}More")
    sign_again(root)


def _instruction(root: Element) -> None:
    root.append(etree.ProcessingInstruction("a", "b"))


def _not_understood(root: Element) -> None:
    etree.SubElement(part(root, HEADER), "{urn:else}Routing", {f"{{{SOAP}}}mustUnderstand": "1"})


def _second_security(root: Element) -> None:
    etree.SubElement(part(root, HEADER), f"{{{WSSE}}}Security")


def _second_id(root: Element, attribute: str = wss.WSU_ID) -> None:
    etree.SubElement(part(root, HEADER), "{urn:else}Routing", {attribute: str(part(root, BODY).get(wss.WSU_ID))})


def _second_timestamp(root: Element) -> None:
    etree.SubElement(part(root, HEADER), TIMESTAMP)


def _third_member(root: Element) -> None:
    etree.SubElement(part(security(root), TIMESTAMP), "{urn:else}More")
    sign_again(root)


def _second_assertion(root: Element) -> None:
    etree.SubElement(part(root, HEADER), wss.ASSERTION)


def _second_signature(root: Element) -> None:
    etree.SubElement(part(root, HEADER), SIGNATURE)


def _replaced(root: Element, change: Change | None = None, by: Credential | None = None) -> None:
    """Put another assertion into a message, and sign it again."""
    old = part(security(root), wss.ASSERTION)
    security(root).replace(old, parse(issued(change=change, by=by).data))
    sign_again(root)


def _value(name: str, text: str) -> Change:
    def change(assertion: Element) -> None:
        for one in assertion.iter(f"{{{SAML}}}Attribute"):
            if one.get("AttributeName", "").endswith(name):
                part(one, f"{{{SAML}}}AttributeValue").text = text

    return change


def _set(attribute: str, text: str) -> Change:
    return lambda assertion: assertion.set(attribute, text)


def _limits(before: timedelta, after: timedelta) -> Change:
    def change(assertion: Element) -> None:
        conditions = part(assertion, f"{{{SAML}}}Conditions")
        conditions.set("NotBefore", wss.instant(NOW + before))
        conditions.set("NotOnOrAfter", wss.instant(NOW + after))

    return change


def _bearer(assertion: Element) -> None:
    for one in assertion.iter(f"{{{SAML}}}ConfirmationMethod"):
        one.text = "urn:oasis:names:tc:SAML:1.0:cm:bearer"
        break


def _old_certificate(assertion: Element) -> None:
    """Put a certificate for the same key that has expired into an assertion."""
    own, above = holder(), authority()
    old = (
        x509.CertificateBuilder(own.certificate.issuer, own.certificate.subject, own.key.public_key(), 1)
        .not_valid_before(NOW - timedelta(days=9))
        .not_valid_after(NOW - timedelta(days=1))
        .sign(above.key, hashes.SHA256())
    )
    for one in assertion.iter(f"{{{DS}}}X509Certificate"):
        one.text = wss.certificate_text(old)


def _altered_assertion(root: Element) -> None:
    _value("doctor:nihii11", "12345625001")(security(root))


def _foreign_reference(root: Element) -> None:
    sign_again(root, key_info=wss.assertion_reference("_another"))


def _unknown_element(root: Element) -> None:
    etree.SubElement(part(root, BODY)[0], "NoSuchElement")
    sign_again(root)


def _impossible_time(root: Element) -> None:
    part(root, BODY)[0].set("IssueInstant", "2026-02-30T12:00:00Z")
    sign_again(root)


def _no_time(root: Element) -> None:
    del part(root, BODY)[0].attrib["IssueInstant"]
    sign_again(root)


def _other_gender(root: Element) -> None:
    for one in root.iter("Gender"):
        one.text = "X"
    sign_again(root)


def _gender(root: Element) -> None:
    for one in root.iter("Gender"):
        one.text = "X"


def _altered_after(root: Element) -> None:
    for one in root.iter("Gender"):
        one.text = "M"


def _transform(*algorithms: str, inside: str = "") -> Change:
    def alter(signature: Element) -> None:
        for listed in signature.iter(f"{{{DS}}}Transforms"):
            for one in list(listed):
                listed.remove(one)
            for name in algorithms:
                one = etree.SubElement(listed, f"{{{DS}}}Transform", Algorithm=name)
                if inside:
                    one.append(etree.fromstring(inside))
            break

    return alter


KEY_INFO = f"{{{DS}}}KeyInfo"


def _moments(root: Element, created: timedelta, expires: timedelta) -> None:
    """Write other times into a Timestamp, whatever was signed."""
    for name, moment in (("Created", created), ("Expires", expires)):
        part(security(root), TIMESTAMP, f"{{{WSU}}}{name}").text = wss.instant(NOW + moment)


def _token(root: Element, change: Change) -> None:
    """Change the assertion of a message, whatever was signed."""
    change(part(security(root), wss.ASSERTION))


ALONE: list[tuple[str, str, Change]] = [
    ("one_body", "SOA-03004", _second_body),
    ("one_body", "SOA-03004", lambda root: etree.SubElement(root, "{urn:else}After")),
    ("one_body", "SOA-03004", lambda root: etree.SubElement(root, HEADER)),
    ("one_request", "SOA-03004", _second_request),
    ("no_instructions", "SOA-03004", _instruction),
    ("headers_understood", "SOA-03004", _not_understood),
    ("one_security", "SOA-01001", _second_security),
    ("unique_ids", "SOA-01001", _second_id),
    ("unique_ids", "SOA-01001", lambda root: _second_id(root, "ID")),
    ("one_timestamp", "SOA-01001", _second_timestamp),
    ("timestamp_complete", "SOA-01001", _third_member),
    ("timestamp_ordered", "SOA-01001", lambda root: stamp(root, MINUTE, -MINUTE)),
    ("timestamp_begun", "SOA-01001", lambda root: stamp(root, 6 * MINUTE, 7 * MINUTE)),
    ("timestamp_alive", "SOA-01001", lambda root: stamp(root, -7 * MINUTE, -6 * MINUTE)),
    ("one_assertion", "SOA-01001", _second_assertion),
    ("one_signature", "SOA-01001", _second_signature),
    ("assertion_genuine", "SOA-01001", _altered_assertion),
    ("assertion_genuine", "SOA-01001", lambda root: _replaced(root, by=holder(KeyKind.RSA))),
    ("assertion_issuer", "SOA-01001", lambda root: _replaced(root, _set("Issuer", "urn:another"))),
    ("assertion_in_time", "SOA-01001", lambda root: _replaced(root, _limits(-2 * MINUTE, -MINUTE))),
    ("assertion_in_time", "SOA-01001", lambda root: _replaced(root, _limits(MINUTE, 2 * MINUTE))),
    ("assertion_in_time", "SOA-01001", lambda root: _replaced(root, lambda one: one.remove(one[0]))),
    ("holder_of_key", "SOA-01001", lambda root: _replaced(root, _bearer)),
    ("holder_certificate", "SOA-01001", lambda root: _replaced(root, _old_certificate)),
    ("key_of_assertion", "SOA-01001", _foreign_reference),
    ("signature_plain", "SOA-01001", lambda root: sign_again(root, alter=_transform())),
    ("signature_plain", "SOA-01001", lambda root: sign_again(root, alter=_transform(ENVELOPED, EXCLUSIVE))),
    ("signature_plain", "SOA-01001", lambda root: sign_again(root, alter=_transform(EXCLUSIVE, EXCLUSIVE))),
    ("body_signed", "SOA-01001", lambda root: sign_again(root, signed_parts(root)[:1])),
    ("timestamp_signed", "SOA-01001", lambda root: sign_again(root, signed_parts(root)[1:])),
    ("signature_holds", "SOA-01001", _altered_after),
    ("signature_holds", "SOA-01001", lambda root: sign_again(root, by=holder(KeyKind.P384))),
    ("signature_holds", "SOA-01001", lambda root: sign_again(root, by=holder(KeyKind.RSA))),
    ("attributes_granted", "SOA-01002", lambda root: _replaced(root, _value("doctor:boolean", "false"))),
    ("attributes_granted", "SOA-01002", lambda root: _replaced(root, _value("doctor:boolean", ""))),
    ("attributes_granted", "SOA-01002", lambda root: _replaced(root, _value("doctor:nihii11", " "))),
    ("elements_valid", "SOA-03006", _unknown_element),
    ("attributes_valid", "SOA-03006", _impossible_time),
    ("attributes_valid", "SOA-03006", _no_time),
    ("values_valid", "SOA-03006", _other_gender),
]


@pytest.mark.parametrize(("name", "code", "change"), ALONE)
def test_check_refuses_what_it_is_for(name: str, code: str, change: Change) -> None:
    """A message that breaks one rule is refused with its code, and passes where that check alone is left out."""
    root = message()
    change(root)
    assert refused(root)[0] == code
    assert accepted(root, standing().without(name))


def problems_of(sent: Request) -> list[RequestProblem]:
    """Return every problem of a request."""
    return list(request_problems(Incoming(sent, standing().expected, NOW), CHECKS))


@pytest.mark.parametrize(("name", "code", "change"), ALONE)
def test_each_problem_names_its_check(name: str, code: str, change: Change) -> None:
    """A check yields problems under its own name, and the one that a message breaks is among them, with its code."""
    root = message()
    change(root)
    incoming = Incoming(call(root), standing().expected, NOW)
    by_check = {name_of(check): list(check(incoming)) for check in CHECKS}
    assert all(problem.check == own for own, found in by_check.items() for problem in found)
    assert code in {problem.code for problem in by_check[name]}


@pytest.mark.parametrize(("name", "code", "change"), ALONE)
def test_the_first_problem_is_what_is_refused(name: str, code: str, change: Change) -> None:
    """The gateway refuses by the first problem in the order of its checks."""
    del name
    root = message()
    change(root)
    first = problems_of(call(root))[0]
    assert (first.code, first.status) == (code, HTTPStatus.INTERNAL_SERVER_ERROR)
    assert refused(root) == (first.code, first.reason)


def test_right_message_has_no_problem() -> None:
    """Nothing is said against a right message."""
    assert problems_of(call(message())) == []


APART: dict[str, Change] = {
    "headers_understood": _not_understood,
    "no_instructions": _instruction,
    "unique_ids": _second_id,
    "one_timestamp": _second_timestamp,
    "timestamp_alive": lambda root: _moments(root, -9 * MINUTE, -8 * MINUTE),
    "assertion_issuer": lambda root: _token(root, _set("Issuer", "urn:another")),
    "holder_of_key": lambda root: _token(root, _bearer),
    "attributes_granted": lambda root: _token(root, _value("doctor:boolean", "false")),
    "key_of_assertion": lambda root: part(security(root), SIGNATURE, KEY_INFO).clear(),
    "elements_valid": lambda root: etree.SubElement(part(root, BODY)[0], "NoSuchElement"),
    "attributes_valid": lambda root: part(root, BODY)[0].set("IssueInstant", "never"),
    "values_valid": _gender,
}
"""Mistakes that leave each other alone, but that what was signed does not hold any more."""
UNSIGNED = {"assertion_genuine", "signature_holds"}


@given(st.sets(st.sampled_from(sorted(APART)), min_size=1))
@settings(max_examples=60, deadline=None)
def test_every_mistake_of_a_message_is_reported(names: set[str]) -> None:
    """A signed message with several things wrong at once hears of all of them, and of nothing that is right."""
    root = message()
    for name in sorted(names):
        APART[name](root)
    found = [problem.check for problem in problems_of(call(root))]
    assert set(found) - UNSIGNED == names
    assert found == sorted(found, key=NAMES.index)


def test_mistakes_of_one_kind_are_all_reported() -> None:
    """A check does not stop at the first problem of its kind."""
    root = message()
    for name in ("A", "B"):
        etree.SubElement(part(root, HEADER), f"{{urn:else}}{name}", {f"{{{SOAP}}}mustUnderstand": "1"})
        etree.SubElement(part(root, BODY)[0], name).set(wss.WSU_ID, str(part(root, BODY).get(wss.WSU_ID)))
    reasons = [problem.reason for problem in problems_of(call(root)) if problem.check == "headers_understood"]
    assert reasons == ["the header A is not understood", "the header B is not understood"]


def test_mistakes_of_http_are_reported_beside_those_of_soap() -> None:
    """Method, media type and SOAPAction are no reason to look no further."""
    root = message()
    _not_understood(root)
    sent = Request("PUT", ADDRESS, (("Content-Type", "text/plain"),), serialise(root))
    assert [(problem.check, problem.status, problem.code) for problem in problems_of(sent)] == [
        ("posted", 405, None),
        ("media_type", 415, None),
        ("headers_understood", 500, "SOA-03004"),
        ("action_quoted", 500, "SOA-03004"),
    ]


@pytest.mark.parametrize(("data", "name"), [(b"", "well_formed"), (b"<a", "well_formed"), (b"<a/>", "soap_envelope")])
def test_what_is_no_message_is_told_once(data: bytes, name: str) -> None:
    """Where there is no XML, or no envelope, nothing is said about what would be in it."""
    assert [problem.check for problem in problems_of(call(data))] == [name]


def test_header_names_are_case_insensitive() -> None:
    """The names of header fields are read as HTTP has it (RFC 9110, section 5.1)."""
    headers = (("CONTENT-TYPE", "text/xml"), ("soapAction", f'"{ACTION}"'))
    assert problems_of(Request("POST", ADDRESS, headers, serialise(message()))) == []


FIELDS = st.lists(
    st.tuples(st.sampled_from(["Content-Type", "SOAPAction", "soapaction", "X"]), st.text(max_size=20)), max_size=4
)
MARKUP = st.lists(st.sampled_from([b"<", b">", b"/", b"e:Envelope", b" xmlns:e='urn:e'", b"e:Body", b"\xff", b"a"]))


@given(st.text(max_size=8), FIELDS, st.binary(max_size=300) | MARKUP.map(b"".join))
@settings(max_examples=300, deadline=None)
def test_any_request_has_problems(method: str, headers: list[tuple[str, str]], body: bytes) -> None:
    """All checks run on any method, header fields and bytes, and none of them raises."""
    found = problems_of(Request(method, ADDRESS, tuple(headers), body))
    assert {"well_formed", "soap_envelope"} & {problem.check for problem in found}


@given(st.integers(0, 100_000), st.integers(0, 40), st.binary(max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_damage_to_a_message_is_looked_at(place: int, length: int, instead: bytes) -> None:
    """All checks run on a message that is broken anywhere, and none of them raises."""
    place %= len(GOOD)
    data = GOOD[:place] + instead + GOOD[place + length :]
    assert all(problem.reason and problem.check in NAMES for problem in problems_of(call(data)))


@pytest.mark.parametrize(
    ("name", "action", "operations"),
    [
        ("action_quoted", ACTION, ()),
        ("action_quoted", f'"{ACTION}', ()),
        ("action_known", '"urn:nothing"', ()),
        ("action_known", '""', ()),
        ("action_fits", '"urn:other"', (OTHER,)),
    ],
)
def test_action_is_checked(name: str, action: str, operations: tuple[SoapOperation, ...]) -> None:
    """A SOAPAction that has no quotes, or is not that of the request, breaks WS-I."""
    door = standing(*operations)
    with pytest.raises(SoapRefusalError) as caught:
        door.receive(call(message(), action))
    assert caught.value.problem.code == "SOA-03004"
    assert door.without(name).receive(call(message(), action))


@pytest.mark.parametrize("name", ["US-ASCII", "ISO-8859-1"])
def test_other_encodings_are_refused(name: str) -> None:
    """A message in an encoding that WS-I does not allow is refused, even if it can be read."""
    data = etree.tostring(message(), encoding=name, xml_declaration=True)
    assert isinstance(data, bytes)
    assert refused(data)[0] == "SOA-03004"
    assert accepted(data, standing().without("encoding"))


def test_missing_and_doubled_actions_are_refused() -> None:
    """There is one SOAPAction, no more and no less."""
    for actions in ((), (("soapaction", f'"{ACTION}"'),) * 2):
        headers = (("content-type", "text/xml"), *actions)
        with pytest.raises(SoapRefusalError, match="SOA-03004"):
            standing().receive(Request("POST", ADDRESS, headers, serialise(message())))


def test_unknown_operation_is_refused() -> None:
    """An element that no operation takes is no matter of the schema, but of the WSDL."""
    root = message()
    part(root, BODY)[0].tag = "{urn:else}Request"
    sign_again(root)
    assert refused(root)[0] == "SOA-03005"
    assert refused(root, standing().without("operation_known", "elements_valid"))[0] == "SOA-03005"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"hello",
        b"<a>",
        b"<a/><b/>",
        b"\xff\xfe<",
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b'<?xml version="1.0" encoding="nothing"?><a/>',
        b"<a>" * 5000,
    ],
)
def test_what_is_no_xml_is_malformed(data: bytes) -> None:
    """What is not well-formed, or brings a DTD, is malformed."""
    assert refused(data)[0] == "SOA-03001"


def test_what_is_no_soap_is_told() -> None:
    """Another root is no SOAP; an envelope of SOAP 1.2 is told that the version is wrong (SOAP 1.1, section 4.4.1)."""
    assert refused(b"<a/>")[0] == "SOA-03002"
    with pytest.raises(SoapRefusalError) as caught:
        accepted(f'<e:Envelope xmlns:e="{SOAP12}"><e:Body/></e:Envelope>'.encode())
    assert (caught.value.problem.code, caught.value.problem.fault) == ("SOA-03002", "VersionMismatch")


def test_body_has_to_be_there() -> None:
    """Without Body, or with nothing in it, there is nothing to serve."""
    root = message()
    root.remove(part(root, BODY))
    assert refused(root)[0] == "SOA-03003"
    empty = message()
    part(empty, BODY).clear()
    assert refused(empty)[0] == "SOA-03003"


@pytest.mark.parametrize(
    "tags", [(f"{{{WSSE}}}Security",), *[(f"{{{WSSE}}}Security", tag) for tag in (TIMESTAMP, wss.ASSERTION, SIGNATURE)]]
)
def test_security_is_demanded(tags: tuple[str, ...]) -> None:
    """Without Security header, Timestamp, assertion or Signature nobody is authenticated."""
    root = message()
    found = part(root, HEADER, *tags)
    parent = found.getparent()
    assert parent is not None
    parent.remove(found)
    assert refused(root)[0] == "SOA-01001"


def test_header_is_demanded() -> None:
    """A message with nothing but a Body is not authenticated."""
    root = message()
    root.remove(part(root, HEADER))
    assert refused(root)[0] == "SOA-01001"


@pytest.mark.parametrize("said", ["", "now", "2026-13-01T00:00:00Z", "2026-11-25T10:00:00", "2026-01-01Z"])
@pytest.mark.parametrize("name", ["Created", "Expires"])
def test_unreadable_times_are_refused(name: str, said: str) -> None:
    """A time that is none, or has no zone, is no time."""
    root = message()
    part(security(root), TIMESTAMP, f"{{{WSU}}}{name}").text = said
    sign_again(root)
    assert refused(root)[1] == "the Timestamp has not one Created and one Expires"


def test_unreadable_certificate_is_refused() -> None:
    """An assertion whose holder cannot be read authenticates nobody."""
    root = message()
    for one in part(security(root), wss.ASSERTION).iter(f"{{{DS}}}X509Certificate"):
        one.text = "nothing"
        break
    assert refused(root)[0] == "SOA-01001"


def test_assertion_without_certificate_is_refused() -> None:
    """A key has to be named by a certificate."""

    def change(assertion: Element) -> None:
        for one in list(assertion.iter(f"{{{DS}}}KeyInfo")):
            parent = one.getparent()
            assert parent is not None
            parent.remove(one)

    root = message()
    _replaced(root, change)
    assert refused(root)[0] == "SOA-01001"
    assert refused(root, standing().without("holder_certificate"))[0] == "SOA-01001"


def test_caller_is_no_sts() -> None:
    """A certificate of the same authority does not make a caller an STS that others believe."""
    root = message(KeyKind.RSA)
    _replaced(root, by=holder(KeyKind.RSA))
    assert "which is not trusted" in refused(root)[1]


# Signatures that do something else than they should


def _uri(uri: str | None) -> Change:
    def alter(signature: Element) -> None:
        reference = part(signature, f"{{{DS}}}SignedInfo", f"{{{DS}}}Reference")
        if uri is None:
            reference.attrib.pop("URI")
        else:
            reference.set("URI", uri.format(reference.get("URI", "")[1:]))

    return alter


def _algorithm(tag: str, name: str) -> Change:
    def alter(signature: Element) -> None:
        for one in signature.iter(f"{{{DS}}}{tag}"):
            one.set("Algorithm", name)

    return alter


def _object(signature: Element) -> None:
    """Add a Manifest, whose references would be followed."""
    manifest = etree.SubElement(etree.SubElement(signature, f"{{{DS}}}Object"), f"{{{DS}}}Manifest")
    reference = etree.SubElement(manifest, f"{{{DS}}}Reference", URI="file:///etc/hostname")
    etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=SHA256)
    etree.SubElement(reference, f"{{{DS}}}DigestValue")


XSLT = (
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
    '<xsl:template match="/"><nothing/></xsl:template></xsl:stylesheet>'
)
XPATH = f'<ds:XPath xmlns:ds="{DS}">false()</ds:XPath>'
FILTER = '<f:XPath xmlns:f="http://www.w3.org/2002/06/xmldsig-filter2" Filter="subtract">//LastName</f:XPath>'
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"


@pytest.mark.parametrize(
    "alter",
    [
        _transform(INCLUSIVE),
        _transform(f"{EXCLUSIVE}WithComments"),
        _transform("http://www.w3.org/TR/1999/REC-xpath-19991116", inside=XPATH),
        _transform("http://www.w3.org/2002/06/xmldsig-filter2", inside=FILTER),
        _transform("http://www.w3.org/TR/1999/REC-xslt-19991116", inside=XSLT),
        _uri(""),
        _uri("file:///etc/hostname"),
        _uri("#xpointer(id('{}'))"),
        _uri("#xpointer(/)"),
        _algorithm("CanonicalizationMethod", INCLUSIVE),
        _algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1"),
        _algorithm("DigestMethod", "http://www.w3.org/2000/09/xmldsig#sha1"),
        _object,
    ],
)
def test_signature_that_is_not_plain_is_refused(alter: Change) -> None:
    """A signature that holds, but says something else than "these parts by their ids", proves nothing."""
    root = message()
    try:
        sign_again(root, alter=alter)
    except xmlsec.Error:  # what the library does not even sign is refused all the same
        sign_again(root)
        alter(part(security(root), SIGNATURE))
    assert refused(root)[0] == "SOA-01001"
    assert refused(root, standing().without("signature_plain", "body_signed", "timestamp_signed"))[0] == "SOA-01001"


@pytest.mark.parametrize(
    "alter",
    [
        _uri(None),
        _transform("http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform"),
        _algorithm("SignatureMethod", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"),
        _algorithm("SignatureMethod", "urn:nothing"),
        lambda signature: signature.remove(signature[0]),
        lambda signature: signature.remove(signature[1]),
        lambda signature: signature.append(copy.deepcopy(signature[0])),
        lambda signature: signature[0].clear(),
        lambda signature: [signature[0].remove(one) for one in signature[0].findall(f"{{{DS}}}Reference")],
    ],
)
def test_signature_out_of_shape_is_refused(alter: Change) -> None:
    """A signature without its members, or with algorithms that nobody signs by, proves nothing."""
    root = message()
    alter(part(security(root), SIGNATURE))
    assert refused(root)[0] == "SOA-01001"


def test_nothing_else_may_be_signed() -> None:
    """A signature over a part more than Body, Timestamp and assertion is refused."""
    root = message()
    _other_header(root)
    sign_again(root, [*signed_parts(root), part(root, HEADER)[-1]])
    assert "which is no part that it should" in refused(root)[1]


def _key_infos(root: Element) -> list[Element]:
    """Return contents of KeyInfo that do not point to the assertion, or not only."""
    own = str(part(security(root), wss.ASSERTION).get(wss.SAML_ID))
    wrong_kind, wrong_name = wss.assertion_reference(own), wss.assertion_reference(own)
    wrong_kind[0].set("ValueType", "urn:nothing")
    wrong_name[0].tag = f"{{{WSSE}}}Embedded"
    two, none = wss.assertion_reference(own), etree.Element(f"{{{WSSE}}}SecurityTokenReference")
    two.append(copy.deepcopy(two[0]))
    no_kind = wss.assertion_reference(own)
    no_kind[0].attrib.pop("ValueType")
    data = etree.Element(f"{{{DS}}}X509Data")
    etree.SubElement(data, f"{{{DS}}}X509Certificate").text = wss.certificate_text(holder().certificate)
    return [wrong_kind, wrong_name, two, none, no_kind, data, wss.token_reference("_another")]


@pytest.mark.parametrize("number", range(7))
def test_key_info_has_to_point_to_the_assertion(number: int) -> None:
    """A KeyInfo that has a certificate, nothing, two references, or one to something else is refused."""
    root = message()
    sign_again(root, key_info=_key_infos(root)[number])
    assert refused(root)[1] == "the signature's key is not the assertion's"


def test_key_info_has_to_be_there() -> None:
    """A signature has to say whose key it is by."""
    root = message()
    signature = part(security(root), SIGNATURE)
    signature.remove(signature[-1])
    assert refused(root)[1] == "the signature's key is not the assertion's"


# Signature wrapping: what was signed moves away, something else is to be processed


def _evil(body: Element) -> Element:
    for one in body.iter("LastName"):
        one.text = "EVIL"
    return body


def _moved(root: Element, *, same: bool, into: Callable[[Element], Element], tag: str = "{urn:else}Wrapper") -> None:
    """Move the signed Body somewhere, and put another one in its place, with the same id or without."""
    body = part(root, BODY)
    other = _evil(copy.deepcopy(body))
    if not same:
        other.set(wss.WSU_ID, "_another")
    root.replace(body, other)
    etree.SubElement(into(root), tag).append(body)


def _body_doubled(root: Element, *, before: bool) -> None:
    other = _evil(copy.deepcopy(part(root, BODY)))
    other.attrib.pop(wss.WSU_ID)
    root.insert(1 if before else 2, other)


def _request_doubled(root: Element) -> None:
    """Leave what was signed in the Body, beside what is to be processed: the Body was not signed, its child was."""
    body = part(root, BODY)
    own = body.attrib.pop(wss.WSU_ID)
    body[0].set(wss.WSU_ID, own)
    sign_again(root, [signed_parts(root)[0], body[0]])
    body.insert(0, _evil(copy.deepcopy(body[0])))
    body[0].attrib.pop(wss.WSU_ID)


def _xml_id(root: Element) -> None:
    body = part(root, BODY)
    _moved(root, same=False, into=lambda one: part(one, HEADER))
    own = body.attrib.pop(wss.WSU_ID)
    body.set(f"{{{XML}}}id", own)
    part(root, BODY).set(wss.WSU_ID, own)


def _plain_id(root: Element) -> None:
    _moved(root, same=False, into=lambda one: part(one, HEADER))
    other = part(root, BODY)
    other.attrib.pop(wss.WSU_ID)
    references = security(root).iter(f"{{{DS}}}Reference")
    own = next(one.get("URI", "") for one in references if "body" in one.get("URI", ""))
    other.set("Id", own[1:])


def _old_timestamp(root: Element, *, same: bool, inside: bool) -> None:
    """Replay an old message with a new Timestamp before, or in the place of, the signed one."""
    stamp(root, -30 * MINUTE, -29 * MINUTE)
    signed = part(security(root), TIMESTAMP)
    fresh = wss.timestamp(NOW, MINUTE, str(signed.get(wss.WSU_ID)) if same else "_another")
    security(root).replace(signed, fresh)
    if inside:
        fresh.addnext(signed)
    else:
        etree.SubElement(part(root, HEADER), "{urn:else}Wrapper").append(signed)


def _timestamp_outside(root: Element) -> None:
    part(root, HEADER).append(part(security(root), TIMESTAMP))


def _evil_assertion(root: Element, *, same: bool, inside: str) -> None:
    """Put an assertion of one's own around, or before, the one that the STS signed."""
    genuine = part(security(root), wss.ASSERTION)
    forged = copy.deepcopy(genuine)
    _value("person:ssin", "70020299541")(forged)
    if not same:
        forged.set(wss.SAML_ID, "_another")
    security(root).replace(genuine, forged)
    if inside == "header":
        etree.SubElement(part(root, HEADER), "{urn:else}Wrapper").append(genuine)
    elif inside == "security":
        forged.addnext(genuine)
    else:
        etree.SubElement(part(forged, SIGNATURE), f"{{{DS}}}Object").append(genuine)
    sign_again(root)


def _in_assertion_signature(root: Element, *, first: bool) -> None:
    """Put a confirmation and an attribute of one's own where the assertion's signature does not reach: into itself."""
    token = part(security(root), wss.ASSERTION)
    signature = part(token, SIGNATURE)
    forged = copy.deepcopy(part(token, f"{{{SAML}}}AttributeStatement"))
    _value("person:ssin", "70020299541")(forged)
    for one in forged.iter(f"{{{DS}}}X509Certificate"):
        one.text = wss.certificate_text(holder(KeyKind.P384).certificate)
    part(signature, f"{{{DS}}}KeyInfo").append(forged)
    if first:
        token.insert(0, signature)
    sign_again(root, by=holder(KeyKind.P384))


def _comment_in_identity(root: Element) -> None:
    """Cut a value by a comment, which canonicalisation drops: it must not be read as a part of itself."""
    for one in security(root).iter(f"{{{SAML}}}AttributeValue"):
        said = one.text or ""
        one.text = said[:4]
        one.append(etree.Comment("cut"))
        one[0].tail = said[4:]


def _in_header(root: Element) -> Element:
    return part(root, HEADER)


def _in_token(root: Element) -> Element:
    return part(security(root), wss.ASSERTION)


def _in_signature(root: Element) -> Element:
    return part(security(root), SIGNATURE)


WRAPPED: dict[str, Change] = {
    "body in header": lambda root: _moved(root, same=False, into=_in_header),
    "body in header, id doubled": lambda root: _moved(root, same=True, into=_in_header),
    "body in security": lambda root: _moved(root, same=False, into=security),
    "body in security, id doubled": lambda root: _moved(root, same=True, into=security),
    "body in assertion": lambda root: _moved(root, same=False, into=_in_token),
    "body in assertion's signature": lambda root: _moved(
        root, same=True, into=lambda one: part(_in_token(one), SIGNATURE, f"{{{DS}}}KeyInfo")
    ),
    "body in signature's object": lambda root: _moved(root, same=True, into=_in_signature, tag=f"{{{DS}}}Object"),
    "body in key info": lambda root: _moved(
        root, same=False, into=lambda one: part(_in_signature(one), f"{{{DS}}}KeyInfo")
    ),
    "body in body": lambda root: _moved(root, same=False, into=lambda one: part(one, BODY)),
    "body in body, id doubled": lambda root: _moved(root, same=True, into=lambda one: part(one, BODY)),
    "body doubled, before": lambda root: _body_doubled(root, before=True),
    "body doubled, after": lambda root: _body_doubled(root, before=False),
    "request doubled": _request_doubled,
    "body with xml:id": _xml_id,
    "body with another id": _plain_id,
    "timestamp in header": lambda root: _old_timestamp(root, same=False, inside=False),
    "timestamp in header, id doubled": lambda root: _old_timestamp(root, same=True, inside=False),
    "timestamp doubled": lambda root: _old_timestamp(root, same=False, inside=True),
    "timestamp doubled, id too": lambda root: _old_timestamp(root, same=True, inside=True),
    "timestamp outside": _timestamp_outside,
    "assertion in header": lambda root: _evil_assertion(root, same=False, inside="header"),
    "assertion in header, id doubled": lambda root: _evil_assertion(root, same=True, inside="header"),
    "assertion doubled": lambda root: _evil_assertion(root, same=False, inside="security"),
    "assertion doubled, id too": lambda root: _evil_assertion(root, same=True, inside="security"),
    "assertion in assertion": lambda root: _evil_assertion(root, same=False, inside="itself"),
    "assertion in assertion, id doubled": lambda root: _evil_assertion(root, same=True, inside="itself"),
    "statement in assertion's signature": lambda root: _in_assertion_signature(root, first=False),
    "statement in assertion's signature, first": lambda root: _in_assertion_signature(root, first=True),
}


@pytest.mark.parametrize("form", WRAPPED)
def test_wrapping_is_refused(form: str) -> None:
    """Whatever was signed, what is processed was not."""
    root = message()
    WRAPPED[form](root)
    assert refused(root)[0] in {"SOA-01001", "SOA-03004"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"signature_holds", "assertion_genuine"}])
def test_no_single_check_keeps_wrapping_out(name: str) -> None:
    """Without any one check but those of the signatures themselves, what was not signed is still not processed."""
    door = standing().without(name)
    for form, change in WRAPPED.items():
        root = message()
        change(root)
        try:
            passed = door.receive(call(root))
        except SoapRefusalError:
            continue
        assert read_value(passed.request, ("Criteria", "Person", "LastName")) == "GOOD", form
        assert passed.assertion is not None
        assert passed.assertion.identity("person:ssin") == "85061599690", form


def test_comments_cut_no_values() -> None:
    """A comment, which no signature covers, does not change what an assertion says."""
    root = message()
    _comment_in_identity(root)
    passed = accepted(root)
    assert passed.assertion is not None
    assert passed.assertion.identity("person:ssin") == "85061599690"


# HTTP


@pytest.mark.parametrize(
    "kind",
    ["application/soap+xml", "text/plain", "", "text/xml; charset=iso-8859-1", "text/xml2", "application/xml"],
)
def test_other_media_types_are_refused_by_http(kind: str) -> None:
    """SOAP 1.1 is text/xml, in an encoding that WS-I allows."""
    with pytest.raises(HTTPException) as caught:
        standing().receive(call(message(), kind=kind))
    assert caught.value.status_code == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def test_other_methods_are_refused_by_http() -> None:
    """Messages are posted."""
    with pytest.raises(HTTPException) as caught:
        standing().receive(replace(call(message()), method="PUT"))
    assert (caught.value.status_code, caught.value.headers) == (HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "POST"})


def test_huge_messages_are_refused_by_http() -> None:
    """What is larger than a message may be is not even read."""
    with pytest.raises(HTTPException) as caught:
        standing().receive(call(b"<" * (soap_request.LARGEST + 1)))
    assert caught.value.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


# Faults


def _answer(sent: Request) -> Response:
    def serve(passed: Accepted) -> bytes:
        return gateway.envelope(etree.Element(passed.operation.response))

    return answering(standing(), serve, lambda problem: error_fault(ERRORS, problem))(sent)


def fault_of(data: bytes) -> Element:
    """Return the detail's element of a fault in a valid form."""
    found = part(parse(data), BODY, f"{{{SOAP}}}Fault")
    assert [one.tag for one in found] == ["faultcode", "faultstring", "detail"]
    error = found[2][0]
    assert contract().problems(error) == []
    assert (found[1].text or "").startswith(error.findtext("Code", ""))
    return error


@pytest.mark.parametrize("code", ERRORS)
def test_fault_tells_what_the_catalogue_has(code: str) -> None:
    """Component and description come from the catalogue; who is to blame decides the fault code."""
    data = error_fault(ERRORS, soap_problem("any", code, "a reason\0\x0b"))
    error = fault_of(data)
    entry = ERRORS[code]
    assert error.tag == "{urn:be:fgov:ehealth:errors:soa:v1}SystemError"
    assert error.findtext("Origin") == (entry.component or "Provider")
    assert (error.findtext("Message") or "").startswith(f"{entry.message}: a reason")
    assert error.findtext("{urn:be:fgov:ehealth:errors:soa:v1}Environment") == "Test"
    fault = part(parse(data), BODY, f"{{{SOAP}}}Fault")
    assert fault.findtext("faultstring") == f"{code}: {entry.message}"
    assert fault.findtext("faultcode") == f"soapenv:{'Client' if entry.component == 'Consumer' else 'Server'}"


def test_code_outside_the_catalogue_is_told_all_the_same() -> None:
    """A catalogue that lacks a code does not keep a fault from being told."""
    error = fault_of(error_fault({}, soap_problem("any", "SOA-01001", "a reason")))
    assert (error.findtext("Origin"), error.findtext("Code")) == ("Provider", "SOA-01001")


def test_faults_come_by_http_as_wsi_has_it() -> None:
    """A fault has status 500, an answer 200, both text/xml."""
    for data, status in ((b"<a/>", 500), (serialise(message()), 200)):
        answer = _answer(call(data))
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/xml; charset=UTF-8")


def test_other_versions_are_told_by_their_fault_code() -> None:
    """SOAP 1.1 has fault codes of its own for a wrong version, and for a header that is not understood."""
    root = message()
    _not_understood(root)
    for data, code in ((serialise(root), "MustUnderstand"), (b'<E:Envelope xmlns:E="urn:e"/>', "VersionMismatch")):
        fault = part(parse(bytes(_answer(call(data)).body)), BODY, f"{{{SOAP}}}Fault")
        assert fault.findtext("faultcode") == f"soapenv:{code}"


def test_what_was_not_foreseen_is_the_default_error() -> None:
    """Where the gateway errs itself, the caller hears that nothing more is known."""

    def serve(passed: Accepted) -> bytes:
        raise ZeroDivisionError(passed)

    answer = answering(standing(), serve, lambda problem: error_fault(ERRORS, problem))(call(message()))
    assert fault_of(bytes(answer.body)).findtext("Code") == "SOA-00001"


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_bytes_take_it_down(data: bytes) -> None:
    """Whatever arrives is answered with a fault of a valid form."""
    assert fault_of(bytes(_answer(call(data)).body)).findtext("Code") != "SOA-00001"


PARTS = [
    b"",
    b"<",
    b">",
    b"/",
    b'"',
    b"&",
    b"\0",
    b"<!--",
    b"-->",
    b"x",
    b"Id",
    b"#",
    b"saml:",
    b"<a/>",
    b"]]>",
    b"\xff",
]


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 40), st.sampled_from(PARTS))
@settings(max_examples=400, deadline=None)
def test_broken_messages_are_refused_or_mean_the_same(place: int, length: int, instead: bytes) -> None:
    """A message that is changed anywhere is refused with a code, unless what it asks for is what was signed."""
    data = GOOD[:place] + instead + GOOD[place + length :]
    answer = _answer(call(data))
    if answer.status_code == 200:
        assert canonical(accepted(data).request) == canonical(accepted(GOOD).request)
    else:
        assert fault_of(bytes(answer.body)).findtext("Code") != "SOA-00001"


# Switching checks off


def test_unknown_checks_cannot_be_left_out() -> None:
    """A check that does not exist is a mistake of who names it."""
    with pytest.raises(LookupError, match="nonsense"):
        standing().without("nonsense", "unique_ids")


@pytest.mark.parametrize(
    ("names", "tags"),
    [
        (("one_signature",), (SECURITY, SIGNATURE)),
        (("one_timestamp",), (SECURITY, TIMESTAMP)),
        (("one_assertion",), (SECURITY, wss.ASSERTION)),
        (("one_security", "one_timestamp", "one_assertion", "one_signature"), (SECURITY,)),
        (("one_security", "one_timestamp", "one_assertion", "one_signature"), ()),
    ],
)
def test_what_is_not_demanded_may_be_missing(names: tuple[str, ...], tags: tuple[str, ...]) -> None:
    """Where nothing demands a part, the checks that would look at it find nothing wrong."""
    root = message()
    found = part(root, HEADER, *tags)
    parent = found.getparent()
    assert parent is not None
    parent.remove(found)
    if found.tag == TIMESTAMP:
        sign_again(root, [part(root, BODY)])
    assert refused(root)[0] == "SOA-01001"
    passed = accepted(root, standing().without(*names))
    assert (passed.assertion is None) == (found.tag not in {SIGNATURE, TIMESTAMP})


def test_each_check_has_a_name_of_its_own() -> None:
    """By its name a check is known."""
    assert len(set(NAMES)) == len(NAMES) == len(CHECKS)


def test_gateway_without_any_check_processes_nothing_unknown() -> None:
    """Even then an operation has to be named."""
    with pytest.raises(SoapRefusalError, match="SOA-03005"):
        replace(standing(), checks=()).receive(call(b"<a/>"))


def test_token_is_no_substitute_for_an_assertion() -> None:
    """A message signed by an X.509 token, as an STS takes it, authenticates nobody here."""
    root = message()
    header = security(root)
    header.remove(part(header, wss.ASSERTION))
    token = etree.SubElement(
        header,
        f"{{{WSSE}}}BinarySecurityToken",
        {"EncodingType": BASE64, "ValueType": X509_TOKEN, wss.WSU_ID: "_token"},
    )
    token.text = wss.certificate_text(holder().certificate)
    for old in header.findall(SIGNATURE):
        header.remove(old)
    wss.sign(header, [*signed_parts(root), token], signer(holder()), wss.token_reference("_token"))
    assert refused(root)[0] == "SOA-01001"
