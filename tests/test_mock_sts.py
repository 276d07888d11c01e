"""Tests of the local platform's STS: what it issues to whom, and each request that it refuses."""

import copy
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree
from starlette.responses import Response

from conformance.identifiers.reading import doubts
from conformance.identifiers.rules import IdentifierKind, check
from conformance.mock.authority import CertificateOwner, Credential, KeyKind, make_authority
from conformance.mock.gateway import Endpoint
from conformance.mock.sts import ISSUER, PATH, TokenService
from conformance.model.exchange import Request
from conformance.soap.markup import Element, parse, serialise
from conformance.soap.message import TOKEN_ACTION, RequestedAttribute, issued_assertion, token_request
from conformance.soap.names import AUTH, CERTIFIED, DS, HOLDER_OF_KEY, IDENTIFICATION, SAML, SAML_TOKEN, WSSE, WST, WSU
from conformance.soap.security import wss
from conformance.soap.security.certificates import public_key
from conformance.soap.security.saml import (
    Assertion,
    SamlError,
    element_of,
    read_assertion,
    signature_problem,
)
from tests.signing import (
    BODY,
    CLAIMS,
    HEADER,
    NOW,
    PERSON,
    SECURITY,
    SIGNATURE,
    TIMESTAMP,
    Change,
    authority,
    holder,
    part,
    security,
    signer,
    tokens,
)

CENTER = CertificateOwner("NIHII-SORTINGCENTER", "99551296", "TRIAGEPOST WOLKENVELD")
COMPANY = CertificateOwner("CBE", "1800471240", "DENKBEELD SOFTWARE")
HUB = CertificateOwner("EHP", "1990904709", "HUB LUCHTKASTEEL")
TOKEN = f"{{{WSSE}}}BinarySecurityToken"
REQUEST = f"{{{WST}}}RequestSecurityToken"


def send(data: bytes | Element, service: TokenService | None = None, action: str = TOKEN_ACTION) -> Response:
    """Return the STS's answer to a message."""
    endpoint = (service or tokens()).route().app
    assert isinstance(endpoint, Endpoint)
    body = data if isinstance(data, bytes) else serialise(data)
    headers = (("Content-Type", "text/xml"), ("SOAPAction", f'"{action}"'))
    return endpoint.answer(Request("POST", f"https://localhost{PATH}", headers, body))


def ask(credential: Credential, *claims: RequestedAttribute) -> Assertion:
    """Return what the STS issues."""
    answer = send(token_request(signer(credential), claims, NOW))
    assert answer.status_code == 200, bytes(answer.body)
    return issued_assertion(bytes(answer.body))


def refused(data: bytes | Element, service: TokenService | None = None) -> tuple[str, str]:
    """Return the fault's code and words."""
    answer = send(data, service)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/xml; charset=UTF-8")
    with pytest.raises(SamlError, match="refuses"):
        issued_assertion(bytes(answer.body))
    fault = parse(bytes(answer.body))[0][0]
    return fault.findtext("faultcode", ""), fault.findtext("faultstring", "")


def request(credential: Credential | None = None, *claims: RequestedAttribute) -> Element:
    """Return a request that is right in everything."""
    return parse(token_request(signer(credential or holder()), claims or CLAIMS, NOW))


def sign_again(root: Element, parts: list[Element] | None = None, by: Credential | None = None) -> None:
    """Sign a request anew, Body, Timestamp and token unless told otherwise."""
    header = security(root)
    header.remove(part(header, SIGNATURE))
    token = part(header, TOKEN)
    parts = [part(root, BODY), part(header, TIMESTAMP), token] if parts is None else parts
    wss.sign(header, parts, signer(by or holder()), wss.token_reference(str(token.get(wss.WSU_ID))))


# What is issued


@pytest.mark.parametrize("kind", list(KeyKind))
def test_holder_of_a_certificate_gets_an_assertion(kind: KeyKind) -> None:
    """Whatever kind of key, the assertion is for its holder, signed by the STS, and limited in time."""
    told = ask(holder(kind), *CLAIMS)
    assert signature_problem(element_of(told), [tokens().credential.certificate]) == ""
    assert signature_problem(element_of(told), [authority().certificate]) == ""
    assert told.holder == public_key(holder(kind).certificate)
    assert set(told.methods) == {HOLDER_OF_KEY}
    assert (told.issuer, told.issued) == (ISSUER, NOW)
    assert told.not_before == NOW - timedelta(minutes=5)
    assert told.not_on_or_after == NOW + timedelta(hours=24)
    assert told.time_problem(NOW) == ""
    assert told.attribute_problems() == []
    assert told.subject == holder(kind).certificate.subject.rfc4514_string()


def test_assertion_has_the_shape_of_the_platform() -> None:
    """Members, their order and the signature's algorithms are those of the platform's assertions."""
    root = element_of(ask(holder(), *CLAIMS))
    assert [etree.QName(one).localname for one in root] == [
        "Conditions",
        "AuthenticationStatement",
        "AttributeStatement",
        "Signature",
    ]
    assert (root.get("MajorVersion"), root.get("MinorVersion")) == ("1", "1")
    assert root.get("AssertionID", "").startswith("_")
    assert len(root.get("AssertionID", "")) == 33
    named = part(root, f"{{{SAML}}}AuthenticationStatement", f"{{{SAML}}}Subject", f"{{{SAML}}}NameIdentifier")
    assert named.get("Format") == "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"
    assert named.get("NameQualifier") == authority().certificate.subject.rfc4514_string()
    method = part(root, SIGNATURE, f"{{{DS}}}SignedInfo", f"{{{DS}}}SignatureMethod")
    assert method.get("Algorithm") == "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


def test_no_two_assertions_have_the_same_id() -> None:
    """An assertion's id is its own."""
    assert len({read_assertion(tokens().issue(holder().certificate, CLAIMS)).id for _ in range(5)}) == 5


def test_answer_has_the_shape_of_ws_trust() -> None:
    """The answer is a collection with one response, which repeats the request's context."""
    asked = request()
    answer = parse(bytes(send(asked).body))
    collection = part(answer, BODY, f"{{{WST}}}RequestSecurityTokenResponseCollection")
    response = part(collection, f"{{{WST}}}RequestSecurityTokenResponse")
    assert len(collection) == 1
    assert response.get("Context") == part(asked, BODY, REQUEST).get("Context")
    assert response.findtext(f"{{{WST}}}TokenType") == SAML_TOKEN
    assert part(response, f"{{{WST}}}RequestedSecurityToken")[0].tag == wss.ASSERTION


@pytest.mark.parametrize(
    ("owner", "name", "certified", "value"),
    [
        (PERSON, "urn:be:fgov:person:ssin", "urn:be:fgov:person:ssin:ehealth:1.0:surname", PERSON.name),
        (
            CENTER,
            "urn:be:fgov:ehealth:1.0:sortingcenter:nihii-number",
            "urn:be:fgov:ehealth:1.0:sortingcenter:nihii-number:recognisedsortingcenter:nihii11",
            "99551296000",
        ),
        (
            COMPANY,
            "urn:be:fgov:kbo-bce:organization:cbe-number",
            "urn:be:fgov:kbo-bce:organization:cbe-number:ehealth:1.0:recognisedorganization:boolean",
            "true",
        ),
        (
            HUB,
            "urn:be:fgov:ehealth:1.0:certificateholder:organization:ehp-number",
            "urn:be:fgov:ehealth:1.0:organization:ehp-number:recognisedehp:boolean",
            "true",
        ),
    ],
)
def test_claims_become_attributes(owner: CertificateOwner, name: str, certified: str, value: str) -> None:
    """What is asserted of the own number, and what is asked for, stands in namespaces of its own."""
    told = ask(
        authority().issue(owner, KeyKind.P256), RequestedAttribute(name, owner.number), RequestedAttribute(certified)
    )
    assert [(one.name, one.namespace, one.values) for one in told.attributes] == [
        (name, IDENTIFICATION, (owner.number,)),
        (certified, CERTIFIED, (value,)),
    ]


def test_nihii_number_is_certified_to_a_person() -> None:
    """A person gets a NIHII number of 11 digits, always the same, and nobody's."""
    numbers = {told.values[0] for _ in range(2) for told in ask(holder(), *CLAIMS).attributes if "nihii11" in told.name}
    (number,) = numbers
    assert (check(IdentifierKind.NIHII11, number), doubts(IdentifierKind.NIHII11, number)) == ((), ())


def test_own_number_may_be_asserted_twice() -> None:
    """Several values of one claim are joined by semicolons (public clients of the STS)."""
    told = ask(holder(), RequestedAttribute("urn:be:fgov:person:ssin", f"{PERSON.number};{PERSON.number}"))
    assert told.attributes[0].values == (PERSON.number, PERSON.number)


def test_stored_assertions_can_last_longer() -> None:
    """Issued directly, an assertion lasts as long as is said."""
    told = read_assertion(tokens().issue(holder().certificate, CLAIMS, timedelta(days=7)))
    assert told.not_on_or_after == NOW + timedelta(days=7)


def test_both_spellings_of_the_key_type_are_taken() -> None:
    """The platform's clients write the key type without a hyphen; WS-Trust has one."""
    root = request()
    part(root, BODY, REQUEST, f"{{{WST}}}KeyType").text = f"{WST}/PublicKey"
    sign_again(root)
    assert send(root).status_code == 200


@pytest.mark.parametrize("shift", [timedelta(minutes=-5), timedelta(minutes=5)])
def test_clocks_may_differ(shift: timedelta) -> None:
    """A request from a clock that is five minutes off is served."""
    assert send(token_request(signer(holder()), CLAIMS, NOW + shift)).status_code == 200


# What is refused


def test_foreign_certificate_is_refused() -> None:
    """A certificate of another authority, even one of the same name, identifies nobody."""
    foreign = make_authority().issue(PERSON, KeyKind.P256)
    code, words = refused(token_request(signer(foreign), CLAIMS, NOW))
    assert (code, words) == (
        "wst:FailedAuthentication",
        "the certificate was not issued here, or is not valid now",
    )


def test_expired_certificate_is_refused() -> None:
    """After 36 months a certificate identifies nobody."""
    later = NOW + timedelta(days=3 * 366)
    service = replace(tokens(), clock=lambda: later)
    assert refused(token_request(signer(holder()), CLAIMS, later), service)[0] == "wst:FailedAuthentication"


@pytest.mark.parametrize("shift", [timedelta(minutes=-7), timedelta(minutes=6)])
def test_old_and_future_requests_are_refused(shift: timedelta) -> None:
    """A request from a clock that is further off is not served."""
    assert refused(token_request(signer(holder()), CLAIMS, NOW + shift))[0] == "wst:FailedAuthentication"


def _altered(root: Element) -> None:
    part(root, BODY, REQUEST).set("Context", "urn:another")


def _foreign_token(root: Element) -> None:
    part(security(root), TOKEN).text = wss.certificate_text(holder(KeyKind.RSA).certificate)


def _no_reference(root: Element) -> None:
    header = security(root)
    header.remove(part(header, SIGNATURE))
    parts = [part(root, BODY), part(header, TIMESTAMP), part(header, TOKEN)]
    wss.sign(header, parts, signer(holder()), wss.token_reference("_another"))


def _unsigned(*tags: str) -> Change:
    def change(root: Element) -> None:
        parts = [part(root, BODY), part(security(root), TIMESTAMP), part(security(root), TOKEN)]
        left = part(root, *tags)
        sign_again(root, [one for one in parts if one is not left])

    return change


def _gone(*tags: str) -> Change:
    def change(root: Element) -> None:
        found = part(root, *tags)
        parent = found.getparent()
        assert parent is not None
        parent.remove(found)

    return change


def _other_kind(root: Element) -> None:
    part(security(root), TOKEN).set("ValueType", "urn:nothing")
    sign_again(root)


def _garbage(root: Element) -> None:
    part(security(root), TOKEN).text = "nothing"
    sign_again(root)


def _moved(root: Element) -> None:
    """Move the signed Body into the header, and ask for something else."""
    body = part(root, BODY)
    other = copy.deepcopy(body)
    other.set(wss.WSU_ID, "_another")
    root.replace(body, other)
    etree.SubElement(part(root, HEADER), "{urn:else}Wrapper").append(body)


@pytest.mark.parametrize(
    "change",
    [
        _altered,
        _foreign_token,
        _no_reference,
        _unsigned(BODY),
        _unsigned(HEADER, SECURITY, TIMESTAMP),
        _unsigned(HEADER, SECURITY, TOKEN),
        _gone(HEADER),
        _gone(HEADER, SECURITY, TOKEN),
        _gone(HEADER, SECURITY, TIMESTAMP),
        _gone(HEADER, SECURITY, SIGNATURE),
        _other_kind,
        _garbage,
        _moved,
        lambda root: sign_again(root, by=holder(KeyKind.P384)),
        lambda root: security(root).append(copy.deepcopy(part(security(root), TOKEN))),
        lambda root: part(security(root), TOKEN).attrib.pop(wss.WSU_ID),
    ],
)
def test_request_that_proves_nothing_is_refused(change: Change) -> None:
    """Body, Timestamp and token have to be there, and signed by the token's key."""
    root = request()
    change(root)
    assert refused(root)[0] == "wst:FailedAuthentication"


def _text(name: str, text: str) -> Change:
    def change(root: Element) -> None:
        part(root, BODY, REQUEST, f"{{{WST}}}{name}").text = text
        sign_again(root)

    return change


def _without(name: str) -> Change:
    def change(root: Element) -> None:
        asked = part(root, BODY, REQUEST)
        asked.remove(part(asked, f"{{{WST}}}{name}"))
        sign_again(root)

    return change


def _claim(attribute: str) -> Change:
    def change(root: Element) -> None:
        listed = part(root, BODY, REQUEST, f"{{{WST}}}Claims")
        etree.SubElement(listed, f"{{{AUTH}}}ClaimType", Uri=attribute)
        sign_again(root)

    return change


@pytest.mark.parametrize(
    "change",
    [
        _text("RequestType", f"{WST}/Renew"),
        _text("TokenType", "urn:oasis:names:tc:SAML:2.0:assertion"),
        _text("KeyType", f"{WST}/Bearer"),
        _without("RequestType"),
        _without("TokenType"),
        _without("KeyType"),
        _without("Claims"),
        _claim(""),
        _claim("urn:be:fgov:person:ssin"),
    ],
)
def test_other_requests_are_invalid(change: Change) -> None:
    """Only SAML 1.1 assertions for a public key are issued, with claims that have a name each."""
    root = request()
    change(root)
    assert refused(root)[0] == "wst:InvalidRequest"


def _use_key(credential: Credential) -> Change:
    def change(root: Element) -> None:
        for one in part(root, BODY, REQUEST, f"{{{WST}}}UseKey").iter(f"{{{DS}}}X509Certificate"):
            one.text = wss.certificate_text(credential.certificate)
        sign_again(root)

    return change


def test_nobody_elses_key_is_named() -> None:
    """An assertion is issued for the key of who asks."""
    root = request()
    _use_key(holder(KeyKind.RSA))(root)
    assert refused(root) == ("wst:RequestFailed", "UseKey has another certificate than the token")
    root = request()
    _without("UseKey")(root)
    assert refused(root)[0] == "wst:FailedAuthentication"


@pytest.mark.parametrize(
    "claim",
    [
        RequestedAttribute("urn:be:fgov:person:ssin", "70020299541"),
        RequestedAttribute("urn:be:fgov:person:ssin", f"{PERSON.number};70020299541"),
        RequestedAttribute("urn:be:fgov:person:ssin", f"{PERSON.number};"),
        RequestedAttribute("urn:be:fgov:kbo-bce:organization:cbe-number", PERSON.number),
        RequestedAttribute("urn:be:fgov:person:ssin:doctor:boolean", "true"),
        RequestedAttribute("urn:nothing", "x"),
    ],
)
def test_only_the_own_number_is_asserted(claim: RequestedAttribute) -> None:
    """A claim that the certificate does not bear out is refused, whatever else is claimed."""
    code, words = refused(token_request(signer(holder()), (CLAIMS[2], claim), NOW))
    assert (code, words) == ("wst:RequestFailed", f"the certificate does not bear out {claim.name}")


def test_certificate_that_names_nobody_is_refused() -> None:
    """A certificate of the authority whose subject has no number of the platform's way identifies nobody."""
    nobody = authority().issue(CertificateOwner("x", "y", "z"), KeyKind.P256)
    assert refused(token_request(signer(nobody), CLAIMS, NOW))[0] == "wst:RequestFailed"


@pytest.mark.parametrize("data", [b"", b"<a/>", b"<a>", b"\0", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_what_is_no_request_is_invalid(data: bytes) -> None:
    """Bytes that are no SOAP are refused by a fault as well."""
    assert refused(data)[0] == "wst:InvalidRequest"


def test_other_actions_are_invalid() -> None:
    """The SOAPAction has to be that of a token request."""
    answer = send(request(), action="urn:nothing")
    assert answer.status_code == 500
    assert b"wst:InvalidRequest" in bytes(answer.body)


def test_other_versions_are_told() -> None:
    """An envelope of another version gets SOAP's own fault code."""
    assert refused(b'<e:Envelope xmlns:e="urn:e"/>')[0] == "soapenv:VersionMismatch"


def test_timestamp_lies_about_nothing() -> None:
    """A Timestamp that was changed after signing is refused."""
    root = request()
    part(security(root), TIMESTAMP, f"{{{WSU}}}Expires").text = wss.instant(NOW + timedelta(minutes=3))
    assert refused(root)[0] == "wst:FailedAuthentication"


def test_route_is_the_platforms() -> None:
    """The STS answers at the path of the platform's own."""
    assert tokens().route().path == PATH == "/IAM/SecurityTokenService/v1"
