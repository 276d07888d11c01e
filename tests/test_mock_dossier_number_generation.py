"""Tests of the local platform's DossierNumberGeneration over real sockets: callers, answers, requesters, refusals."""

import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from cryptography import x509
from starlette.routing import Route

from conformance.checks.soap_request import LARGEST, UNAUTHORISED
from conformance.contracts.loading import load_spec
from conformance.credentials.keystore import KeyStore, open_keystore
from conformance.identifiers.fictitious import seems_fictitious
from conformance.identifiers.reading import doubts
from conformance.identifiers.rules import IdentifierKind, check
from conformance.mock import dossier_number_generation
from conformance.mock.dossier import callers
from conformance.mock.dossier.rules import (
    AssertionHolder,
    CallerKind,
    caller_known,
    caller_of,
    cbe_number,
    person_number,
)
from conformance.mock.dossier_number_generation import serve
from conformance.mock.platform import LocalPlatform
from conformance.mock.service import Served
from conformance.model.contract import CallerRule, SoapRules
from conformance.model.errors import SpecError
from conformance.soap.markup import Element, parse
from conformance.soap.message import (
    CONTENT_TYPE,
    TOKEN_ACTION,
    RequestedAttribute,
    issued_assertion,
    secure,
    token_request,
)
from conformance.soap.names import SOAP
from conformance.soap.security import wss
from conformance.soap.security.certificates import public_key
from conformance.soap.security.saml import Assertion, element_of, read_assertion, signature_problem
from conformance.soap.xsd.contract import Steps, read_value
from tests.signing import OPERATION, contract

SERVICE = "dossier-number-generation"
SPEC = load_spec(SERVICE)
CALLERS = ["physician", "center", "company", "hub"]
KINDS = ["person", "nihii_institution", "cbe_institution", "ehp_institution"]
LAST_NAME = ("Criteria", "Person", "LastName")
PERSON = ("Criteria", "Requester", "PersonIdentifier")
NIHII = ("Criteria", "Requester", "InstitutionIdentifier", "Nihii")
CBE = ("Criteria", "Requester", "InstitutionIdentifier", "Cbe")
PLACES = {"ssin": PERSON, "nihii": NIHII, "cbe": CBE, "ehp": CBE}
ACTION = contract().operations[OPERATION].action
CORE = "urn:be:fgov:ehealth:commons:core:v2"


def rules() -> SoapRules:
    """Return what the spec folder says of the service."""
    assert SPEC.contract.soap is not None
    return SPEC.contract.soap


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Element:
        """Return the element in the Body."""
        return parse(self.body)[0][0]

    @property
    def outcome(self) -> str:
        """Return the last part of the status code of level 1."""
        assert self.status == 200, self.body
        return (read_value(self.content, ("Status", "StatusCode", "@Value")) or "").rpartition(":")[2]

    @property
    def words(self) -> str:
        """Return the StatusMessage."""
        return read_value(self.content, ("Status", "StatusMessage")) or ""

    @property
    def identifier(self) -> str | None:
        """Return the identifier."""
        return read_value(self.content, ("CovidDossierIdentifier",))

    @property
    def code(self) -> str:
        """Return a fault's code."""
        assert self.status == 500, self.body
        return self.content.findtext("detail/*/Code") or ""


@dataclass(frozen=True, slots=True)
class Service:
    """The service as its target file describes it."""

    settings: Mapping[str, Any]

    def store(self, name: str) -> KeyStore:
        """Return a caller's key store."""
        row = self.settings["callers"][name]
        return open_keystore(Path(row["keystore"]), row["password"], row["alias"])

    def own(self, name: str) -> str:
        """Return a caller's number."""
        (number,) = self.settings["callers"][name]["requester"].values()
        return str(number)

    def place(self, name: str) -> Steps:
        """Return where a caller names itself in a request."""
        return PLACES[next(iter(self.settings["callers"][name]["requester"]))]

    def rule(self, name: str) -> CallerRule:
        """Return what the spec says of a caller's kind."""
        return rules().callers[self.settings["callers"][name]["kind"]]

    def assertion(self, name: str) -> Assertion:
        """Return a caller's assertion: the stored one, or a new one of the STS."""
        row = self.settings["callers"][name]
        if "assertion" in row:
            return read_assertion(Path(row["assertion"]).read_bytes())
        rule = self.rule(name)
        claims = [
            *(RequestedAttribute(one, self.own(name)) for one in rule.asserted),
            *map(RequestedAttribute, rule.certified),
        ]
        data = token_request(self.signer(name), claims, datetime.now(UTC))
        return issued_assertion(post(row["sts"], data, {"SOAPAction": f'"{TOKEN_ACTION}"'}).body)

    def signer(self, name: str) -> wss.Signer:
        """Return a signer with a caller's key."""
        store = self.store(name)
        return wss.make_signer(store.key, store.certificate)

    def message(self, name: str, values: Mapping[Steps, str | None], shift: timedelta = timedelta()) -> bytes:
        """Return a message of a caller."""
        envelope = contract().build(OPERATION, {LAST_NAME: "COVID_LASTNAME_TEST", **values})
        return secure(envelope, _assertion(self, name), self.signer(name), datetime.now(UTC) + shift)

    def ask(self, name: str, values: Mapping[Steps, str | None]) -> Answer:
        """Return the answer to a caller's request, which is valid whatever it says."""
        answer = self.send(self.message(name, values))
        assert contract().problems(answer.content) == []
        return answer

    def send(self, data: bytes, headers: Mapping[str, str] | None = None, method: str = "POST") -> Answer:
        """Return the answer to a message."""
        return post(self.settings["endpoint"], data, {"SOAPAction": f'"{ACTION}"', **(headers or {})}, method)


_KEPT: dict[tuple[str, str], Assertion] = {}


def _assertion(service: Service, name: str) -> Assertion:
    place = (service.settings["endpoint"], name)
    if place not in _KEPT:
        _KEPT[place] = service.assertion(name)
    return _KEPT[place]


def post(address: str, data: bytes, headers: Mapping[str, str], method: str = "POST") -> Answer:
    """Send a request over a socket, and return the answer."""
    url = urlsplit(address)
    connection = HTTPConnection(str(url.hostname), url.port, timeout=60)
    try:
        connection.request(method, url.path, data, {"Content-Type": CONTENT_TYPE, **headers})
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """Serve the local platform."""
    with LocalPlatform((SPEC,)) as platform:
        yield Service(platform.settings(SERVICE))


# Callers


@pytest.mark.parametrize("name", CALLERS)
def test_callers_can_be_used(service: Service, name: str) -> None:
    """Each caller has a key store that opens, and an assertion for its key that the STS signed."""
    told, store = service.assertion(name), service.store(name)
    trusted = x509.load_pem_x509_certificates(Path(service.settings["trust"]["sts_ca"]).read_bytes())
    assert signature_problem(element_of(told), trusted) == ""
    assert told.holder == public_key(store.certificate)
    assert told.attribute_problems() == []
    assert told.time_problem(datetime.now(UTC)) == ""
    assert told.identity(*service.rule(name).attributes) == service.own(name)


def test_there_is_a_caller_of_each_kind(service: Service) -> None:
    """Persons, and institutions with each sort of number; one stored and one asked for assertion at least."""
    rows = service.settings["callers"]
    assert list(rows) == CALLERS
    assert [rows[name]["kind"] for name in CALLERS] == KINDS
    assert [name for name in CALLERS if "sts" in rows[name]] == ["physician", "company"]
    assert set(rules().callers) == set(KINDS)


def test_numbers_are_nobodys(service: Service) -> None:
    """All numbers are right by their check digits, and lie where none is given out."""
    kinds = {
        "physician": IdentifierKind.SSIN,
        "center": IdentifierKind.NIHII8,
        "company": IdentifierKind.CBE,
        "hub": IdentifierKind.EHP,
    }
    for name, kind in kinds.items():
        number = service.own(name)
        assert (check(kind, number), doubts(kind, number)) == ((), ())
        assert seems_fictitious(kind, number) or name == "physician"


def test_stored_assertions_outlast_the_platform(service: Service) -> None:
    """A stored assertion holds longer than any local platform runs."""
    ends = service.assertion("hub").not_on_or_after
    assert ends is not None
    assert timedelta(days=364, hours=23) < ends - datetime.now(UTC) <= timedelta(days=365)


def test_private_files_are_private_and_disappear() -> None:
    """Keys and assertions lie in a folder of their own that only this user may read, as long as the platform runs."""
    with LocalPlatform((SPEC,)) as platform:
        rows = platform.settings(SERVICE)["callers"]
        files = [Path(row[key]) for row in rows.values() for key in ("keystore", "assertion") if key in row]
        folder = files[0].parent
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert len({row["password"] for row in rows.values()}) == len(rows)
    assert not folder.exists()


def test_nothing_is_left_where_the_start_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the platform cannot start, the folder disappears too."""
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: _made(tmp_path / prefix))
    monkeypatch.setattr(callers, "write_private", _fails)
    with pytest.raises(ZeroDivisionError), LocalPlatform((SPEC,)):
        pass
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: _made(tmp_path / prefix))
    monkeypatch.setattr(uvicorn, "Config", _fails)
    with pytest.raises(ZeroDivisionError), LocalPlatform((SPEC,)):
        pass
    assert list(tmp_path.iterdir()) == []


def _made(folder: Path) -> str:
    folder.mkdir()
    return str(folder)


def _fails(*_: object, **__: object) -> None:
    raise ZeroDivisionError


def test_services_leave_nothing_unless_they_say_so() -> None:
    """A service without anything on disk has nothing to take away."""
    Served((), {}).close()


def test_spec_without_soap_cannot_be_served() -> None:
    """The service needs to know its WSDL."""
    spec = replace(SPEC, contract=replace(SPEC.contract, soap=None))
    with pytest.raises(SpecError, match=r"soap\.yaml"):
        serve(spec, "http://127.0.0.1")


# Answers


@pytest.mark.parametrize("name", CALLERS)
def test_each_caller_is_served(service: Service, name: str) -> None:
    """Whoever calls, with its own number or without one, gets an identifier."""
    for values in ({}, {service.place(name): service.own(name)}):
        answer = service.ask(name, values)
        assert answer.outcome == "Success"
        assert answer.identifier
        assert answer.words == ""
        assert answer.headers["content-type"] == "text/xml; charset=UTF-8"


def test_all_fields_are_taken(service: Service) -> None:
    """A request with everything that may be told of a person is served (section 7.2)."""
    more = {"FirstNames": "COVID FIRSTNAMES TEST", "Gender": "M", "PhoneNumber": "+32470000000"}
    answer = service.ask("physician", {("Criteria", "Person", name): text for name, text in more.items()})
    assert answer.outcome == "Success"


def test_answer_names_the_request(service: Service) -> None:
    """InResponseTo is the request's Id; without one it is absent."""
    for given in ("_1", "\N{LATIN SMALL LETTER E WITH ACUTE}-2.3"):
        assert service.ask("center", {("@Id",): given}).content.get("InResponseTo") == given
    assert "InResponseTo" not in service.ask("center", {}).content.attrib


def test_no_two_answers_share_anything(service: Service) -> None:
    """Ids of answers are their own; identifiers belong to one person, even if the same is asked again."""
    message = service.message("center", {})
    answers = [service.send(message) for _ in range(5)]
    assert len({answer.identifier for answer in answers}) == 5
    assert len({answer.content.get("Id") for answer in answers}) == 5
    assert all(re.fullmatch("_[0-9a-f-]{36}", answer.content.get("Id", "")) for answer in answers)


def test_answer_tells_its_time(service: Service) -> None:
    """IssueInstant is now, in UTC."""
    said = service.ask("center", {}).content.get("IssueInstant", "")
    assert said.endswith("Z")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(said)) < timedelta(seconds=10)


@pytest.mark.parametrize("text", ["", " ", "\t\n"])
def test_last_name_needs_a_letter(service: Service, text: str) -> None:
    """An empty last name is the requester's mistake."""
    answer = service.ask("physician", {LAST_NAME: text})
    assert (answer.outcome, answer.identifier) == ("Requester", None)
    assert "last name" in answer.words


# Requesters (Table 2)

OTHERS = {"ssin": "85061599690", "nihii": "99000018", "cbe": "1800000131", "ehp": "1990000035"}


@pytest.mark.parametrize(
    ("name", "place", "other", "rule"),
    [
        ("physician", PERSON, "ssin", "person-identifier"),
        ("physician", NIHII, "nihii", "person-no-institution"),
        ("center", NIHII, "nihii", "nihii-identifier"),
        ("center", CBE, "cbe", "nihii-no-cbe"),
        ("company", CBE, "cbe", "cbe-identifier"),
        ("hub", CBE, "ehp", "cbe-identifier"),
    ],
)
def test_other_requesters_are_refused(service: Service, name: str, place: Steps, other: str, rule: str) -> None:
    """A number that is not the caller's gets no identifier, but the words that the cookbook prints."""
    answer = service.ask(name, {place: OTHERS[other], ("@Id",): "_5"})
    assert (answer.outcome, answer.identifier) == ("Requester", None)
    assert re.fullmatch(rules().messages[rule].options["pattern"], answer.words)
    assert OTHERS[other] in answer.words
    assert service.own(name) in answer.words
    assert answer.content.get("InResponseTo") == "_5"


@pytest.mark.parametrize(
    ("name", "place", "other"),
    [
        ("physician", CBE, "cbe"),
        ("center", PERSON, "ssin"),
        ("company", PERSON, "ssin"),
        ("company", NIHII, "nihii"),
        ("hub", NIHII, "nihii"),
    ],
)
def test_what_table_2_leaves_open_is_served(service: Service, name: str, place: Steps, other: str) -> None:
    """Where no row refuses a number, it is no reason to refuse."""
    assert service.ask(name, {place: OTHERS[other]}).outcome == "Success"


def test_two_mistakes_are_told_by_the_first_row(service: Service) -> None:
    """A person with two foreign numbers hears of the person's."""
    answer = service.ask("physician", {PERSON: OTHERS["ssin"], NIHII: OTHERS["nihii"]})
    assert re.fullmatch(rules().messages["person-identifier"].options["pattern"], answer.words)


def test_empty_identifiers_are_foreign() -> None:
    """An identifier that stands there but says nothing is not the caller's."""
    root = parse(b"<r><Criteria><Requester><PersonIdentifier/></Requester></Criteria></r>")
    assert list(person_number(AssertionHolder(CallerKind.PERSON, "1"), root))
    assert not list(cbe_number(AssertionHolder(CallerKind.CBE, "1"), root))


def test_caller_without_number_is_not_authorised(service: Service) -> None:
    """An assertion that identifies nobody gives no access."""
    told = service.assertion("hub")
    for assertion in (None, replace(told, attributes=told.attributes[2:])):
        [problem] = caller_known(caller_of(assertion), parse(b"<r/>"))
        assert problem.code == UNAUTHORISED


# Refusals over HTTP


def test_altered_message_is_refused(service: Service) -> None:
    """The gateway stands before the service."""
    message = service.message("center", {})
    answer = service.send(message.replace(b"COVID_LASTNAME_TEST", b"COVID_LASTNAME_TEST2"))
    assert answer.code == "SOA-01001"
    assert contract().problems(answer.content.find("detail")[0]) == []  # type: ignore[index]


def test_old_message_is_refused(service: Service) -> None:
    """Time to live and tolerance are over after six minutes, and not after five."""
    assert service.send(service.message("hub", {}, timedelta(minutes=-7))).code == "SOA-01001"
    assert service.send(service.message("hub", {}, timedelta(minutes=-5))).status == 200
    assert service.send(service.message("hub", {}, timedelta(minutes=6))).code == "SOA-01001"
    assert service.send(service.message("hub", {}, timedelta(minutes=4))).status == 200


def test_stolen_assertion_is_refused(service: Service) -> None:
    """Somebody else's assertion is worth nothing without the key."""
    envelope = contract().build(OPERATION, {LAST_NAME: "X"})
    stolen = secure(envelope, service.assertion("hub"), service.signer("center"), datetime.now(UTC))
    assert service.send(stolen).code == "SOA-01001"


@pytest.mark.parametrize("name", ["physician", "center", "company", "hub"])
def test_assertion_that_denies_is_lent_and_refused(service: Service, name: str) -> None:
    """The platform lends each caller an assertion of the STS that gives it no access."""
    lent = read_assertion(Path(service.settings["callers"][name]["denied_assertion"]).read_bytes())
    assert lent.time_problem(datetime.now(UTC)) == ""
    envelope = contract().build(OPERATION, {LAST_NAME: "X"})
    assert service.send(secure(envelope, lent, service.signer(name), datetime.now(UTC))).code == "SOA-01002"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "SOA-03001"),
        (b"\xff\xfe\0", "SOA-03001"),
        (b"<a/>", "SOA-03002"),
        (f'<e:Envelope xmlns:e="{SOAP}"/>'.encode(), "SOA-03003"),
        (f'<e:Envelope xmlns:e="{SOAP}"><e:Body/></e:Envelope>'.encode(), "SOA-03003"),
        (f'<e:Envelope xmlns:e="{SOAP}"><e:Body><a/></e:Body></e:Envelope>'.encode(), "SOA-03005"),
    ],
)
def test_what_is_no_request_is_refused(service: Service, data: bytes, code: str) -> None:
    """Bytes that are no request get a fault of the catalogue."""
    assert service.send(data).code == code


def test_message_out_of_schema_is_refused(service: Service) -> None:
    """A gender that is none is a matter of the schema."""
    envelope = contract().build(OPERATION, {LAST_NAME: "X", ("Criteria", "Person", "Gender"): "F"})
    next(envelope.iter("Gender")).text = "X"
    message = secure(envelope, service.assertion("hub"), service.signer("hub"), datetime.now(UTC))
    assert service.send(message).code == "SOA-03006"


def test_wrong_action_is_refused(service: Service) -> None:
    """The SOAPAction has to be the WSDL's, in quotes."""
    message = service.message("hub", {})
    for action in ("", '""', ACTION, '"urn:nothing"'):
        assert service.send(message, {"SOAPAction": action}).code == "SOA-03004"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused(service: Service, method: str) -> None:
    """Messages are posted."""
    answer = service.send(b"", method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_http_refuses_what_is_no_matter_of_soap(service: Service) -> None:
    """Another media type is 415, a huge message 413."""
    assert service.send(b"<a/>", {"Content-Type": "application/soap+xml"}).status == 415
    assert service.send(b" " * (LARGEST + 1)).status == 413


def test_sts_refuses_foreign_numbers(service: Service) -> None:
    """The STS asserts nobody else's number."""
    claims = [RequestedAttribute("urn:be:fgov:person:ssin", OTHERS["ssin"])]
    data = token_request(service.signer("physician"), claims, datetime.now(UTC))
    answer = post(service.settings["callers"]["physician"]["sts"], data, {"SOAPAction": f'"{TOKEN_ACTION}"'})
    assert answer.status == 500
    assert answer.content.findtext("faultcode") == "wst:RequestFailed"


def test_service_and_sts_are_where_the_platform_has_them() -> None:
    """Paths are those of the platform's own services."""
    served = serve(SPEC, "http://127.0.0.1:1")
    try:
        routes = [route for route in served.routes if isinstance(route, Route)]
        assert [route.path for route in routes] == ["/DossierNumberGeneration/v1", "/IAM/SecurityTokenService/v1"]
        assert served.settings["endpoint"] == "http://127.0.0.1:1/DossierNumberGeneration/v1"
    finally:
        served.close()


def test_what_was_not_foreseen_is_answered(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the service itself is told as the default error, and the platform goes on."""
    monkeypatch.setattr(dossier_number_generation, "caller_of", _fails)
    answer = service.send(service.message("hub", {}))
    assert (answer.code, answer.content.findtext("faultcode")) == ("SOA-00001", "soapenv:Server")
    monkeypatch.undo()
    assert service.ask("hub", {}).outcome == "Success"
