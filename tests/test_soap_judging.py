"""Tests of judging SOAP exchanges: envelopes written by hand, and the finding that each slip in one calls for."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from conformance.contracts.binding import Binding, bind
from conformance.contracts.loading import load_spec
from conformance.contracts.platform_rules import bundled_schemas
from conformance.formats.schemas import specs_root
from conformance.judging.findings import BUSY_STATUSES
from conformance.judging.memory import RunMemory
from conformance.judging.soap import SoapOracle
from conformance.model.case import (
    Case,
    Clause,
    Effect,
    Expectation,
    Message,
    MessageMutation,
    MutationKind,
    Step,
    Template,
)
from conformance.model.contract import Contract, Level
from conformance.model.exchange import ErrorKind, Exchange, Headers, Purpose, Request, Response, TransportFailure
from conformance.model.verdict import Finding, Judgement, Severity
from conformance.soap.security.mutations import MUTATIONS, OF_THE_FORM
from conformance.soap.xsd.collecting import read_schema

SERVICE = "dossier-number-generation"
SPEC = load_spec(SERVICE)
BINDING = bind(SPEC, {}, Path())
ERRORS = read_schema(specs_root() / "common" / "xsd" / "errors-soa-v1.xsd", bundled_schemas())
NOW = datetime(2026, 3, 24, 12, tzinfo=UTC)
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
OWN = "urn:be:fgov:ehealth:dossiernumbergeneration:protocol:v1"
CORE = "urn:be:fgov:ehealth:commons:core:v2"
DETAILS = "urn:be:fgov:ehealth:dossiernumbergeneration:core:v1"
SOA = "urn:be:fgov:ehealth:errors:soa:v1"
STATUS = "urn:be:fgov:ehealth:2.0:status:"
XML: Headers = (("Content-Type", "text/xml; charset=UTF-8"), ("Date", format_datetime(NOW, usegmt=True)))
NUMBERS = count(1)

Change = Callable[[str], str]


PAGE = b"<html><head><title>Request rejected</title></head><body>Oops</body></html>"


# ----------------------------------------------------------------------------------------------- messages by hand


def request(
    last_name: str | None = "TESTNAME", first_names: str = "", request_id: str = "_r1", inside: str = ""
) -> bytes:
    """Return a request as it is sent, without its security."""
    given = f' Id="{request_id}"' if request_id else ""
    names = "" if last_name is None else f"<LastName>{last_name}</LastName>"
    names += f"<FirstNames>{first_names}</FirstNames>" if first_names else ""
    return (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Header/><s:Body><d:GenerateCovidIdRequest xmlns:d="{OWN}"{given} '
        f'IssueInstant="2026-03-24T12:00:00Z"><Criteria>{inside}<Person>{names}</Person></Criteria>'
        "</d:GenerateCovidIdRequest></s:Body></s:Envelope>"
    ).encode()


def envelope(inside: str) -> str:
    """Return an envelope with something in its Body."""
    start = f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{SOAP}">'
    return f"{start}<s:Body>{inside}</s:Body></s:Envelope>"


def response(  # noqa: PLR0913 - the parts of a response
    status: str = "Success",
    identifier: str | None = "CV-1",
    *,
    name: str = "",
    message: str = "",
    detail: str = "",
    to: str = "_r1",
) -> str:
    """Return a response that is right in everything."""
    told = f"<c:StatusMessage>{message}</c:StatusMessage>" if message else ""
    more = f"<c:StatusDetail>{detail}</c:StatusDetail>" if detail else ""
    given = "" if identifier is None else f"<CovidDossierIdentifier>{identifier}</CovidDossierIdentifier>"
    return envelope(
        f'<d:GenerateCovidIdResponse xmlns:d="{OWN}" Id="{name or f"_a{next(NUMBERS)}"}" InResponseTo="{to}" '
        f'IssueInstant="2026-03-24T12:00:01Z"><c:Status xmlns:c="{CORE}"><c:StatusCode Value="{STATUS}{status}"/>'
        f"{told}{more}</c:Status>{given}</d:GenerateCovidIdResponse>"
    )


def cbss(value: str = "NOK", code: str = "MSG00008", element: str = "CbssStatus") -> str:
    """Return what the CBSS says in the detail of a status."""
    return f'<k:{element} xmlns:k="{DETAILS}"><Value>{value}</Value><Code>{code}</Code></k:{element}>'


def refusal(**parts: Any) -> str:  # noqa: ANN401 - of a response
    """Return a response that refuses a request."""
    return response("Requester", None, **parts)


def fault(code: str = "SOA-03006", origin: str = "Consumer", environment: str = "Acceptation") -> str:
    """Return a fault that is right in everything."""
    return envelope(
        f"<s:Fault><faultcode>s:Client</faultcode><faultstring>{code}</faultstring><detail>"
        f'<e:SystemError xmlns:e="{SOA}" Id="x"><Origin>{origin}</Origin><Code>{code}</Code>'
        f"<Message>Something is wrong</Message><e:Environment>{environment}</e:Environment></e:SystemError>"
        "</detail></s:Fault>"
    )


BARE = envelope(
    "<s:Fault><faultcode xmlns:w='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'>"
    "w:FailedCheck</faultcode><faultstring>The signature is not valid</faultstring></s:Fault>"
)


def answered(text: str | bytes, status: int = 0, headers: Headers = XML, cut: str = "") -> Response:
    """Return an answer, with the HTTP status that goes with it unless told otherwise."""
    body = text if isinstance(text, bytes) else text.encode()
    status = status or (500 if b":Fault>" in body else 200)
    return Response(status, "Reason", headers, body, len(body), "", cut=cut)


def exchange(outcome: Response | TransportFailure | str, sent: bytes | None = None, url: str = "http://h/") -> Exchange:
    """Return an exchange of its own."""
    result = answered(outcome) if isinstance(outcome, str) else outcome
    asked = Request("POST", url, (), request() if sent is None else sent)
    return Exchange(f"{next(NUMBERS):06d}", "x", Purpose.PROBE, NOW, 0.1, asked, result)


def judge(contract: Contract = SPEC.contract, binding: Binding = BINDING, **rules: Any) -> SoapOracle:  # noqa: ANN401
    """Return a judge that remembers nothing yet, with other rules as told."""
    assert contract.soap is not None
    return SoapOracle(contract, replace(contract.soap, **rules), binding, ERRORS, RunMemory())


def case(name: str, **changes: Any) -> Case:  # noqa: ANN401 - of a case
    """Return a case, changed as told."""
    return replace(SPEC.cases[f"{SERVICE}/{name}"], **changes)


SERVED = case("7.2/last-name-only-person")
NO_NAME = case("7.2/no-last-name-person")
OTHER = case("7.2/physician-requester-person")
XSD = case("8/elements-missing")
SECURITY = case("4/no-signature")


def judged(outcome: Response | TransportFailure | str, which: Case = SERVED, sent: bytes | None = None) -> Judgement:
    """Return what a judge that remembers nothing says."""
    return judge().judge(exchange(outcome, sent), which)


def named(judgement: Judgement) -> list[tuple[str, str]]:
    """Return severity and requirement of each finding."""
    return [(one.severity.value, one.requirement.removeprefix(f"{SERVICE}/")) for one in judgement.findings]


def only(judgement: Judgement) -> Finding:
    """Return the one finding that there is."""
    [finding] = judgement.findings
    return finding


def swap(old: str, new: str) -> Change:
    """Return a change of one text in an answer."""

    def change(text: str) -> str:
        assert old in text, f"{old!r} is not in {text}"
        return text.replace(old, new)

    return change


# ------------------------------------------------------------------------------------------------------ what is right


@pytest.mark.parametrize(
    ("text", "which"),
    [
        pytest.param(response(), SERVED, id="success"),
        pytest.param(swap('<?xml version="1.0" encoding="UTF-8"?>', "")(response()), SERVED, id="no declaration"),
        pytest.param(swap("<s:Body>", "<s:Header/><s:Body>")(response()), SERVED, id="an empty header"),
        pytest.param(swap("<s:Body>", "<s:Body><!-- here --> ")(response()), SERVED, id="a comment"),
        pytest.param(swap("12:00:01Z", "13:00:01+01:00")(response()), SERVED, id="another zone"),
        pytest.param(swap("12:00:01Z", "12:00:01.123456789Z")(response()), SERVED, id="a fraction"),
        pytest.param(response(message="OK"), SERVED, id="a message"),
        pytest.param(response(identifier="é 1/2"), SERVED, id="any identifier"),
        pytest.param(refusal(), NO_NAME, id="refusal"),
        pytest.param(refusal(detail=cbss()), NO_NAME, id="refusal with detail"),
        pytest.param(refusal(detail=cbss(code="MSG00013") + cbss()), NO_NAME, id="two details"),
        pytest.param(fault(), XSD, id="fault"),
        pytest.param(swap("SystemError", "BusinessError")(fault()), XSD, id="business error"),
        pytest.param(swap("<Message>", '<Message xml:lang="fr">')(fault()), XSD, id="a language"),
        pytest.param(swap("s:Client", "s:Client.Validation")(fault()), XSD, id="a finer faultcode"),
        pytest.param(fault("SOA-01001"), SECURITY, id="not authenticated"),
        pytest.param(BARE, SECURITY, id="a bare fault of WS-Security"),
    ],
)
def test_right_answer_has_no_finding(text: str, which: Case) -> None:
    """What the cookbook, SOAP and the schemas allow is neither violation nor observation, and is counted."""
    judgement = judged(text, which)
    assert (judgement.findings, judgement.inconclusive_reason, judgement.not_applicable_reason) == ((), "", "")
    assert judgement.evaluated[which.requirements[0]] >= 1
    assert judgement.evaluated[f"{SERVICE}/5.1.3/http-status"] == 1


def test_every_check_of_a_success_is_counted() -> None:
    """A success counts its status, its form and each thing that belongs into it."""
    evaluated = judged(response()).evaluated
    wanted: tuple[str, ...] = ("5.1.3/media-type", "5.1.3/envelope", "5.2/contract", "5.2.1.2/id", "5.2.1.2/id-unique")
    wanted += ("5.2.1.2/in-response-to", "5.2.1.2/issue-instant", "5.2.2.3/status-code", "5.2.1.2/identifier")
    wanted += ("5.2.1.2/identifier-of-one-person", "5.2.1.2/status")
    assert {f"{SERVICE}/{name}" for name in wanted} <= evaluated.keys()
    for name in ("8/fault-code", "5.2.1.2/no-identifier-on-failure", "5.2.2.4/value"):
        assert f"{SERVICE}/{name}" not in evaluated


def test_every_check_of_a_fault_is_counted() -> None:
    """A fault counts its structure, its code and its origin, and nothing of a response."""
    evaluated = judged(fault(), XSD).evaluated
    assert {f"{SERVICE}/8/{name}" for name in ("fault-structure", "fault-code", "fault-component", "xsd")} <= set(
        evaluated
    )
    assert f"{SERVICE}/5.2/contract" not in evaluated


# ------------------------------------------------------------------------------------------------ one slip at a time

# A change of a success: severity, requirement, and pieces of expected and actual.
SLIPS: dict[str, tuple[Change, str, str, str, str]] = {
    "other element": (
        swap("GenerateCovidIdResponse", "GenerateResponse"),
        "violation", "5.2/contract", "GenerateCovidIdResponse", "GenerateResponse",
    ),
    "other namespace": (swap(OWN, "urn:x"), "violation", "5.2/contract", OWN, "urn:x"),
    "unknown element": (
        swap("</d:Gen", "<Extra/></d:Gen"), "violation", "5.2/contract", "valid by the WSDL", "Extra",
    ),
    "identifier twice": (
        swap("</d:Gen", "<CovidDossierIdentifier>2</CovidDossierIdentifier></d:Gen"),
        "violation", "5.2/contract", "valid", "CovidDossierIdentifier",
    ),
    "qualified identifier": (
        swap("CovidDossierIdentifier>", "d:CovidDossierIdentifier>"), "violation", "5.2/contract", "CovidDossier", "",
    ),
    "unknown attribute": (swap(" InResponseTo", ' Extra="1" InResponseTo'), "violation", "5.2/contract", "", "Extra"),
    "unknown element in the status": (
        swap("/></c:Status>", "/><c:Words/></c:Status>"), "violation", "5.2/contract", "StatusMessage", "Words",
    ),
    "time without sense": (swap("2026-03-24T12:00:01Z", "today"), "violation", "5.2.1.2/issue-instant", "", "Issue"),
    "no time": (swap(' IssueInstant="2026-03-24T12:00:01Z"', ""), "violation", "5.2.1.2/issue-instant", "", ""),
    "time of last week": (
        swap("03-24T12:00:01", "03-17T12:00:01"),
        "violation", "5.2.1.2/issue-instant", "2026-03-24T12:00:00Z", "2026-03-17T12:00:01Z",
    ),
    "Id that is none": (swap(' Id="_a', ' Id="1 a'), "violation", "5.2.1.2/id", "", "Id"),
    "InResponseTo of another": (
        swap('InResponseTo="_r1"', 'InResponseTo="_r2"'), "violation", "5.2.1.2/in-response-to", "_r1", "_r2",
    ),
    "no InResponseTo": (swap(' InResponseTo="_r1"', ""), "violation", "5.2.1.2/in-response-to", "_r1", "absent"),
    "empty InResponseTo": (
        swap('InResponseTo="_r1"', 'InResponseTo=""'), "violation", "5.2.1.2/in-response-to", "_r1", "empty",
    ),
    "two elements in the Body": (
        swap("</s:Body>", "<x/></s:Body>"), "violation", "5.1.3/envelope", "one element", "GenerateCovidIdResponse, x",
    ),
    "something after the Body": (
        swap("</s:Body>", "</s:Body><x/>"), "violation", "5.1.3/envelope", "Header, Body", "Body, x",
    ),
    "SOAP 1.2": (
        swap(SOAP, "http://www.w3.org/2003/05/soap-envelope"), "violation", "5.1.3/envelope", SOAP, "soap-envelope",
    ),
    "detail with a success": (
        swap("/></c:Status>", f"/><c:StatusDetail>{cbss()}</c:StatusDetail></c:Status>"),
        "violation", "5.2.2.4/on-failure", "no such element", "CbssStatus",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SLIPS)
def test_slip_of_a_success_is_one_finding(name: str) -> None:
    """One thing that is wrong is one finding, at its requirement, with what was expected and found."""
    change, severity, requirement, expected, actual = SLIPS[name]
    judgement = judged(change(response()))
    assert named(judgement) == [(severity, requirement)], judgement.findings
    finding = only(judgement)
    assert finding.message
    assert finding.location
    assert expected in finding.expected
    assert actual in finding.actual


@pytest.mark.parametrize("text", [swap(' Id="_a', ' Name="_a')(response())])
def test_response_without_id_breaks_the_requirement_of_the_id(text: str) -> None:
    """An Id that is missing is told apart from what else the schema says."""
    assert ("violation", "5.2.1.2/id") in named(judged(text))


@pytest.mark.parametrize(
    "change",
    [
        swap(f'<c:Status xmlns:c="{CORE}"><c:StatusCode Value="{STATUS}Success"/></c:Status>', ""),
        swap(f'<c:StatusCode Value="{STATUS}Success"/>', ""),
    ],
    ids=["no status", "no code in it"],
)
def test_response_without_status_is_accused_of_that_alone(change: Change) -> None:
    """Where the status is missing, that is the finding, and not that the case did not get its success."""
    assert named(judged(change(response()))) == [("violation", "5.2.1.2/status")]


@pytest.mark.parametrize("code", ["urn:x", "", "success", f"{STATUS}success", f"{STATUS}Success2"])
def test_status_code_that_nobody_documents_is_found(code: str) -> None:
    """A status code outside of the list is the finding, whatever the case wanted."""
    judgement = judged(swap(f"{STATUS}Success", code)(response()))
    assert named(judgement) == [("violation", "5.2.2.3/status-code")]
    assert only(judgement).actual == (code or "empty")
    assert f"{STATUS}Requester" in only(judgement).expected


@pytest.mark.parametrize(
    ("code", "severity"),
    [(201, "observation"), (202, "observation"), (400, "violation"), (404, "violation"), (500, "violation")],
)
def test_status_of_http_goes_with_the_response(code: int, severity: str) -> None:
    """A response with the status of an error is wrong, one with another success is odd."""
    judgement = judged(answered(response(), code))
    assert named(judgement) == [(severity, "5.1.3/http-status")]
    assert (only(judgement).expected, only(judgement).actual) == ("200", str(code))


@pytest.mark.parametrize("code", [200, 400, 503])
def test_fault_comes_with_500(code: int) -> None:
    """A SOAP fault with another status is wrong, but it is a fault all the same, 503 or not."""
    judgement = judged(answered(fault(), code), XSD)
    assert named(judgement) == [("violation", "5.1.3/http-status")]
    assert (only(judgement).expected, only(judgement).actual) == ("500", str(code))


@pytest.mark.parametrize(
    ("headers", "actual"),
    [
        ((("Content-Type", "application/xml"),), "application/xml"),
        ((("Content-Type", "application/soap+xml; charset=utf-8"),), "application/soap+xml"),
        ((("Content-Type", "text/html"),), "text/html"),
        ((), "absent"),
    ],
)
@pytest.mark.parametrize(("text", "which"), [(response, SERVED), (fault, XSD)], ids=["response", "fault"])
def test_media_type_is_text_xml(headers: Headers, actual: str, text: Callable[[], str], which: Case) -> None:
    """Responses and faults of SOAP 1.1 are text/xml."""
    judgement = judged(answered(text(), headers=headers), which)
    assert named(judgement) == [("violation", "5.1.3/media-type")]
    assert only(judgement).expected == "text/xml"
    assert actual in only(judgement).actual


@pytest.mark.parametrize("value", ["text/xml", "TEXT/XML;charset=utf-8", 'text/xml; charset="UTF-8"; action="x"'])
def test_media_type_is_compared_without_parameters_and_case(value: str) -> None:
    """Parameters and capital letters of a media type are nobody's mistake."""
    assert judged(answered(response(), headers=(("Content-Type", value),))).findings == ()


@pytest.mark.parametrize("identifier", [None, "", "  "])
def test_success_carries_an_identifier(identifier: str | None) -> None:
    """A success without identifier, or with an empty one, is a violation."""
    judgement = judged(response(identifier=identifier))
    assert named(judgement) == [("violation", "5.2.1.2/identifier")]
    assert only(judgement).actual == ("absent" if identifier is None else "empty")


def test_refusal_carries_no_identifier() -> None:
    """A request that did not succeed is given no identifier, even where the refusal itself was wanted."""
    judgement = judged(response("Requester", "CV-9"), NO_NAME)
    assert named(judgement) == [("violation", "5.2.1.2/no-identifier-on-failure")]
    assert only(judgement).actual == "CV-9"


@pytest.mark.parametrize(
    ("detail", "requirement", "expected", "actual"),
    [
        (cbss(value="OK"), "5.2.2.4/value", "NOK", "OK"),
        (cbss(value="nok"), "5.2.2.4/value", "NOK", "nok"),
        (cbss(value=""), "5.2.2.4/value", "NOK", "empty"),
        (cbss(code="MSG00001"), "5.2.2.4/code", "MSG00008, MSG00013", "MSG00001"),
    ],
)
def test_detail_has_documented_values(detail: str, requirement: str, expected: str, actual: str) -> None:
    """A CbssStatus that says something else than the table is found at its member."""
    judgement = judged(refusal(detail=detail), NO_NAME)
    assert named(judgement) == [("violation", requirement)]
    assert (only(judgement).expected, only(judgement).actual) == (expected, actual)


# A change of a fault: requirement, expected and actual.
FAULT_SLIPS: dict[str, tuple[Change, str, str, str, str]] = {
    "no Origin": (swap("<Origin>Consumer</Origin>", ""), "violation", "8/fault-structure", "Origin", "Code"),
    "empty Origin": (swap("Consumer", ""), "violation", "8/fault-structure", "a text", "empty"),
    "empty Message": (swap("Something is wrong", " "), "violation", "8/fault-structure", "a text", "empty"),
    "no Environment": (
        swap("<e:Environment>Acceptation</e:Environment>", ""), "violation", "8/fault-structure", "", "SystemError",
    ),
    "Environment not qualified": (
        swap("e:Environment>", "Environment>"), "violation", "8/fault-structure", "Environment", "Environment",
    ),
    "Code qualified": (swap("Code>", "e:Code>"), "violation", "8/fault-structure", "Code", "Code"),
    "unknown Environment": (swap("Acceptation", "Moon"), "violation", "8/fault-structure", "", "Environment"),
    "other namespace": (swap(SOA, "urn:x"), "violation", "8/fault-structure", "", "SystemError"),
    "other element": (
        swap("e:SystemError", "e:Failure"), "violation", "8/fault-structure", "SystemError or BusinessError", "Failure",
    ),
    "unknown code": (swap("SOA-03006", "SOA-03099"), "observation", "8/fault-code", "SOA-03006", "SOA-03099"),
    "other component": (swap("Consumer", "Provider"), "violation", "8/fault-component", "Consumer", "Provider"),
    "unknown component": (swap("Consumer", "Gateway"), "observation", "8/fault-component", "Consumer", "Gateway"),
    "part that SOAP does not know": (
        swap("<detail>", "<reason/><detail>"), "violation", "5.1.3/envelope", "faultcode, faultstring", "reason",
    ),
    "no faultstring": (
        swap("<faultstring>SOA-03006</faultstring>", ""), "violation", "5.1.3/envelope", "faultstring", "absent",
    ),
    "qualified faultcode": (
        swap("faultcode>", "s:faultcode>"), "violation", "5.1.3/envelope", "no namespace", SOAP,
    ),
    "prefix of nobody": (swap("s:Client", "x:Client"), "violation", "5.1.3/envelope", "a QName", "x:Client"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULT_SLIPS)
def test_slip_of_a_fault_is_found_at_its_requirement(name: str) -> None:
    """What is wrong with the form of a fault is laid to its form; that the message was refused is not taken away."""
    change, severity, requirement, expected, actual = FAULT_SLIPS[name]
    text = change(fault())
    judgement = judged(text, replace(XSD, expectation=SECURITY_OR_XSD))
    assert set(named(judgement)) == {(severity, requirement)}, judgement.findings
    assert any(expected in one.expected and actual in one.actual for one in judgement.findings), judgement.findings


SECURITY_OR_XSD = Expectation("any fault", (Clause((), answer="fault", codes=("SOA-03*",)),))


@pytest.mark.parametrize(
    ("change", "requirements"),
    [
        (swap("<Code>SOA-03006</Code>", "<Code/>"), {"8/fault-code"}),
        (swap("<Code>SOA-03006</Code>", ""), {"8/fault-code", "8/fault-structure"}),
    ],
    ids=["empty", "none"],
)
def test_fault_whose_code_stands_in_its_text_alone_has_none(change: Change, requirements: set[str]) -> None:
    """A code that only faultstring tells is good for what it refuses, but is missing where it belongs."""
    judgement = judged(change(fault()), XSD)
    assert {requirement for _, requirement in named(judgement)} == requirements
    assert f"{SERVICE}/8/xsd" not in {one.requirement for one in judgement.findings}


def test_fault_without_detail_and_code_is_accused_of_that() -> None:
    """A bare fault that is none of WS-Security lacks detail and code; the refusal itself was right."""
    text = envelope("<s:Fault><faultcode>s:Client</faultcode><faultstring>no</faultstring></s:Fault>")
    assert set(named(judged(text, XSD))) == {("violation", "8/fault-structure"), ("violation", "8/fault-code")}


def bare(code: str = "s:Client", words: str = "no") -> str:
    """Return a fault without detail."""
    return envelope(f"<s:Fault><faultcode>{code}</faultcode><faultstring>{words}</faultstring></s:Fault>")


STRUCTURE, CODE = ("observation", "8/fault-structure"), ("observation", "8/fault-code")


@pytest.mark.parametrize(
    ("text", "which", "findings"),
    [
        pytest.param(bare(), SECURITY, {STRUCTURE, CODE}, id="answers a wrong header"),
        pytest.param(bare(words="SOA-01001"), SECURITY, {STRUCTURE}, id="with a code in its words"),
        pytest.param(bare("s:MustUnderstand"), case("8/unknown-header"), {STRUCTURE, CODE}, id="MustUnderstand"),
        pytest.param(bare(words="SOA-03005"), case("8/unknown-operation"), {("violation", STRUCTURE[1])}, id="Body"),
    ],
)
def test_fault_about_the_header_needs_no_detail(text: str, which: Case, findings: set[tuple[str, str]]) -> None:
    """SOAP 1.1 keeps errors of header entries out of the detail, so that it is no violation where it is missing."""
    assert set(named(judged(text, which))) == findings


def test_mutations_of_the_form_are_mutations() -> None:
    """A mutation by another name would be taken for one of the header."""
    assert MUTATIONS.keys() > OF_THE_FORM


def test_fault_about_the_header_with_a_detail_is_judged_by_it() -> None:
    """A detail that is there has to be one of the platform."""
    judgement = judged(swap("e:SystemError", "e:Failure")(fault("SOA-01001")), SECURITY)
    assert named(judgement) == [("violation", "8/fault-structure")]


# ------------------------------------------------------------------------------------------------- details and WSDLs


OWN_FAULT = "urn:own:faults"


@pytest.fixture(scope="module")
def own_binding(tmp_path_factory: pytest.TempPathFactory) -> Binding:
    """Return the contract with a fault element of its own."""
    shipped = SPEC.contract.soap
    assert shipped is not None
    text = shipped.wsdl.read_text(encoding="utf-8")
    element = (
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{OWN_FAULT}"><xs:element '
        'name="ServiceFault"><xs:complexType><xs:sequence><xs:element name="Text" type="xs:string"/></xs:sequence>'
        '<xs:attribute name="Code" type="xs:string"/></xs:complexType></xs:element></xs:schema></wsdl:types>'
    )
    text = swap("</wsdl:types>", element)(text)
    text = swap('element="soa:SystemError"', f'element="of:ServiceFault" xmlns:of="{OWN_FAULT}"')(text)
    folder = tmp_path_factory.mktemp("own")
    texts = {file.name: file.read_text(encoding="utf-8") for file in shipped.wsdl.parent.glob("*.xsd")}
    for name, content in {**texts, shipped.wsdl.name: text}.items():
        here = content.replace("../../../common", str(specs_root() / "common"))
        (folder / name).write_text(here, encoding="utf-8")
    return bind(SPEC, {"wsdl": shipped.wsdl.name}, folder)


def own_fault(code: str = ' Code="SOA-03006"', inside: str = "<Text>words</Text>", words: str = "no") -> str:
    """Return a fault with the WSDL's own element."""
    element = f'<o:ServiceFault xmlns:o="{OWN_FAULT}"{code}>{inside}</o:ServiceFault>'
    detail = f"<faultstring>{words}</faultstring><detail>{element}</detail>"
    return envelope(f"<s:Fault><faultcode>s:Client</faultcode>{detail}</s:Fault>")


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        pytest.param(own_fault(), [], id="code in an attribute"),
        pytest.param(own_fault("", "<Text>SOA-03006</Text>"), [], id="code in an element"),
        pytest.param(own_fault("", words="SOA-03006: no"), [], id="code in the words of the fault"),
        pytest.param(own_fault(""), [CODE], id="no code"),
        pytest.param(own_fault(' Code="SOA-02001"'), [("violation", "8/fault-code")], id="another code"),
        pytest.param(own_fault(inside=""), [("violation", "8/fault-structure")], id="not valid"),
        pytest.param(fault(), [], id="the platform's own"),
        pytest.param(
            swap("SystemError", "Failure")(fault()), [("violation", "8/fault-structure")], id="an element of nobody"
        ),
    ],
)
def test_fault_element_of_the_own_wsdl_prevails(
    own_binding: Binding, text: str, findings: list[tuple[str, str]]
) -> None:
    """What the target's WSDL declares for a fault is judged by its schemas; its code is read where there is one."""
    assert named(judge(binding=own_binding).judge(exchange(text), XSD)) == findings


def test_own_fault_element_tells_of_access_and_outage(own_binding: Binding) -> None:
    """The code of an own element counts as any other where nothing is known of the operation."""
    judging = judge(binding=own_binding)
    assert judging.refuses_credential(exchange(own_fault(' Code="SOA-01001"')))
    assert judging.tells_of_outage(exchange(own_fault(' Code="SOA-02002"')))
    assert not judge().refuses_credential(exchange(own_fault(' Code="SOA-01001"')))


UNDECLARED = f'<x:CbssStatus xmlns:x="urn:x">{cbss().partition(">")[2].rpartition("<")[0]}</x:CbssStatus>'
STRANGE = '<x:Other xmlns:x="urn:x"/>'


@pytest.mark.parametrize(
    ("detail", "reconstructed", "severity"),
    [
        pytest.param(UNDECLARED, True, "observation", id="CbssStatus elsewhere, by the reconstructed WSDL"),
        pytest.param(UNDECLARED, False, "observation", id="CbssStatus elsewhere, by the own WSDL"),
        pytest.param(STRANGE, True, "observation", id="an element by the reconstructed WSDL"),
        pytest.param(STRANGE, False, "violation", id="an element by the own WSDL"),
    ],
)
def test_detail_that_nobody_declares_is_weighed_by_the_wsdl(detail: str, severity: str, *, reconstructed: bool) -> None:
    """A WSDL that is the target's own is believed, but for CbssStatus, whose home is nowhere printed."""
    binding = replace(BINDING, reconstructed=reconstructed)
    judgement = judge(binding=binding).judge(exchange(refusal(detail=detail)), NO_NAME)
    assert named(judgement) == [(severity, "5.2/contract")]


def test_wrong_element_that_is_declared_is_a_violation_by_any_wsdl() -> None:
    """Only what has no declaration at hand is excused by a reconstructed WSDL."""
    for reconstructed in (True, False):
        binding = replace(BINDING, reconstructed=reconstructed)
        text = refusal(detail=cbss().replace("<Value>", "<Wert>").replace("</Value>", "</Wert>"))
        found = named(judge(binding=binding).judge(exchange(text), NO_NAME))
        assert ("violation", "5.2/contract") in found


# ------------------------------------------------------------------------------------------- what a case wanted


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        pytest.param(fault("SOA-03001"), [], id="a code that fits"),
        pytest.param(fault("SOA-03002"), [("observation", "5.2.2.2/last-name")], id="a code of the family"),
        pytest.param(fault("SOA-00001", "Provider"), [("observation", "5.2.2.2/last-name")], id="the default code"),
        pytest.param(fault("SOA-01001"), [("violation", "8/fault-code")], id="a code that does not fit"),
        pytest.param(fault("SOA-02001", "Provider"), [("violation", "8/fault-code")], id="a code of an outage"),
        pytest.param(refusal(), [], id="Requester"),
        pytest.param(response("Responder", None), [("violation", "5.2.2.3/requester")], id="Responder"),
        pytest.param(BARE, [("violation", "8/fault-code")], id="the words of WS-Security"),
        pytest.param(response(), [("violation", "5.2.2.2/last-name")], id="Success"),
    ],
)
def test_negative_case_is_answered_by_a_fitting_refusal(text: str, findings: list[tuple[str, str]]) -> None:
    """A refusal that fits passes, one that does not is laid to its code, a success to the rule under test."""
    assert named(judged(text, NO_NAME)) == findings


def test_unknown_code_is_odd_and_does_not_fit() -> None:
    """A code outside of the catalogue is an observation, and that it does not fit a violation."""
    judgement = judged(fault("SOA-09999"), NO_NAME)
    assert named(judgement) == [("violation", "8/fault-code"), ("observation", "8/fault-code")]


def test_other_status_is_laid_to_the_outcome_where_the_cookbook_has_a_requirement_for_it() -> None:
    """An error of the client that another status tells breaks the requirement of soap.yaml, else the case's own."""
    one = exchange(response("Responder", None))
    told = judge().judge(one, NO_NAME)
    assert named(told) == [("violation", "5.2.2.3/requester")]
    assert only(told).message == "an error of the client is told by another status"
    assert only(told).actual == "response with status responder"
    checks = {name: requirement for name, requirement in judge().rules.checks.items() if name != "outcome"}
    assert named(judge(checks=checks).judge(one, NO_NAME)) == [("violation", "5.2.2.2/last-name")]


@pytest.mark.parametrize(("detail", "severity"), [(cbss(), "observation"), ("", "violation")])
def test_blank_last_name_may_be_refused_by_the_process(detail: str, severity: str) -> None:
    """The cookbook leaves open who refuses a blank name: Responder will do where a CbssStatus says whose it is."""
    judgement = judged(response("Responder", None, detail=detail), case("5.2.2.2/blank-last-name"))
    assert [one.severity.value for one in judgement.findings] == [severity]


@pytest.mark.parametrize(
    ("detail", "found"), [(cbss(), ("observation", "5.2.2.2/last-name")), ("", ("violation", "5.2.2.3/requester"))]
)
def test_missing_last_name_may_be_refused_by_the_process(detail: str, found: tuple[str, str]) -> None:
    """So it is with a name that is not there: whose refusal it is must be said."""
    assert named(judged(response("Responder", None, detail=detail), NO_NAME)) == [found]


def test_status_of_a_positive_case_is_laid_to_the_case() -> None:
    """Where a success was wanted, or either would do, the status is not the point."""
    assert named(judged(response("Responder", None))) == [("violation", "4/response")]
    either = case("8/person-with-cbe-person")
    assert named(judged(response("Responder", None), either)) == [("violation", "8/fault")]


@pytest.mark.parametrize(
    "text", [fault("SOA-03001"), fault("SOA-02001", "Provider"), refusal(), response("Responder", None)]
)
def test_positive_case_wants_a_success(text: str) -> None:
    """Whatever refuses a right request breaks the requirement that the case verifies, and the finding says how."""
    judgement = judged(text)
    assert named(judgement) == [("violation", "4/response")]
    finding = only(judgement)
    assert (finding.location, finding.expected) == ("answer", "response with status success")
    assert finding.actual in {
        "fault SOA-03001",
        "fault SOA-02001",
        "response with status requester",
        "response with status responder",
    }


def test_broken_refusal_of_a_right_request_is_both() -> None:
    """A right request that is refused by a fault in another form breaks both."""
    judgement = judged(swap("Acceptation", "Moon")(fault()))
    assert named(judgement) == [("violation", "4/response"), ("violation", "8/fault-structure")]


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (fault("SOA-01001"), []),
        (BARE, []),
        (fault("SOA-01002"), [("observation", "4/security-verified")]),
        (fault("SOA-03001"), [("observation", "4/security-verified")]),
        (response(), [("violation", "4/security-verified")]),
        (refusal(), [("violation", "4/security-verified")]),
        (fault("SOA-02001", "Provider"), [("violation", "8/fault-code")]),
    ],
)
def test_broken_security_is_answered_by_a_refusal(text: str, findings: list[tuple[str, str]]) -> None:
    """Broken security is refused by a fault, be it in the words of WS-Security; a response is a violation."""
    assert named(judged(text, SECURITY)) == findings


def test_finding_shows_what_was_changed_in_the_message() -> None:
    """Where one of many broken messages was let pass, the finding says which."""
    edit = MessageMutation(MutationKind.DOUBLE, ("Criteria", "Person"))
    which = replace(XSD, request=Template("generate", body=Message(edits=(edit,))))
    assert (
        only(judged(response(), which)).actual == "response with status success on a message with Criteria/Person twice"
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<page><body>Oops</body></page>", "no SOAP envelope: /page"),
        (b"<page><body>Oops<br></body></page>", "not well-formed"),
        (b'{"error": 1}', "not well-formed"),
        (b"", "an empty body"),
        (envelope("").encode(), "an envelope with an empty Body"),
        (envelope("").replace("<s:Body></s:Body>", "").encode(), "0 Body elements"),
        (envelope("<x/>").replace("</s:Body>", "</s:Body><s:Body><x/></s:Body>").encode(), "2 Body elements"),
        (f"<!DOCTYPE x [<!ENTITY e '1'>]>{response().partition('?>')[2]}".encode(), "document type"),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_answer_that_is_no_soap_is_no_fault(body: bytes, words: str, status: int) -> None:
    """Anything that is neither response nor fault breaks the rule that errors are faults, and is quoted."""
    for which in (SERVED, NO_NAME, SECURITY):
        judgement = judged(answered(body, status), which)
        assert named(judgement) == [("violation", "8/fault")]
        assert words in only(judgement).actual
        assert f"HTTP {status} Reason" in only(judgement).actual
        assert len(only(judgement).actual) <= 320


@pytest.mark.parametrize("status", [400, 500])
def test_page_with_the_status_of_an_error_is_no_fault(status: int) -> None:
    """A page instead of a fault breaks the rule on faults, whatever was sent."""
    for which in (SERVED, NO_NAME, SECURITY):
        assert named(judged(answered(PAGE, status), which)) == [("violation", "8/fault")]


def test_page_with_200_in_answer_to_an_odd_message_is_a_filters() -> None:
    """A filter that answers an odd message with a page says nothing of the service; a plain message is to be served."""
    assert named(judged(answered(PAGE), SERVED)) == [("violation", "8/fault")]
    for which in (NO_NAME, SECURITY):
        judgement = judged(answered(PAGE), which)
        assert judgement.findings == ()
        assert "with an HTML page, which the contract does not have" in judgement.inconclusive_reason


def test_answer_in_the_encoding_of_its_header_is_read() -> None:
    """Where only the header says how an answer is encoded, that is believed."""
    text = swap('<?xml version="1.0" encoding="UTF-8"?>', "")(response(identifier="Zoë"))
    headers = (("Content-Type", "text/xml; charset=ISO-8859-1"),)
    assert judged(answered(text.encode("latin-1"), headers=headers)).findings == ()


@pytest.mark.parametrize("status", sorted(BUSY_STATUSES))
def test_answer_of_a_gateway_under_load_is_not_judged(status: int) -> None:
    """408, 429, 502 to 504 and 520 to 527 and 530 without SOAP tell of load or of a gateway."""
    judgement = judged(answered(b"<html/>", status), NO_NAME)
    assert named(judgement) == []
    assert (
        judgement.inconclusive_reason
        == f"the answer HTTP {status} Reason tells of load or of a gateway, not of the service"
    )


@pytest.mark.parametrize(
    ("status", "words"), [(407, "a proxy on the way wants credentials"), (511, "the network wants a login")]
)
def test_answer_of_a_proxy_or_a_network_is_not_judged(status: int, words: str) -> None:
    """407 and 511 without SOAP are never the service's, and say what stands on the way."""
    for which in (SERVED, NO_NAME, SECURITY):
        judgement = judged(answered(b"busy", status), which)
        assert (named(judgement), dict(judgement.evaluated)) == ([], {})
        assert judgement.inconclusive_reason == f"the answer HTTP {status} Reason is not of the service: {words}"


def test_answer_that_was_cut_is_not_judged() -> None:
    """What could not be read to its end says nothing."""
    judgement = judged(answered(response(), cut="the connection ended"))
    assert (judgement.findings, dict(judgement.evaluated)) == ((), {})
    assert (
        judgement.inconclusive_reason == "the answer HTTP 200 Reason could not be read to its end: the connection ended"
    )


def test_silence_is_not_judged() -> None:
    """Where there is no answer, the reason of the transport is kept."""
    judgement = judged(TransportFailure(ErrorKind.CONNECT, "connection refused"))
    assert (judgement.findings, judgement.inconclusive_reason) == ((), "no answer: connection refused")


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        (Effect.INCONCLUSIVE, ("answered fault SOA-03006: why", "")),
        (Effect.NOT_APPLICABLE, ("", "answered fault SOA-03006: why")),
    ],
)
def test_clause_may_leave_a_case_open(effect: Effect, told: tuple[str, str]) -> None:
    """An answer after which nothing can be said leaves the case undecided or not applicable, with the clause's note."""
    which = replace(XSD, expectation=Expectation("open", (Clause((), effect, answer="fault", note="why"),)))
    judgement = judged(fault(), which)
    assert (judgement.inconclusive_reason, judgement.not_applicable_reason) == told
    assert judgement.findings == ()


@pytest.mark.parametrize(("effect", "severity"), [(Effect.WARNING, "warning"), (Effect.VIOLATION, "violation")])
def test_clause_may_weigh_an_answer(effect: Effect, severity: str) -> None:
    """A clause's effect is the finding's severity, its note the message, and what would have been right is expected."""
    clauses = (Clause((), effect, answer="fault", note="why"), Clause((), answer="response", outcomes=("success",)))
    finding = only(judged(fault(), replace(XSD, expectation=Expectation("weighed", clauses))))
    assert (finding.severity.value, finding.message) == (severity, "why")
    assert (finding.expected, finding.actual) == ("response with status success", "fault SOA-03006")


@pytest.mark.parametrize(
    ("statuses", "accepted"), [(("500",), True), (("5xx",), True), (("4xx", "200"), False), ((), True)]
)
def test_clause_may_name_the_status_of_http(statuses: tuple[str, ...], *, accepted: bool) -> None:
    """A clause that names statuses of HTTP fits these alone."""
    which = replace(XSD, expectation=Expectation("x", (Clause(statuses, answer="fault"),)))
    assert (judged(fault(), which).findings == ()) is accepted


def test_requirement_that_only_should_be_kept_is_a_warning() -> None:
    """A finding weighs what its requirement's level says."""
    rows = dict(SPEC.contract.requirements)
    for name in ("5.1.3/media-type", "4/response"):
        rows[f"{SERVICE}/{name}"] = replace(rows[f"{SERVICE}/{name}"], level=Level.SHOULD)
    told = judge(replace(SPEC.contract, requirements=rows))
    judgement = told.judge(exchange(answered(fault(), headers=())), SERVED)
    assert named(judgement) == [("warning", "4/response"), ("warning", "5.1.3/media-type")]


def test_case_of_some_requirements_is_judged_by_them_alone() -> None:
    """What a case does not ask about is not counted; what kept it from being reached blocks it."""
    narrow = replace(SERVED, only=(f"{SERVICE}/5.2.1.2/in-response-to",))
    text = swap('InResponseTo="_r1"', 'InResponseTo="_r2"')(response(identifier=None))
    judgement = judged(text, narrow)
    assert named(judgement) == [("violation", "5.2.1.2/in-response-to")]
    assert set(judgement.evaluated) == set(narrow.only)
    inconclusive_reason = judged(fault(), narrow)
    assert inconclusive_reason.findings == ()
    assert inconclusive_reason.inconclusive_reason.startswith(
        f"not reached, because the answer breaks {SERVICE}/4/response"
    )


def test_answer_over_tls_keeps_the_requirement_of_tls() -> None:
    """An answer that came over TLS counts for the requirement that a case names; one over http does not."""
    secured = replace(SERVED, tls=f"{SERVICE}/5.1.2/tls")
    for url, counted in (("https://h/", 1), ("http://h/", 0)):
        judgement = judge().judge(exchange(response(), url=url), secured)
        assert judgement.evaluated[f"{SERVICE}/5.1.2/tls"] == counted


def test_operation_that_the_wsdl_does_not_have_is_not_judged_as_a_response() -> None:
    """Without a place for anything in the answer only its frame can be judged."""
    which = replace(SERVED, request=Template("cancel"), expectation=Expectation("x", (Clause((), answer="response"),)))
    judgement = judged(response(), which)
    assert judgement.findings == ()
    assert f"{SERVICE}/5.2/contract" not in judgement.evaluated


# ------------------------------------------------------------------------------------------------- words of Table 2


PRINTED = (
    "The person identifier defined in your request (Criteria.Requester.PersonIdentifier : 85061599690) does not "
    "correspond to the security information provided in the Envelope header (70020299541)"
)


@pytest.mark.parametrize(
    "message", [PRINTED, PRINTED.replace(" : ", ":"), PRINTED.upper(), PRINTED.replace(" ", "\n  "), f" {PRINTED} "]
)
def test_words_of_the_table_are_recognised(message: str) -> None:
    """Whatever stands for the numbers, in any case of letters and with any spacing, it is what is printed."""
    judgement = judged(refusal(message=message), OTHER)
    assert judgement.findings == ()
    assert judgement.evaluated[f"{SERVICE}/8/requester-message"] == 1


@pytest.mark.parametrize(
    "message", ["No", "Le numéro est faux", PRINTED.replace("person", "institution"), f"{PRINTED}!"]
)
def test_other_words_are_an_observation(message: str) -> None:
    """A refusal in other words is noted with both."""
    judgement = judged(refusal(message=message), OTHER)
    assert named(judgement) == [("observation", "8/requester-message")]
    assert only(judgement).actual == message[:160]
    assert "The person identifier" in only(judgement).expected


def test_long_message_is_cut() -> None:
    """However much a service says, the finding stays readable."""
    assert len(only(judged(refusal(message="x" * 5000), OTHER)).actual) == 160


def test_refused_requester_is_told_why() -> None:
    """A refusal without any message breaks the requirement that there is one."""
    judgement = judged(refusal(), OTHER)
    assert named(judgement) == [("violation", "8/requester-message")]
    assert (only(judgement).expected, only(judgement).actual) == ("a text that says why", "absent")


@pytest.mark.parametrize("text", [fault("SOA-01001"), fault("SOA-03007")])
def test_fault_need_not_have_the_words(text: str) -> None:
    """The words belong to a response; a fault that refuses the requester has its own."""
    judgement = judged(text, OTHER)
    assert judgement.findings == ()
    assert f"{SERVICE}/8/requester-message" not in judgement.evaluated


def test_success_in_the_place_of_a_refusal_is_not_asked_for_words() -> None:
    """Where the requester was let pass, that is the one finding."""
    assert named(judged(response(), OTHER)) == [("violation", "8/person-identifier")]


# -------------------------------------------------------------------------------------------- what a run remembers


def test_id_of_two_responses_is_found() -> None:
    """An Id that another response of the run had is a violation that names that exchange."""
    told = judge()
    first, second = exchange(response(name="_same")), exchange(response(name="_same"))
    assert told.judge(first, SERVED).findings == ()
    judgement = told.judge(second, SERVED)
    assert named(judgement) == [("violation", "5.2.1.2/id-unique")]
    assert first.id in only(judgement).actual


def test_exchange_that_is_judged_twice_is_no_repetition() -> None:
    """The same exchange may be looked at again, by a step or for its body."""
    told = judge()
    one = exchange(response(name="_same"))
    for _ in range(3):
        assert told.judge(one, SERVED).findings == ()
        assert told.judge_step(one, SERVED, Step(SERVED.request)).findings == ()


@pytest.mark.parametrize(
    ("first", "second", "accused"),
    [
        pytest.param(("A", ""), ("B", ""), True, id="other last names"),
        pytest.param(("A", "X Y"), ("A", "Z"), True, id="no first name in common"),
        pytest.param(("A", "X"), ("B", "X"), True, id="the same first name, another last name"),
        pytest.param(("A", ""), ("A", ""), False, id="the same person again"),
        pytest.param(("A", "X"), ("A", ""), False, id="less known of the person"),
        pytest.param(("A", "X Y"), ("A", "Y Z"), False, id="a first name in common"),
        pytest.param(("A", "X"), ("a", "x"), False, id="other letters"),
        pytest.param(("De  Smet", ""), ("De Smet", ""), False, id="other spacing"),
    ],
)
def test_identifier_belongs_to_one_person(first: tuple[str, str], second: tuple[str, str], *, accused: bool) -> None:
    """An identifier given again is a violation only where it went to two who cannot be one and the same."""
    told = judge()
    before = exchange(response(identifier="CV-7"), request(*first))
    told.judge(before, SERVED)
    judgement = told.judge(exchange(response(identifier="CV-7"), request(*second)), SERVED)
    assert named(judgement) == ([("violation", "5.2.1.2/identifier-of-one-person")] if accused else [])
    assert judgement.evaluated[f"{SERVICE}/5.2.1.2/identifier-of-one-person"] == 1
    if accused:
        assert before.id in only(judgement).actual
        assert f"last_name {first[0]!r}" in only(judgement).actual
        assert f"last_name {second[0]!r}" in only(judgement).actual


def test_third_person_is_held_against_all_before() -> None:
    """An identifier that went twice to one person is still held against another one."""
    told = judge()
    for name in ("A", "A", "A"):
        assert told.judge(exchange(response(identifier="CV-7"), request(name)), SERVED).findings == ()
    assert told.judge(exchange(response(identifier="CV-7"), request("B")), SERVED).violated


def test_two_persons_with_an_identifier_each_are_right() -> None:
    """Different identifiers are never held against each other."""
    told = judge()
    for name in "ABCDE":
        assert told.judge(exchange(response(identifier=f"CV-{name}"), request(name)), SERVED).findings == ()


def test_request_without_id_may_be_answered_without_one() -> None:
    """Where the request had no Id, InResponseTo is left open."""
    text = swap(' InResponseTo=""', "")(response(to=""))
    judgement = judged(text, sent=request(request_id=""))
    assert judgement.findings == ()
    assert f"{SERVICE}/5.2.1.2/in-response-to" not in judgement.evaluated


def test_request_that_is_no_xml_has_no_values() -> None:
    """A request that cannot be read again gives nothing to hold an answer against, and nothing breaks."""
    for sent in (b"", b"<", b"<a/>", f'<s:Envelope xmlns:s="{SOAP}"><s:Body/></s:Envelope>'.encode()):
        assert judged(response(), sent=sent).findings == ()


@pytest.mark.parametrize(
    ("instant", "date", "severity"),
    [
        pytest.param("2026-03-24T12:04:00Z", NOW, None, id="within the tolerance"),
        pytest.param("2026-03-24T14:00:00Z", NOW, "violation", id="hours off by its own clock"),
        pytest.param("2026-03-24T14:00:00", NOW, "observation", id="hours off without a zone"),
        pytest.param("2026-03-24T14:00:00Z", None, "observation", id="hours off by this machine's clock alone"),
        pytest.param("2026-03-24T14:00:30Z", NOW + timedelta(hours=2), None, id="right by its own clock"),
        pytest.param("2026-03-27T12:00:00", None, "violation", id="days off in any zone"),
    ],
)
def test_time_of_a_response_is_held_against_clocks(instant: str, date: datetime | None, severity: str | None) -> None:
    """Only what no clock and no zone explains is a violation."""
    headers = tuple(one for one in XML if one[0] != "Date")
    headers += (("Date", format_datetime(date, usegmt=True)),) if date else ()
    judgement = judged(answered(swap("2026-03-24T12:00:01Z", instant)(response()), headers=headers))
    assert named(judgement) == ([(severity, "5.2.1.2/issue-instant")] if severity else [])


# ------------------------------------------------------------------------------------------------------ steps, gates


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (fault("SOA-01001"), "fault SOA-01001"),
        (BARE, "fault without code"),
        (refusal(), "response with status requester"),
    ],
)
def test_step_that_is_not_served_is_a_violation_whatever_the_case(text: str, told: str) -> None:
    """A request that must succeed and does not, blocks the case, be its requirement a MUST or a SHOULD."""
    first = SPEC.contract.requirements[NO_NAME.requirements[0]]
    for level in Level:
        rows = {**SPEC.contract.requirements, first.id: replace(first, level=level)}
        own = judge(replace(SPEC.contract, requirements=rows))
        judgement = own.judge_step(exchange(text), NO_NAME, Step(NO_NAME.request))
        finding = only(judgement)
        assert finding.severity is Severity.VIOLATION
        assert (finding.location, finding.expected, finding.actual) == ("answer", "response with status success", told)


@pytest.mark.parametrize("change", [swap('InResponseTo="_r1"', 'InResponseTo="_r2"'), swap("CV-1", "")])
def test_step_that_is_served_in_another_form_is_served(change: Change) -> None:
    """What else is wrong with the answer to a plain request is not the case's matter."""
    for body in (True, False):
        assert judge().judge_step(exchange(change(response())), OTHER, Step(OTHER.request), body=body).findings == ()


@pytest.mark.parametrize("outcome", [answered(b"", 503), TransportFailure(ErrorKind.TIMEOUT, "late")])
def test_step_without_an_answer_blocks(outcome: Response | TransportFailure) -> None:
    """Where the plain request had no answer, nothing is found and the reason is kept."""
    judgement = judge().judge_step(exchange(outcome), NO_NAME, Step(NO_NAME.request))
    assert judgement.findings == ()
    assert judgement.inconclusive_reason


def test_step_that_is_no_soap_is_not_served() -> None:
    """HTML in the place of a response is no success."""
    judgement = judge().judge_step(exchange(answered(b"<html/>")), NO_NAME, Step(NO_NAME.request))
    assert only(judgement).actual == "HTTP 200 Reason"


@pytest.mark.parametrize(
    ("outcome", "refused", "outage"),
    [
        (response(), False, False),
        (fault("SOA-01001"), True, False),
        (fault("SOA-01002"), True, False),
        (BARE, True, False),
        (fault("SOA-03001"), False, False),
        (fault("SOA-02001", "Provider"), False, True),
        (fault("SOA-02002", "Provider"), False, True),
        (answered(b"<html/>", 401), True, False),
        (answered(b"", 403), True, False),
        (answered(b"<html/>", 500), False, False),
        (answered(response(), 403), False, False),
        (TransportFailure(ErrorKind.CLOSED, "gone"), False, False),
    ],
)
def test_gates_and_outages_are_told_apart(
    outcome: Response | TransportFailure | str, *, refused: bool, outage: bool
) -> None:
    """A refused caller is known by the gateway's codes, by WS-Security or by HTTP, an outage by the service's codes."""
    one = exchange(outcome)
    assert judge().refuses_credential(one) is refused
    assert judge().tells_of_outage(one) is outage


def test_values_of_an_answer_are_those_of_its_roles() -> None:
    """Roles give their values, what is not there or nowhere gives none."""
    found = judge().values(
        exchange(response(name="_n")), "generate", ("identifier", "response_id", "status_message", "x")
    )
    assert found == ["CV-1", "_n", None, None]
    assert judge().values(exchange(response()), "cancel", ("identifier",)) == []
    assert judge().values(exchange(TransportFailure(ErrorKind.CLOSED, "")), "generate", ("identifier",)) == []


def test_findings_that_differ_in_place_only_are_condensed() -> None:
    """Many slips of one kind are one finding, with how many there are and where the first ones stand."""
    judgement = judged(refusal(detail=cbss(value="OK") * 50), NO_NAME)
    assert named(judgement) == [("violation", "5.2.2.4/value")]
    assert judgement.findings[0].count == 50
    assert 1 <= len(judgement.findings[0].places) <= 10


def _hostile() -> Iterator[bytes]:
    deep = "<a>" * 5000 + "</a>" * 5000
    yield envelope(deep).encode()
    yield response(identifier="9" * 300_000).encode()
    yield response(detail=cbss() * 300).encode()
    yield envelope("<s:Fault>" + "<detail/>" * 5000 + "</s:Fault>").encode()
    yield response().encode()[:-20]
    yield response().encode("utf-16")
    yield b"\x00" * 1000
    yield envelope('<d:GenerateCovidIdResponse xmlns:d="urn:x" xmlns="urn:y"/>').encode()
    yield envelope("<?pi?><!-- --><x:y xmlns:x='urn:%s' x:z=''/>").encode()


@pytest.mark.parametrize("number", range(9))
def test_no_answer_breaks_the_judge(number: int) -> None:
    """Whatever comes back, it is judged or said to be no SOAP."""
    body = list(_hostile())[number]
    for which in (SERVED, NO_NAME, OTHER, SECURITY):
        judgement = judged(answered(body), which)
        assert judgement.findings or judgement.inconclusive_reason or judgement.evaluated


# ------------------------------------------------------------------------------ which of two requests was processed


def two_requests(signed: str, forged: str) -> bytes:
    """Return a message with a forged request in a header block before the signed one in the Body."""

    def asked(name: str) -> str:
        return f'<d:GenerateCovidIdRequest xmlns:d="{OWN}" Id="{name}" IssueInstant="2026-03-24T12:00:00Z"/>'

    header, body = f"<s:Header>{asked(forged)}</s:Header>", f"<s:Body>{asked(signed)}</s:Body>"
    return f'<s:Envelope xmlns:s="{SOAP}">{header}{body}</s:Envelope>'.encode()


def forging(name: str) -> Case:
    """Return a case of the matrix whose request brings a signed and a forged one, with an id each."""
    one = case(name)
    message = replace(
        one.request.message or Message(),
        values={"request_id": "_signed"},
        forged=Message(values={"request_id": "_forged"}),
    )
    return replace(one, request=replace(one.request, body=message))


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        pytest.param(response(to="_signed"), [], id="the signed one served"),
        pytest.param(response(to="_forged"), [("violation", "4/security-verified")], id="the forged one served"),
        pytest.param(refusal(to="_forged"), [("violation", "4/security-verified")], id="the forged one read"),
        pytest.param(fault("SOA-03004"), [("observation", "4/security-verified")], id="refused for its structure"),
    ],
)
def test_answer_tells_which_of_two_requests_was_processed(answer: str, found: list[tuple[str, str]]) -> None:
    """The id that an answer repeats is that of the request which somebody has read, whatever the outcome."""
    judgement = judged(answer, forging("4/forged-request-in-header"), two_requests("_signed", "_forged"))
    assert named(judgement) == found


@pytest.mark.parametrize("name", ["4/body-altered", "4/forged-request-in-header", "6.2/expired"])
@pytest.mark.parametrize("code", ["SOA-03006", "SOA-03007"])
def test_code_of_the_content_leaves_a_matter_of_security_open(name: str, code: str) -> None:
    """Content that is served when it is signed was refused by another check, so that the rule was not seen."""
    judgement = judged(fault(code), case(name))
    assert judgement.findings == ()
    assert "another check came before" in judgement.inconclusive_reason


@pytest.mark.parametrize("code", ["SOA-03001", "SOA-03002", "SOA-03004"])
def test_code_of_the_structure_is_an_observation(code: str) -> None:
    """A second Body is a mistake of structure too, and its code as good as that of the signature."""
    assert named(judged(fault(code), case("4/doubled-body-first"))) == [("observation", "4/security-verified")]


# ------------------------------------------------------------------------------------------ answers without end

SIGNS = " ".join(f'a{number}="1"' for number in range(300_000))
SPACES = " ".join(f'xmlns:n{number}="u:{number}"' for number in range(3_000))
RESPONSE = f'<d:GenerateCovidIdResponse xmlns:d="{OWN}"'
BEYOND = {
    "attributes": envelope(f"{RESPONSE} {SIGNS}/>"),
    "namespaces": envelope(f"{RESPONSE} {SPACES}>{'<a/>' * 100_000}</d:GenerateCovidIdResponse>"),
    "elements": envelope(f"{RESPONSE}>{'<a/>' * 300_000}</d:GenerateCovidIdResponse>"),
    "levels": envelope(f"{RESPONSE}>{'<a>' * 300}{'</a>' * 300}</d:GenerateCovidIdResponse>"),
}


@pytest.mark.parametrize("body", BEYOND.values(), ids=BEYOND)
def test_answer_beyond_what_is_read_is_inconclusive(body: str) -> None:
    """An answer of more parts than anybody reads is neither for nor against the service, and says so at once."""
    began = time.process_time()
    judgement = judged(body)
    assert time.process_time() - began < 5
    assert judgement.inconclusive_reason.startswith("the answer HTTP 200 Reason is more than can be read: ")
    assert not judgement.findings
    assert not judgement.evaluated


LONG = {
    "elements that are wrong": refusal(detail=f'<k:CbssStatus xmlns:k="{DETAILS}"><a/></k:CbssStatus>' * 40_000),
    "elements that nobody declares": refusal(detail='<a xmlns="u:a"/>' * 100_000),
    "parts of a fault": fault().replace("<detail>", "<faultcode>q:1</faultcode>" * 50_000 + "<detail>"),
    "elements in the Body": envelope("<a/>" * 100_000),
    "comments": response().replace("CV-1", "<!---->" * 100_000 + "CV-1"),
    "an attribute": response(to="A" * 8_000_000),
    "a text": response(identifier="A" * 8_000_000),
    "a status": response("S" * 8_000_000),
}


@pytest.mark.parametrize("body", LONG.values(), ids=LONG)
def test_long_answer_is_judged_in_seconds(body: str) -> None:
    """Whatever there is much of in an answer, judging it takes time in proportion to its bytes."""
    began = time.process_time()
    judged(body)
    assert time.process_time() - began < 10


def test_time_for_an_answer_is_limited_and_what_was_found_stays_found() -> None:
    """An answer whose checks take too long is inconclusive with the reason, but for what was found before."""
    ticks = count(step=8)
    assert SPEC.contract.soap is not None
    clock = lambda: float(next(ticks))  # noqa: E731 - a clock that goes by the look
    oracle = SoapOracle(SPEC.contract, SPEC.contract.soap, BINDING, ERRORS, RunMemory(), clock)
    judgement = oracle.judge(exchange(refusal()), SERVED)
    assert judgement.inconclusive_reason.startswith("judging the answer took more than 20 s; ")
    assert judgement.violated
