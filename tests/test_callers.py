"""Tests of SOAP callers: keys and assertions from files, and an STS that answers as told by a clock that is turned."""

import functools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree

from conformance.contracts.loading import load_spec
from conformance.credentials.assertions import MARGIN, PATIENCE, SKEW, Callers
from conformance.evidence.redaction import Redactor
from conformance.model.errors import CredentialRefusedError, MissingDataError, SecretError
from conformance.model.exchange import ErrorKind, Request, Response, TransportFailure
from conformance.soap.security.wss import certificate_text
from conformance.traffic.waiting import Patience
from tests.scripted import Scripted
from tests.test_keystore import Key, certificate, store

SPEC = load_spec("dossier-number-generation")
START = datetime(2026, 3, 24, 12, tzinfo=UTC)
WHERE = "target.yaml: services.dossier-number-generation.callers"
STS = "https://127.0.0.1/IAM/SecurityTokenService/v1"
HEADERS = (("User-Agent", "myProduct/62.310.4 Technical/3.19.0"), ("From", "info@mycompany.be"))
PASSWORD = "zonnebloem-7731"  # noqa: S105 - of files that are made here
SSIN, NIHII, CBE, EHP = "70020299541", "81234530", "0809394427", "1990000332"
KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
IDENTIFICATION = "urn:be:fgov:identification-namespace"
CERTIFIED = "urn:be:fgov:certified-namespace:ehealth"
DOCTOR, DOCTOR_NUMBER = "urn:be:fgov:person:ssin:doctor:boolean", "urn:be:fgov:person:ssin:ehealth:1.0:doctor:nihii11"
PERSON, HOLDER = "urn:be:fgov:person:ssin", "urn:be:fgov:ehealth:1.0:certificateholder:person:ssin"

Attributes = tuple[tuple[str, str, str], ...]
SAID: Attributes = (
    (PERSON, IDENTIFICATION, SSIN),
    (HOLDER, IDENTIFICATION, SSIN),
    (DOCTOR, CERTIFIED, "true"),
    (DOCTOR_NUMBER, CERTIFIED, "10082555001"),
)


@dataclass(slots=True)
class Clock:
    """A clock that shows what it is set to."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@functools.cache
def own_certificate(key: Key) -> x509.Certificate:
    """Return the certificate of a key, one and the same each time."""
    return certificate(key)


def assertion(  # noqa: PLR0913 - what each test changes
    seconds: float = 86_400,
    *,
    begins: float = -300,
    key: Key = KEY,
    name: str = "_a1",
    attributes: Attributes = SAID,
    start: datetime = START,
) -> bytes:
    """Return a SAML 1.1 assertion that holds for some seconds from the start, written by hand."""
    times = [f"{(start + timedelta(seconds=one)).isoformat()}" for one in (begins, seconds)]
    holder = certificate_text(own_certificate(key))
    subject = (
        "<s:Subject><s:SubjectConfirmation><s:ConfirmationMethod>urn:oasis:names:tc:SAML:1.0:cm:holder-of-key"
        "</s:ConfirmationMethod><d:KeyInfo xmlns:d='http://www.w3.org/2000/09/xmldsig#'><d:X509Data>"
        f"<d:X509Certificate>{holder}</d:X509Certificate></d:X509Data></d:KeyInfo></s:SubjectConfirmation></s:Subject>"
    )
    said = "".join(
        f"<s:Attribute AttributeName='{one}' AttributeNamespace='{space}'>"
        f"<s:AttributeValue>{value}</s:AttributeValue></s:Attribute>"
        for one, space, value in attributes
    )
    return (
        f"<s:Assertion xmlns:s='urn:oasis:names:tc:SAML:1.0:assertion' AssertionID='{name}' Issuer='urn:example:sts'\n"
        f"  MajorVersion='1' MinorVersion='1'  IssueInstant='{times[0]}'>"
        f"<s:Conditions NotBefore='{times[0]}' NotOnOrAfter='{times[1]}'/>"
        f"<s:AttributeStatement>{subject}{said}</s:AttributeStatement></s:Assertion>"
    ).encode()


def answer(inside: bytes | str, status: int = 200) -> Response:
    """Return an answer of an STS with something in its Body."""
    middle = inside if isinstance(inside, bytes) else inside.encode()
    start, end = (
        b"<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body>",
        b"</e:Body></e:Envelope>",
    )
    body = start + middle + end
    return Response(status, "", (("Content-Type", "text/xml"),), body, len(body), "")


def granted(*arguments: float, **changes: Any) -> Response:  # noqa: ANN401 - those of an assertion
    """Return the answer that gives an assertion."""
    given = assertion(*arguments, **changes)
    return answer(b"<t:RequestedSecurityToken xmlns:t='urn:x'>" + given + b"</t:RequestedSecurityToken>")


def fault(words: str) -> Response:
    """Return the answer of an STS that refuses."""
    return answer(f"<e:Fault><faultcode>e:Client</faultcode><faultstring>{words}</faultstring></e:Fault>", 500)


@functools.cache
def key_store(key: Key) -> bytes:
    """Return a key store for a key, made once, because deriving its own key from a password is meant to be slow."""
    return store(key, own_certificate(key), password=PASSWORD)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a caller's key store and its assertion."""
    (tmp_path / "caller.p12").write_bytes(key_store(KEY))
    (tmp_path / "caller.saml.xml").write_bytes(assertion())
    return tmp_path


STORED: Mapping[str, Any] = {
    "kind": "person",
    "keystore": "caller.p12",
    "password": PASSWORD,
    "assertion": "caller.saml.xml",
}
ASKING: Mapping[str, Any] = {
    "kind": "person",
    "keystore": "caller.p12",
    "password": PASSWORD,
    "sts": STS,
    "requester": {"ssin": SSIN},
}


def callers(  # noqa: PLR0913 - what each test changes
    folder: Path,
    row: Mapping[str, Any] = STORED,
    *,
    send: Callable[[Request], Response | TransportFailure] | None = None,
    clock: Callable[[], datetime] | None = None,
    environment: str = "local",
    redactor: Redactor | None = None,
    patience: float = 0.0,
    **others: Mapping[str, Any],
) -> Callers:
    """Return callers of whom the first is `physician`; they send nothing unless told whereto, and wait in no time."""
    rules = SPEC.contract.soap
    assert rules is not None
    return Callers(
        settings={"physician": row, **others},
        rules=rules.callers,
        folder=folder,
        where=WHERE,
        environment=environment,
        send=send or Scripted(),
        headers=HEADERS,
        clock=clock or Clock(),
        redactor=redactor or Redactor(),
        patience=Patience(patience),
        pause=lambda _: None,
    )


def complaint(held: Callers, kind: type[Exception] = CredentialRefusedError) -> str:
    """Return what is said where the caller's assertion cannot be had."""
    with pytest.raises(kind) as caught:
        held.assertion("physician")
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


# -------------------------------------------------------------------------------------------------------- from files


def test_callers_are_named_by_kind_in_the_order_of_the_file(tmp_path: Path) -> None:
    """All names, or those of a kind, are known without anything being opened."""
    held = callers(tmp_path, center={"kind": "nihii_institution"}, colleague={"kind": "person"})
    assert held.names() == ("physician", "center", "colleague")
    assert held.names("person") == ("physician", "colleague")
    assert held.names("ehp_institution") == ()
    assert (held.kind("center"), held.rule("center").identity) == ("nihii_institution", "nihii")


@pytest.mark.parametrize("key", [KEY, OTHER_KEY], ids=["EC", "RSA"])
def test_key_and_assertion_come_from_files(folder: Path, key: Key) -> None:
    """A caller signs with the key of its store, and has the assertion as the very bytes of its file."""
    (folder / "caller.p12").write_bytes(key_store(key))
    stored = b"<?xml version='1.0'?>\n<!-- kept -->\n" + assertion(key=key) + b"\n\n"
    (folder / "caller.saml.xml").write_bytes(stored)
    held = callers(folder)
    assert held.signer("physician").certificate.public_key() == key.public_key()
    assert held.assertion("physician").data == assertion(key=key)
    assert held.assertion("physician").id == "_a1"


def test_files_are_read_once(folder: Path) -> None:
    """What holds long enough is kept, whatever becomes of its file."""
    held = callers(folder)
    first = held.signer("physician"), held.assertion("physician")
    for name in ("caller.p12", "caller.saml.xml"):
        (folder / name).unlink()
    assert (held.signer("physician"), held.assertion("physician")) == first


def _write(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("changes", "breaks", "words"),
    [
        pytest.param({"password": "wrong-word"}, None, ("keystore", "password is wrong"), id="wrong password"),
        pytest.param({"keystore": "none.p12"}, None, ("keystore", "none.p12"), id="no key store"),
        pytest.param({}, _write("caller.p12", b"PEM"), ("keystore", "not a PKCS#12"), id="no PKCS#12"),
        pytest.param({"alias": "encryption"}, None, ("keystore", "encryption"), id="no such alias"),
        pytest.param({"password": {"env": "NOT_SET_ANYWHERE"}}, None, ("password", "NOT_SET_ANYWHERE"), id="no secret"),
    ],
)
def test_key_that_cannot_be_had_is_said_with_its_place(
    folder: Path, changes: Mapping[str, Any], breaks: Callable[[Path], object] | None, words: tuple[str, ...]
) -> None:
    """A mistake in key store or password names the caller and what is wrong, never the password."""
    if breaks is not None:
        breaks(folder)
    with pytest.raises(SecretError) as caught:
        callers(folder, {**STORED, **changes}).signer("physician")
    assert str(caught.value).startswith(f"{WHERE}.physician.{words[0]}")
    assert words[1] in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert "wrong-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "caller.saml.xml", id="no file"),
        pytest.param(b"", "not a SAML 1.1 assertion", id="empty"),
        pytest.param(b"<Assertion", "not well-formed", id="cut short"),
        pytest.param(b"<Assertion AssertionID='_1'/>", "there is no SAML 1.1 assertion in it", id="no namespace"),
        pytest.param(
            assertion().replace(b"SAML:1.0:assertion", b"SAML:2.0:assertion"), "there is no SAML 1.1", id="SAML 2"
        ),
        pytest.param(b"<!DOCTYPE x [<!ENTITY e 'e'>]>" + assertion(), "document type", id="document type"),
        pytest.param(b"x" * (2**20 + 1), "caller.saml.xml", id="too large"),
    ],
)
def test_file_that_is_no_assertion_is_said_with_its_place(folder: Path, content: bytes | None, words: str) -> None:
    """A file that is missing or holds something else names the caller, the file and what is wrong."""
    path = folder / "caller.saml.xml"
    path.unlink() if content is None else path.write_bytes(content)
    said = complaint(callers(folder), SecretError)
    assert said.startswith(f"{WHERE}.physician.assertion: ")
    assert words in said


def test_caller_without_assertion_and_sts_is_told_to_give_one(folder: Path) -> None:
    """Who has neither a file nor an STS has no assertion, and is told what to do."""
    row = {name: value for name, value in STORED.items() if name != "assertion"}
    said = complaint(callers(folder, row), SecretError)
    assert said == f"{WHERE}.physician: give the file of an assertion, or the address of an sts"


def test_file_wins_over_the_sts(folder: Path) -> None:
    """Where a caller has both, the file is used and nobody is asked."""
    sts = Scripted()
    assert callers(folder, {**ASKING, **STORED}, send=sts).assertion("physician").data == assertion()
    assert sts.asked == []


# -------------------------------------------------------------------------------------------------------------- times


@pytest.mark.parametrize(("seconds", "over"), [(-1, True), (0, True), (1, False)])
def test_expired_assertion_of_a_file_is_refused(folder: Path, seconds: float, *, over: bool) -> None:
    """An assertion holds until the moment before its end; after it, its file and a remedy are named."""
    (folder / "caller.saml.xml").write_bytes(assertion(seconds))
    if not over:
        assert callers(folder).assertion("physician").id == "_a1"
        return
    said = complaint(callers(folder))
    assert said.startswith(f"{WHERE}.physician.assertion: {folder / 'caller.saml.xml'}: it expired at 2026-03-24T1")
    assert said.endswith("; get a new one from the STS")


@pytest.mark.parametrize(("begins", "refused"), [(0, False), (1, False), (SKEW, False), (SKEW + 1, True), (9000, True)])
def test_assertion_that_seems_to_begin_later_is_taken_within_the_skew(
    folder: Path, begins: float, *, refused: bool
) -> None:
    """Clocks may differ by five minutes; an assertion that begins later still does not hold."""
    (folder / "caller.saml.xml").write_bytes(assertion(begins=begins))
    if refused:
        assert "it holds only from 2026-03-24T1" in complaint(callers(folder))
    else:
        assert callers(folder).assertion("physician").id == "_a1"


def test_assertion_of_a_file_is_read_anew_before_its_end(folder: Path) -> None:
    """Whoever replaces the file during a long run has the new assertion used."""
    clock, path = Clock(), folder / "caller.saml.xml"
    path.write_bytes(assertion(600, name="_old"))
    held = callers(folder, clock=clock)
    assert held.assertion("physician").id == "_old"
    path.write_bytes(assertion(86_400, name="_new"))
    clock.turn(600 - MARGIN.total_seconds() - 1)
    assert held.assertion("physician").id == "_old"
    clock.turn(1)
    assert held.assertion("physician").id == "_new"


def test_assertion_of_a_file_serves_to_its_end_where_there_is_no_other(folder: Path) -> None:
    """An assertion that is not replaced is used for as long as it holds, even where its file is gone."""
    clock = Clock()
    (folder / "caller.saml.xml").write_bytes(assertion(600))
    held = callers(folder, clock=clock)
    held.assertion("physician")
    (folder / "caller.saml.xml").unlink()
    clock.turn(599)
    assert held.assertion("physician").id == "_a1"
    clock.turn(1)
    assert "caller.saml.xml" in complaint(held, SecretError)


def test_assertion_without_conditions_is_kept(folder: Path) -> None:
    """What does not say when it ends is used for as long as the run lasts."""
    clock = Clock()
    endless = assertion().replace(b"NotOnOrAfter", b"NeverMind").replace(b"NotBefore", b"NeverMind2")
    (folder / "caller.saml.xml").write_bytes(endless)
    held = callers(folder, clock=clock)
    held.assertion("physician")
    (folder / "caller.saml.xml").unlink()
    clock.turn(10 * 365 * 86_400)
    assert held.assertion("physician").data == endless


# ---------------------------------------------------------------------------------------------------- asked of an STS


def test_sts_is_asked_once_and_its_assertion_kept(folder: Path) -> None:
    """What the STS has issued serves again and again, as the very bytes that it sent."""
    sts = Scripted([granted()])
    held = callers(folder, ASKING, send=sts)
    assert {held.assertion("physician").data for _ in range(5)} == {assertion()}
    assert len(sts.asked) == 1


def test_sts_is_asked_once_by_threads_that_come_together(folder: Path) -> None:
    """Whoever asks while the assertion is on its way waits for it."""
    meeting = threading.Barrier(4)
    sts = Scripted([granted()])
    held = callers(folder, ASKING, send=sts)

    def get(_: int) -> str:
        meeting.wait(60)
        return held.assertion("physician").id

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(get, range(4))) == {"_a1"}
    assert len(sts.asked) == 1


def test_assertion_is_renewed_before_its_end(folder: Path) -> None:
    """A minute before its end another assertion is asked for, and not before."""
    clock, sts = Clock(), Scripted([granted(3600), granted(7200, name="_a2")])
    held = callers(folder, ASKING, send=sts, clock=clock)
    held.assertion("physician")
    clock.turn(3600 - MARGIN.total_seconds() - 1)
    assert held.assertion("physician").id == "_a1"
    clock.turn(1)
    assert held.assertion("physician").id == "_a2"
    assert len(sts.asked) == 2


def test_short_lived_assertion_is_renewed_in_the_middle_of_its_life(folder: Path) -> None:
    """An assertion that holds for less than two minutes serves for half of them."""
    clock, sts = Clock(), Scripted([granted(40), granted(400, name="_a2")])
    held = callers(folder, ASKING, send=sts, clock=clock)
    held.assertion("physician")
    clock.turn(19)
    assert held.assertion("physician").id == "_a1"
    clock.turn(1)
    assert held.assertion("physician").id == "_a2"


def test_assertion_serves_to_its_end_where_the_sts_gives_no_other(folder: Path) -> None:
    """While the old assertion holds, an STS that is down for a while is in nobody's way."""
    clock = Clock()
    down = TransportFailure(ErrorKind.CONNECT, "refused")
    sts = Scripted([granted(600), down, down, down, down, granted(900, name="_a2")])
    held = callers(folder, ASKING, send=sts, clock=clock)
    held.assertion("physician")
    clock.turn(600 - MARGIN.total_seconds())
    assert held.assertion("physician").id == "_a1"
    clock.turn(MARGIN.total_seconds() - 1)
    assert held.assertion("physician").id == "_a1"
    clock.turn(1)
    assert "gives no answer" in complaint(held)
    clock.turn(PATIENCE.total_seconds())
    sts.answers = sts.answers[-1:]
    assert held.assertion("physician").id == "_a2"


def test_each_caller_has_an_assertion_of_its_own(folder: Path) -> None:
    """What was issued to one caller is never used for another."""
    sts = Scripted([granted(), granted(name="_a2")])
    held = callers(folder, ASKING, send=sts, colleague=ASKING)
    assert [held.assertion(name).id for name in ("physician", "colleague", "physician")] == ["_a1", "_a2", "_a1"]


HTML = Response(500, "Oops", (("Content-Type", "text/html"),), b"<html><body>Oops<br></body></html>", 34, "")
REFUSALS: dict[str, tuple[Response | TransportFailure, str]] = {
    "fault": (fault("FailedAuthentication: unknown certificate"), "refuses: FailedAuthentication: unknown certificate"),
    "fault without words": (answer("<e:Fault/>", 500), "answered with status 500: there is no assertion in it"),
    "HTML": (HTML, "answered with status 500: it is not XML"),
    "empty": (Response(200, "OK", (), b"", 0, ""), "answered with status 200: it is not XML"),
    "silence": (TransportFailure(ErrorKind.TIMEOUT, "no answer in 10 s"), "gives no answer: no answer in 10 s"),
    "challenge": (answer("<t:Challenge xmlns:t='urn:x'>42</t:Challenge>"), "asks for a challenge"),
    "assertion for another key": (granted(key=OTHER_KEY), "issued an assertion for another key"),
    "expired assertion": (granted(-1), "issued an assertion that does not hold: it expired at 2026-03-24T11:59:59Z"),
    "assertion of tomorrow": (granted(begins=86_000), "does not hold: it holds only from 2026-03-25"),
    "assertion that cannot be read": (
        Response(200, "", (), b"<s:Assertion xmlns:s='urn:oasis:names:tc:SAML:1.0:assertion'>", 0, ""),
        "answered with status 200: it is not XML",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_sts_that_gives_no_assertion_is_quoted_and_left_in_peace(folder: Path, name: str) -> None:
    """The reason names caller, STS and what it said; for half a minute the STS is not asked again."""
    outcome, words = REFUSALS[name]
    clock, sts = Clock(), Scripted([outcome, granted(90_000)])
    held = callers(folder, ASKING, send=sts, clock=clock)
    said = complaint(held)
    assert said.startswith(f"{WHERE}.physician: the STS {STS} ")
    assert words in said
    assert "\n" not in said
    assert complaint(held) == said
    clock.turn(PATIENCE.total_seconds() - 1)
    assert complaint(held) == said
    assert len(sts.asked) == 1
    clock.turn(1)
    assert held.assertion("physician").id == "_a1"
    assert len(sts.asked) == 2


def test_refusal_of_one_caller_is_none_of_another(folder: Path) -> None:
    """The STS is asked for the next caller although it has just refused the one before."""
    sts = Scripted([fault("no"), granted()])
    held = callers(folder, ASKING, send=sts, colleague=ASKING)
    complaint(held)
    assert held.assertion("colleague").id == "_a1"


def test_long_words_of_an_sts_are_cut(folder: Path) -> None:
    """However much an STS says, the reason stays readable."""
    assert len(complaint(callers(folder, ASKING, send=Scripted([fault("x" * 100_000)])))) < 700


@pytest.mark.parametrize(
    ("environment", "address", "words"),
    [
        ("production", STS, "nothing but GET"),
        ("acceptance", "http://sts.example.org/", "plain http"),
        ("local", "http://sts.example.org/", "plain http"),
        ("local", "https://services-acpt.ehealth.fgov.be/IAM/SecurityTokenService/v1", "acceptance"),
    ],
)
def test_sts_that_may_not_be_asked_is_not_asked(folder: Path, environment: str, address: str, words: str) -> None:
    """An address that the environment forbids is a mistake of the target, and gets no request."""
    sts = Scripted()
    said = complaint(callers(folder, {**ASKING, "sts": address}, send=sts, environment=environment), SecretError)
    assert said.startswith(f"{WHERE}.physician.sts: ")
    assert words in said
    assert sts.asked == []


# -------------------------------------------------------------------------------------------- what the STS is asked


def claims(request: Request) -> list[tuple[str, str]]:
    """Return name and value of the attributes that a request asks for."""
    root = etree.fromstring(request.body)
    return [(one.get("Uri", ""), "".join(map(str, one.itertext()))) for one in root.iter("{*}ClaimType")]


def test_request_to_the_sts_is_soap_over_http(folder: Path) -> None:
    """Who asks, for whom to write to, which action, and that it is XML stand in the header fields."""
    sts = Scripted([granted()])
    callers(folder, ASKING, send=sts).assertion("physician")
    [request] = sts.asked
    fields = dict(request.headers)
    assert (request.method, request.url) == ("POST", STS)
    assert fields["User-Agent"] == "myProduct/62.310.4 Technical/3.19.0"
    assert fields["From"] == "info@mycompany.be"
    assert fields["SOAPAction"] == '"urn:be:fgov:ehealth:sts:protocol:v1:RequestSecurityToken"'
    assert fields["Content-Type"].partition(";")[0] == "text/xml"
    assert etree.fromstring(request.body).tag == "{http://schemas.xmlsoap.org/soap/envelope/}Envelope"


@pytest.mark.parametrize(
    ("kind", "requester", "asserted", "certified"),
    [
        ("person", {"ssin": SSIN}, {HOLDER: SSIN, PERSON: SSIN}, {DOCTOR, DOCTOR_NUMBER}),
        (
            "nihii_institution",
            {"nihii": NIHII},
            {
                "urn:be:fgov:ehealth:1.0:sortingcenter:nihii-number": NIHII,
                "urn:be:fgov:ehealth:1.0:certificateholder:sortingcenter:nihii-number": NIHII,
            },
            {"urn:be:fgov:ehealth:1.0:sortingcenter:nihii-number:recognisedsortingcenter:boolean"},
        ),
        (
            "ehp_institution",
            {"cbe": EHP},
            {
                "urn:be:fgov:ehealth:1.0:organization:ehp-number": EHP,
                "urn:be:fgov:ehealth:1.0:certificateholder:organization:ehp-number": EHP,
            },
            {"urn:be:fgov:ehealth:1.0:organization:ehp-number:recognisedehp:boolean"},
        ),
    ],
)
def test_sts_is_asked_for_what_a_kind_of_caller_has(
    folder: Path, kind: str, requester: Mapping[str, str], asserted: Mapping[str, str], certified: set[str]
) -> None:
    """A caller asserts its number, and asks to have certified what its kind is known by."""
    sts = Scripted([granted()])
    callers(folder, {**ASKING, "kind": kind, "requester": requester}, send=sts).assertion("physician")
    asked = claims(sts.asked[0])
    assert {name: value for name, value in asked if value} == asserted
    assert {name for name, value in asked if not value} == certified


def test_attributes_of_the_target_replace_the_usual_ones(folder: Path) -> None:
    """Where the target says what to ask for, nothing else is asked, and no number is needed."""
    sts = Scripted([granted()])
    row = {name: value for name, value in ASKING.items() if name != "requester"}
    own = [{"name": "urn:example:own", "value": "a & <b>"}, {"name": "urn:example:certified"}]
    callers(folder, {**row, "attributes": own}, send=sts).assertion("physician")
    assert claims(sts.asked[0]) == [("urn:example:own", "a & <b>"), ("urn:example:certified", "")]


@pytest.mark.parametrize("requester", [{}, {"nihii": NIHII}, {"cbe": CBE}])
def test_caller_without_number_cannot_ask_the_sts(folder: Path, requester: Mapping[str, str]) -> None:
    """The STS has to be told who asks; a target that does not say makes cases not applicable."""
    sts = Scripted()
    said = complaint(callers(folder, {**ASKING, "requester": requester}, send=sts), MissingDataError)
    assert said == "the target gives no callers.physician.requester.ssin, which the STS has to be told"
    assert sts.asked == []


# ---------------------------------------------------------------------------------------------- what an assertion says


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (DOCTOR, "false", "is false instead of true"),
        (DOCTOR, "", "is empty instead of true"),
        (DOCTOR, "True", "is True instead of true"),
        (DOCTOR, "1", "is 1 instead of true"),
        (DOCTOR_NUMBER, "", "is empty"),
    ],
)
@pytest.mark.parametrize("row", [STORED, ASKING], ids=["file", "STS"])
def test_assertion_that_does_not_certify_its_caller_is_refused(
    folder: Path, row: Mapping[str, Any], name: str, value: str, words: str
) -> None:
    """A certified attribute that is not true, or says nothing, is named, with whom to ask."""
    said = tuple((one, space, value if one == name else text) for one, space, text in SAID)
    (folder / "caller.saml.xml").write_bytes(assertion(attributes=said))
    sts = Scripted([granted(attributes=said)])
    held = callers(folder, row, send=sts)
    reason = complaint(held)
    assert f"{name} {words}" in reason
    assert reason.startswith(f"{WHERE}.physician: the assertion's certified attributes do not admit the caller: ")
    assert "ask the platform" in reason
    assert complaint(held) == reason
    assert len(sts.asked) == (row is ASKING)


def test_all_attributes_that_do_not_certify_are_named(folder: Path) -> None:
    """One attribute that is wrong hides no other."""
    said = ((PERSON, IDENTIFICATION, SSIN), (DOCTOR, CERTIFIED, "false"), (DOCTOR_NUMBER, CERTIFIED, ""))
    (folder / "caller.saml.xml").write_bytes(assertion(attributes=said))
    reason = complaint(callers(folder))
    assert DOCTOR in reason
    assert DOCTOR_NUMBER in reason


def test_false_attribute_that_nobody_certifies_is_no_obstacle(folder: Path) -> None:
    """What a caller asserts of itself may be false or empty."""
    said = (*SAID, ("urn:example:own:boolean", IDENTIFICATION, "false"), ("urn:example:other", IDENTIFICATION, ""))
    (folder / "caller.saml.xml").write_bytes(assertion(attributes=said))
    assert callers(folder).assertion("physician").id == "_a1"


@pytest.mark.parametrize(
    ("row", "attributes", "number"),
    [
        pytest.param({"requester": {"ssin": "85061599690"}}, SAID, "85061599690", id="the file's"),
        pytest.param({"requester": {"nihii": NIHII}}, SAID, SSIN, id="the file's is another kind of number"),
        pytest.param({}, SAID, SSIN, id="the assertion's"),
        pytest.param(
            {},
            ((HOLDER, IDENTIFICATION, "85061599690"), (PERSON, IDENTIFICATION, SSIN)),
            SSIN,
            id="of whom a mandate holder acts for",
        ),
        pytest.param({}, ((HOLDER, IDENTIFICATION, SSIN),), SSIN, id="the certificate's holder alone"),
        pytest.param({}, ((PERSON, CERTIFIED, SSIN),), "", id="certified, but not identifying"),
        pytest.param({}, (), "", id="nowhere"),
        pytest.param({"kind": "ehp_institution", "requester": {"cbe": EHP}}, (), EHP, id="an EHP number as CBE"),
        pytest.param({"kind": "ehp_institution", "requester": {"ehp": EHP}}, (), EHP, id="an EHP number"),
        pytest.param({"kind": "nihii_institution", "requester": {"cbe": CBE}}, (), "", id="a CBE number for a centre"),
    ],
)
def test_identity_is_the_files_else_the_assertions(
    folder: Path, row: Mapping[str, Any], attributes: Attributes, number: str
) -> None:
    """A caller's number is that of the target, else that of the assertion, else not known."""
    (folder / "caller.saml.xml").write_bytes(assertion(attributes=attributes))
    assert callers(folder, {**STORED, **row}).identity("physician") == number


def test_identity_of_the_file_needs_no_assertion(folder: Path) -> None:
    """A number that the target gives is known without anybody being asked."""
    sts = Scripted()
    assert callers(folder, ASKING, send=sts).identity("physician") == SSIN
    assert sts.asked == []


# ------------------------------------------------------------------------------------------------------------ secrets


def test_password_is_known_to_the_redactor_before_the_store_is_opened(folder: Path) -> None:
    """Even where the key store is missing, the password cannot be written down any more."""
    redactor = Redactor()
    with pytest.raises(SecretError):
        callers(folder, {**STORED, "keystore": "none.p12"}, redactor=redactor).signer("physician")
    assert redactor.text(f"<{PASSWORD}>") == '<{"password": "physician"}>'


def test_password_is_known_to_the_redactor_before_anything_is_sent(folder: Path) -> None:
    """An STS that repeats what it knows cannot bring a password into a report."""
    redactor = Redactor()
    sts = Scripted([fault(f"the password {PASSWORD} is a good one")])
    said = complaint(callers(folder, ASKING, send=sts, redactor=redactor))
    assert '{"password": "physician"}' in said


@pytest.mark.parametrize("seconds", [-5, 86_400])
@pytest.mark.parametrize("row", [STORED, ASKING], ids=["file", "STS"])
def test_assertion_is_known_to_the_redactor_whether_it_holds_or_not(
    folder: Path, row: Mapping[str, Any], seconds: float
) -> None:
    """As soon as an assertion was seen it is written as its reference only, expired ones too."""
    redactor = Redactor()
    (folder / "caller.saml.xml").write_bytes(assertion(seconds))
    held = callers(folder, row, send=Scripted([granted(seconds)]), redactor=redactor)
    try:
        held.assertion("physician")
    except CredentialRefusedError:
        assert seconds < 0
    assert redactor.text(f"a{assertion(seconds).decode()}b") == 'a{"assertion": "physician"}b'


def test_assertion_for_another_key_is_known_to_the_redactor(folder: Path) -> None:
    """What an STS issues by mistake is somebody's credential all the same."""
    redactor = Redactor()
    complaint(callers(folder, ASKING, send=Scripted([granted(key=OTHER_KEY)]), redactor=redactor))
    assert redactor.text(assertion(key=OTHER_KEY).decode()) == '{"assertion": "physician"}'


def test_callers_do_not_show_their_secrets(folder: Path) -> None:
    """What is shown of callers in a traceback has neither password nor assertion nor key."""
    held = callers(folder)
    held.assertion("physician")
    shown = f"{held!r} {held.signer('physician')!r} {held.assertion('physician')!r}"
    assert PASSWORD not in shown
    assert "AttributeStatement" not in shown
    assert "PRIVATE" not in shown


def test_wait_for_the_next_assertion_shrinks_while_the_sts_is_down(folder: Path) -> None:
    """While an STS stays down, it is asked at ever shorter distances, but never twice within the patience."""
    clock, times = Clock(), []

    def send(_: Request) -> Response | TransportFailure:
        times.append(clock.now)
        return granted(600) if len(times) == 1 else TransportFailure(ErrorKind.CONNECT, "refused")

    held = callers(folder, ASKING, send=send, clock=clock)
    for _ in range(600):
        held.assertion("physician")
        clock.turn(1)
    assert len(times) > 1
    assert all(later - earlier >= PATIENCE for earlier, later in pairwise(times))
