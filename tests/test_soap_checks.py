"""Tests of the checks of SOAP answers: each problem by one answer that has it, and right answers in many forms."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checks.problem import Problem
from conformance.checks.soap_answer import (
    FAULT,
    OTHER,
    RESPONSE,
    SoapAnswer,
    envelope_problems,
    instant_problems,
    media_problems,
    read_answer,
    status_problems,
    value,
)
from conformance.checks.soap_fault import (
    blames_header,
    code_problems,
    origin_problems,
    speaks_of_security,
    structure_problems,
)
from conformance.model.exchange import Response
from conformance.soap.markup import parse
from conformance.soap.names import SOAP, SOAP12, WSSE, WSU

RESPONSE_ELEMENT = '<r:Done xmlns:r="urn:r" Id="_1">Zoë</r:Done>'
PLATFORM = "urn:be:fgov:ehealth:errors:soa:v1"
KNOWN = {"SOA-01001": "Consumer", "SOA-03001": "Provider", "SOA-09999": ""}
ENVELOPE = f'<s:Envelope xmlns:s="{SOAP}"><s:Body>%s</s:Body></s:Envelope>'
NOW = datetime(2026, 3, 24, 12, 0, 0, tzinfo=UTC)


def answer(body: str | bytes, status: int = 200, kind: str | None = "text/xml; charset=UTF-8") -> Response:
    """Return an answer over HTTP."""
    data = body if isinstance(body, bytes) else body.encode()
    headers = () if kind is None else (("Content-Type", kind),)
    return Response(status, "", headers, data, len(data), hashlib.sha256(data).hexdigest())


def error(code: str = "SOA-01001", origin: str = "Consumer", message: str = "words", name: str = "SystemError") -> str:
    """Return an error of the platform, as it stands in a fault's detail."""
    return (
        f'<soa:{name} xmlns:soa="{PLATFORM}"><Origin>{origin}</Origin><Code>{code}</Code>'
        f'<Message xml:lang="en">{message}</Message><soa:Environment>Test</soa:Environment></soa:{name}>'
    )


def fault(detail: str | None = None, code: str = "s:Server", words: str = "broken", more: str = "") -> str:
    """Return a fault in an envelope."""
    inside = f"<faultcode>{code}</faultcode><faultstring>{words}</faultstring>{more}"
    if detail is not None:
        inside += f"<detail>{detail}</detail>"
    return ENVELOPE % f"<s:Fault>{inside}</s:Fault>"


def problems(found: Iterator[Problem]) -> list[tuple[str, str, str, bool]]:
    """Return what problems say: words, place, what there is instead, and whether that is merely odd."""
    return [(one.message, one.location, one.actual, one.odd) for one in found]


def all_problems(response: Response) -> list[Problem]:
    """Return what any of the checks says of an answer."""
    read = read_answer(response)
    found = [*status_problems(response, read), *media_problems(response), *envelope_problems(read)]
    if read.kind == FAULT:
        found += [*structure_problems(read, ()), *code_problems(read, tuple(KNOWN)), *origin_problems(read, KNOWN)]
    return found


# Right answers in many forms

RIGHT = ENVELOPE % RESPONSE_ELEMENT
LATIN = RIGHT.encode("iso-8859-1")
FORMS: dict[str, Response] = {
    "plain": answer(RIGHT),
    "header": answer(RIGHT.replace("<s:Body>", "<s:Header><x:y xmlns:x='urn:x'/></s:Header><s:Body>")),
    "empty header": answer(RIGHT.replace("<s:Body>", "<s:Header/><s:Body>")),
    "other prefix": answer(RIGHT.replace("<s:", "<E.-1:").replace("</s:", "</E.-1:").replace("xmlns:s", "xmlns:E.-1")),
    "no prefix": answer(f'<Envelope xmlns="{SOAP}"><Body>{RESPONSE_ELEMENT}</Body></Envelope>'),
    "declaration": answer(f"<?xml version='1.0' encoding='UTF-8' standalone='no'?>\n{RIGHT}\n"),
    "byte order mark": answer(RIGHT.encode("utf-8-sig")),
    "comments": answer(f"<!-- a -->{RIGHT.replace('<s:Body>', '<!-- b --><s:Body><!-- c -->')}<!-- d -->"),
    "CDATA": answer(RIGHT.replace("Zoë", "<![CDATA[Zoë]]>")),
    "character reference": answer(RIGHT.replace("ë", "&#xEB;")),
    "indented": answer(RIGHT.replace("><", ">\n  <")),
    "attributes on envelope and body": answer(RIGHT.replace("<s:Body>", '<s:Body Id="b">')),
    "UTF-16": answer(RIGHT.encode("utf-16"), kind="text/xml"),
    "UTF-16 declared": answer(f'<?xml version="1.0" encoding="UTF-16"?>{RIGHT}'.encode("utf-16")),
    "UTF-16 by the header": answer(RIGHT.encode("utf-16-le"), kind="text/xml; charset=utf-16le"),
    "Latin-1 declared": answer(f'<?xml version="1.0" encoding="ISO-8859-1"?>{RIGHT}'.encode("iso-8859-1")),
    "Latin-1 by the header": answer(LATIN, kind="text/xml; charset=ISO-8859-1"),
    "Latin-1 by the header, quoted": answer(LATIN, kind='text/xml; Charset="iso-8859-1"; x=y'),
    "Latin-1 by the header, declared otherwise": answer(
        b'<?xml version="1.0" encoding="UTF-8"?>' + LATIN, kind="text/xml;charset=latin1"
    ),
    "windows-1252 declared": answer(f'<?xml version="1.0" encoding="windows-1252"?>{RIGHT}'.encode("cp1252")),
    "media type in capitals": answer(RIGHT, kind="TEXT/XML;CHARSET=UTF-8"),
}


@pytest.mark.parametrize("response", FORMS.values(), ids=FORMS)
def test_right_response_has_no_problem_in_any_form(response: Response) -> None:
    """Prefixes, comments, encodings and white space are the service's own business."""
    read = read_answer(response)
    assert (read.kind, read.problem, read.code) == (RESPONSE, "", "")
    assert value(read, ()) == "Zoë"
    assert value(read, ("@Id",)) == "_1"
    assert all_problems(response) == []


FAULTS: dict[str, Response] = {
    "plain": answer(fault(error()), 500),
    "business error": answer(fault(error("SOA-03001", "Provider", name="BusinessError")), 500),
    "code without a component": answer(fault(error("SOA-09999", "Anything")), 500),
    "qualified code": answer(fault(error(), code=" s:Client.Authentication "), 500),
    "code with a dot": answer(fault(error(), code="s:Server.Internal"), 500),
    "code with a prefix of its own": answer(
        fault(error()).replace("<faultcode>s:", '<faultcode xmlns:q="urn:q">q:'), 500
    ),
    "actor": answer(fault(error(), more="<faultactor>urn:x</faultactor>"), 500),
    "comments": answer(fault(f"<!-- a -->{error()}<!-- b -->").replace("SOA-01001", "SOA-<!-- c -->01001"), 500),
    "CDATA": answer(fault(error("<![CDATA[SOA-01001]]>", " Consumer ")), 500),
    "qualified members": answer(fault(error().replace("<Code>", "<soa:Code>").replace("</Code>", "</soa:Code>")), 500),
    "further details": answer(fault(f'<x:more xmlns:x="urn:x"/>{error()}'), 500),
    "UTF-16": answer(fault(error()).encode("utf-16"), 500),
    "Latin-1 by the header": answer(
        fault(error(message="é")).encode("iso-8859-1"), 500, "text/xml; charset=iso-8859-1"
    ),
}


@pytest.mark.parametrize("response", FAULTS.values(), ids=FAULTS)
def test_right_fault_has_no_problem_in_any_form(response: Response) -> None:
    """A fault of the platform is understood however it is written."""
    read = read_answer(response)
    assert (read.kind, read.problem) == (FAULT, "")
    assert read.code in KNOWN
    assert read.error is not None
    assert not speaks_of_security(read)
    assert all_problems(response) == []


# What an answer is


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        pytest.param(answer(b"", 500), "an empty body", id="empty"),
        pytest.param(answer("<html><br></html>", 502), "not well-formed XML: ", id="no XML"),
        pytest.param(answer('{"error": 1}', 400), "not well-formed XML: ", id="JSON"),
        pytest.param(answer(f"<!DOCTYPE a>{RIGHT}"), "a document type declaration is not accepted: ", id="DTD"),
        pytest.param(answer(RIGHT[:90]), "not well-formed XML: ", id="cut short"),
        pytest.param(answer("<a><b/></a>"), "XML, but no SOAP envelope: /a", id="XML"),
        pytest.param(answer("<Envelope><Body/></Envelope>"), "XML, but no SOAP envelope: /Envelope", id="no namespace"),
        pytest.param(answer(RESPONSE_ELEMENT), "XML, but no SOAP envelope: /Done", id="response without envelope"),
        pytest.param(answer(ENVELOPE % ""), "an envelope with an empty Body", id="empty Body"),
        pytest.param(answer(ENVELOPE % "<!-- c -->text"), "an envelope with an empty Body", id="text in the Body"),
        pytest.param(answer(f'<s:Envelope xmlns:s="{SOAP}"/>'), "an envelope with 0 Body elements", id="no Body"),
        pytest.param(
            answer(f'<s:Envelope xmlns:s="{SOAP}"><Body><a/></Body></s:Envelope>'),
            "an envelope with 0 Body elements",
            id="Body without namespace",
        ),
        pytest.param(
            answer(RIGHT.replace("</s:Envelope>", "<s:Body/></s:Envelope>")),
            "an envelope with 2 Body elements",
            id="two Bodies",
        ),
    ],
)
def test_what_is_no_soap_is_said_with_the_reason(response: Response, problem: str) -> None:
    """Anything else that comes is told apart, with its beginning where it cannot be read."""
    read = read_answer(response)
    assert (read.kind, read.body, read.code, read.error) == (OTHER, None, "", None)
    assert read.problem.startswith(problem)
    assert list(envelope_problems(read)) == list(structure_problems(read, ())) == []
    assert list(status_problems(response, read)) == []
    assert value(read, ()) is None
    assert not speaks_of_security(read)


def test_only_the_beginning_of_an_answer_is_shown() -> None:
    """A long answer is cut, and bytes that are no text do no harm."""
    problem = read_answer(answer(b"\xff" * 10_000)).problem
    assert len(problem) < 300
    assert "\N{REPLACEMENT CHARACTER}" in problem


@given(st.binary(max_size=300), st.sampled_from(["text/xml", "text/xml; charset=utf-16", "text/xml; charset=idna"]))
def test_no_bytes_make_the_reading_fail(body: bytes, kind: str) -> None:
    """Whatever comes is a response, a fault or something else."""
    assert read_answer(answer(body, kind=kind)).kind == OTHER


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(fault(error("SOA-03001"), words="SOA-01001"), "SOA-03001", id="detail counts first"),
        pytest.param(fault("<x>see SOA-03001</x>"), "SOA-03001", id="other detail"),
        pytest.param(fault(words="SOA-01002 - no access"), "SOA-01002", id="words of the fault"),
        pytest.param(fault(code="s:SOA-02001"), "SOA-02001", id="code of the fault"),
        pytest.param(fault(error(" "), words="SOA-01001"), "SOA-01001", id="empty code in the detail"),
        pytest.param(fault(error("OWN-1")), "OWN-1", id="code of another form"),
        pytest.param(fault(words="SOA-1"), "", id="no code"),
        pytest.param(fault(), "", id="no detail"),
    ],
)
def test_code_is_found_where_it_stands(body: str, code: str) -> None:
    """The code of the detail is the fault's; without one, the code that stands in its words is."""
    read = read_answer(answer(body, 500))
    assert (read.kind, read.code) == (FAULT, code)


def test_fault_of_soap_12_is_a_fault() -> None:
    """A fault of the wrong version of SOAP is understood as far as it goes."""
    body = fault(error()).replace(SOAP, SOAP12)
    assert read_answer(answer(body, 500)).kind == FAULT


def test_fault_beside_a_response_is_a_fault() -> None:
    """What refuses is not taken for a response because something else comes first."""
    body = fault(error()).replace("<s:Fault>", f"{RESPONSE_ELEMENT}<s:Fault>")
    read = read_answer(answer(body, 500))
    assert read.kind == FAULT
    assert [one.message for one in envelope_problems(read)] == ["the Body has more than one element"]


def test_fault_of_another_namespace_is_a_response() -> None:
    """Only SOAP's own Fault is a fault."""
    assert read_answer(answer(ENVELOPE % '<x:Fault xmlns:x="urn:x"/>')).kind == RESPONSE


# Problems, one at a time


@pytest.mark.parametrize(
    ("response", "found"),
    [
        (answer(RIGHT, 200), []),
        (answer(fault(), 500), []),
        (answer(fault(), 200), [("a SOAP fault comes with another status than 500", "status", "200", False)]),
        (answer(fault(), 400), [("a SOAP fault comes with another status than 500", "status", "400", False)]),
        (answer(RIGHT, 500), [("a response comes with the status of an error", "status", "500", False)]),
        (answer(RIGHT, 302), [("a response comes with the status of an error", "status", "302", False)]),
        (answer(RIGHT, 202), [("a response comes with another status than 200", "status", "202", True)]),
        (answer("nothing", 500), []),
    ],
)
def test_status_goes_with_the_message(response: Response, found: list[tuple[str, str, str, bool]]) -> None:
    """A fault has 500, a response 200, another success is odd; what is no SOAP says nothing."""
    assert problems(status_problems(response, read_answer(response))) == found


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("text/xml", []),
        (" Text/XML ; charset=utf-8", []),
        (None, [("the answer has no Content-Type", "Content-Type", "absent", False)]),
        *(
            (kind, [("the answer's media type is not text/xml", "Content-Type", kind, False)])
            for kind in ("application/soap+xml; charset=utf-8", "application/xml", "text/xmlx", "", "charset=utf-8")
        ),
    ],
)
def test_media_type_is_text_xml(kind: str | None, found: list[tuple[str, str, str, bool]]) -> None:
    """SOAP 1.1 has one media type, in any case of letters and with any charset."""
    assert problems(media_problems(answer(RIGHT, kind=kind))) == found


BODY = "/Envelope/Body"
FRAMES: dict[str, tuple[str, list[tuple[str, str, str, bool]]]] = {
    "SOAP 1.2": (RIGHT.replace(SOAP, SOAP12), [("the envelope is not of SOAP 1.1", "/Envelope", SOAP12, False)]),
    "element behind the Body": (
        RIGHT.replace("</s:Envelope>", '<x xmlns="urn:x"/></s:Envelope>'),
        [("the envelope has other parts than Header and Body", "/Envelope", "Body, {urn:x}x", False)],
    ),
    "Header behind the Body": (
        RIGHT.replace("</s:Envelope>", "<s:Header/></s:Envelope>"),
        [("the envelope has other parts than Header and Body", "/Envelope", "Body, Header", False)],
    ),
    "two Headers": (
        RIGHT.replace("<s:Body>", "<s:Header/><s:Header/><s:Body>"),
        [("the envelope has other parts than Header and Body", "/Envelope", "Header, Header, Body", False)],
    ),
    "Header of another namespace": (
        RIGHT.replace("<s:Body>", '<x:Header xmlns:x="urn:x"/><s:Body>'),
        [("the envelope has other parts than Header and Body", "/Envelope", "{urn:x}Header, Body", False)],
    ),
    "two responses": (
        ENVELOPE % (RESPONSE_ELEMENT + "<More/>"),
        [("the Body has more than one element", BODY, "Done, More", False)],
    ),
    "unknown part of a fault": (
        fault(error(), more="<Reason/>"),
        [("a fault has a part that SOAP 1.1 does not know", f"{BODY}/Fault/Reason", "Reason", False)],
    ),
    "qualified part of a fault": (
        fault(error()).replace("faultstring>", "s:faultstring>"),
        [("a fault's part is qualified", f"{BODY}/Fault/faultstring", SOAP, False)],
    ),
    "prefix that is not declared": (
        fault(error(), code="soapenv:Server"),
        [("faultcode has a prefix that nobody declares", f"{BODY}/Fault/faultcode", "soapenv:Server", False)],
    ),
    "code of no namespace": (
        fault(error(), code="Server"),
        [
            (
                "faultcode is not qualified (SOAP 1.1, section 4.4)",
                f"{BODY}/Fault/faultcode",
                "Server of no namespace",
                False,
            )
        ],
    ),
    "processing instructions": (
        f"<?a?>{RIGHT.replace('<s:Body>', '<?b x?><s:Body><?b?>')}<?d?>",
        [
            (
                "a message has a processing instruction (SOAP 1.1, section 3; WS-I Basic Profile 1.1, R1009)",
                "/Envelope",
                "<?b?>, <?a?>, <?d?>",
                False,
            )
        ],
    ),
    "no faultcode": (
        fault(error()).replace("<faultcode>s:Server</faultcode>", ""),
        [("a fault has no faultcode", f"{BODY}/Fault", "absent", False)],
    ),
    "no faultstring": (
        fault(error()).replace("<faultstring>broken</faultstring>", ""),
        [("a fault has no faultstring", f"{BODY}/Fault", "absent", False)],
    ),
}


@pytest.mark.parametrize(("body", "found"), FRAMES.values(), ids=FRAMES)
def test_wrong_frame_is_named(body: str, found: list[tuple[str, str, str, bool]]) -> None:
    """Each mistake in the envelope, and in the frame of a fault, is one problem with its place."""
    assert problems(envelope_problems(read_answer(answer(body)))) == found


DETAIL = f"{BODY}/Fault/detail"
DETAILS: dict[str, tuple[str, list[tuple[str, str, str, bool]]]] = {
    "no detail": (fault(), [("a fault has no detail", f"{BODY}/Fault", "no detail", False)]),
    "empty detail": (fault(""), [("a fault's detail has no error of the platform", DETAIL, "nothing", False)]),
    "text": (fault("text"), [("a fault's detail has no error of the platform", DETAIL, "nothing", False)]),
    "other elements": (
        fault("<a/><b/>"),
        [("a fault's detail has no error of the platform", DETAIL, "a, b", False)],
    ),
    "empty Origin": (
        fault(error(origin=" ")),
        [("a fault's Origin is empty", f"{DETAIL}/SystemError/Origin", "empty", False)],
    ),
    "empty Message": (
        fault(error(message="<!-- nothing -->", name="BusinessError")),
        [("a fault's Message is empty", f"{DETAIL}/BusinessError/Message", "empty", False)],
    ),
    "both empty": (
        fault(error(origin="", message="")),
        [
            ("a fault's Origin is empty", f"{DETAIL}/SystemError/Origin", "empty", False),
            ("a fault's Message is empty", f"{DETAIL}/SystemError/Message", "empty", False),
        ],
    ),
}


@pytest.mark.parametrize(("body", "found"), DETAILS.values(), ids=DETAILS)
def test_wrong_detail_is_named(body: str, found: list[tuple[str, str, str, bool]]) -> None:
    """A fault has an error of the platform, whose texts say something."""
    assert problems(structure_problems(read_answer(answer(body, 500)), ())) == found


def test_what_the_schema_says_of_an_error_is_passed_on() -> None:
    """Problems of the error by its schema stand before the others, and count only where there is an error."""
    problem = Problem("schema")
    assert list(structure_problems(read_answer(answer(fault(error()), 500)), [problem])) == [problem]
    assert problem not in structure_problems(read_answer(answer(fault(""), 500)), [problem])


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (fault(error()), []),
        (fault(words="SOA-01001"), []),
        (fault(), [("a fault has no error code", DETAIL, "none", False)]),
        (fault(error("")), [("a fault has no error code", DETAIL, "none", False)]),
        (fault(error(""), words="SOA-01001"), [("a fault has no error code", DETAIL, "none", False)]),
        (fault(error("SOA-77777")), [("a fault's code is not in the catalogue", DETAIL, "SOA-77777", True)]),
        (fault(error("soa-01001")), [("a fault's code is not in the catalogue", DETAIL, "soa-01001", True)]),
    ],
)
def test_code_is_of_the_catalogue(body: str, found: list[tuple[str, str, str, bool]]) -> None:
    """A fault has a code; one that the catalogue does not have is odd."""
    assert problems(code_problems(read_answer(answer(body, 500)), tuple(KNOWN))) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (fault(error("SOA-01001", "Consumer")), []),
        (fault(error("SOA-01001", "")), []),
        (fault(error("SOA-09999", "Provider")), []),
        (fault(error("SOA-77777", "Provider")), []),
        (fault(words="SOA-01001"), []),
        (fault(error("SOA-01001", "Provider")), [("the Origin of SOA-01001 is 'Provider'", DETAIL, "Provider", False)]),
        (fault(error("SOA-01001", "Gateway")), [("the Origin of SOA-01001 is 'Gateway'", DETAIL, "Gateway", True)]),
        (fault(error("SOA-01001", "consumer")), [("the Origin of SOA-01001 is 'consumer'", DETAIL, "consumer", True)]),
    ],
)
def test_origin_goes_with_the_code(body: str, found: list[tuple[str, str, str, bool]]) -> None:
    """Another component of the catalogue contradicts it, a word of one's own is odd, of the unknown nothing is said."""
    assert problems(origin_problems(read_answer(answer(body, 500)), KNOWN)) == found


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (fault(code="s:Client"), False),
        (fault(code="wsse:InvalidSecurity").replace("<faultcode>", f'<faultcode xmlns:wsse="{WSSE}">'), True),
        (fault(code="FailedAuthentication"), True),
        (fault(code="x:MessageExpired"), True),
        (fault("", code="InvalidSecurity"), False),
        (fault(code="InvalidSecurity", words="SOA-01001"), True),
        (fault(code="InvalidSecurityX"), False),
        (ENVELOPE % "<s:Fault/>", False),
        (RIGHT, False),
    ],
)
def test_fault_of_ws_security_is_told_apart(body: str, expected: object) -> None:
    """A gateway that refuses a message's security by WS-Security's own codes has no detail to give."""
    assert speaks_of_security(read_answer(answer(body, 500))) is expected


def coded(code: str, declaration: str = "", detail: str | None = None) -> str:
    """Return a fault with a faultcode, whose prefix is declared there."""
    return fault(detail, code=code).replace("<faultcode>", f"<faultcode {declaration}>")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (coded("s:MustUnderstand"), True),
        (coded("MustUnderstand", f'xmlns="{SOAP}"'), True),
        (coded("w:Anything", f'xmlns:w="{WSSE}"'), True),
        (coded("w:MessageExpired", f'xmlns:w="{WSU}"'), True),
        (coded("s:Client"), False),
        (coded("MustUnderstand"), False),
        (coded("x:MustUnderstand", 'xmlns:x="urn:x"'), False),
        (coded("x:MustUnderstand"), False),
        (ENVELOPE % "<s:Fault/>", False),
        (RIGHT, False),
    ],
)
def test_fault_of_a_header_block_is_told_apart(body: str, expected: object) -> None:
    """MustUnderstand and the names of WS-Security speak of a header block."""
    assert blames_header(read_answer(answer(body, 500))) is expected


def test_fault_of_a_header_block_needs_no_detail() -> None:
    """What may not be told in a detail is not missed there, though observed; a detail that is there is judged."""
    read = read_answer(answer(fault(), 500))
    found = [*structure_problems(read, (), of_header=True), *code_problems(read, tuple(KNOWN), of_header=True)]
    assert [(one.message, one.odd) for one in found] == [
        ("a fault has no detail", True),
        ("a fault has no error code", True),
    ]
    read = read_answer(answer(fault(""), 500))
    found = [*structure_problems(read, (), of_header=True), *code_problems(read, tuple(KNOWN), of_header=True)]
    assert [one.odd for one in found] == [False, False]


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        ('<o:Failure xmlns:o="urn:o"><o:Number>SOA-03001</o:Number>SOA-0</o:Failure>', "SOA-03001"),
        (
            '<o:Failure xmlns:o="urn:o" Code=" SOA-03001 "><!-- SOA-01001 --><o:Text>words</o:Text></o:Failure>',
            "SOA-03001",
        ),
        ('<o:Failure xmlns:o="urn:o">SOA-03001</o:Failure>', "SOA-03001"),
        (f'<x/><o:Failure xmlns:o="urn:o" Code="SOA-03001"/>{error("SOA-01001")}', "SOA-03001"),
        ('<o:Failure xmlns:o="urn:o" Code="7"/>', ""),
    ],
)
def test_element_that_the_wsdl_declares_is_read(inside: str, code: str) -> None:
    """A code is taken from wherever it stands in the WSDL's own element; none that is found is no more than odd."""
    read = read_answer(answer(fault(inside), 500), {"{urn:o}Failure", f"{{{PLATFORM}}}SystemError"})
    assert (read.code, read.error) == (code, None)
    assert read.declared is not None
    problem = Problem("schema")
    assert list(structure_problems(read, [problem])) == [problem]
    assert [one.odd for one in code_problems(read, tuple(KNOWN))] == ([] if code else [True])
    assert list(origin_problems(read, KNOWN)) == []


def test_declared_element_of_the_platform_is_judged_as_one() -> None:
    """That the WSDL declares the platform's own error changes nothing."""
    read = read_answer(answer(fault(error()), 500), {f"{{{PLATFORM}}}SystemError"})
    assert (read.declared, read.code) == (None, "SOA-01001")
    assert read.error is not None


def test_value_is_that_of_its_place() -> None:
    """A value is read without the white space around it; what is not there, or has no place, is None."""
    read = SoapAnswer(RESPONSE, body=parse(b'<r At=" 1 "><a> x <!-- c --> y </a><e/></r>'))
    assert [value(read, place) for place in (("a",), ("@At",), ("e",), ("z",), None)] == ["x  y", "1", "", None, None]
    assert value(replace(read, body=None), ("a",)) is None


# Times

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def written(moment: datetime, zone: str = "Z") -> str:
    """Return a UTC time as a service writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{zone}"


@pytest.mark.parametrize(
    ("told", "sent", "expected"),
    [
        pytest.param(written(NOW), NOW, None, id="now"),
        pytest.param(written(NOW, ".123Z"), NOW, None, id="fraction"),
        pytest.param(written(NOW + HOUR, "+01:00"), NOW, None, id="zone"),
        pytest.param(written(NOW - 5 * MINUTE), NOW, None, id="five minutes"),
        pytest.param(written(NOW - 6 * MINUTE), NOW, True, id="more than five minutes"),
        pytest.param(written(NOW - 55 * MINUTE), NOW, True, id="less than an hour"),
        pytest.param(written(NOW - HOUR), NOW, False, id="an hour, as a wrong zone would have it"),
        pytest.param(written(NOW + HOUR), NOW, False, id="of the future"),
        pytest.param(written(NOW - 6 * MINUTE), None, True, id="no Date to hold it against"),
        pytest.param(written(NOW - DAY - 6 * MINUTE), None, False, id="another day"),
        pytest.param(written(NOW + 2 * HOUR), NOW + 2 * HOUR, None, id="clock of the service"),
        pytest.param(written(NOW), NOW + 2 * HOUR, None, id="clock of this machine"),
        pytest.param(written(NOW + HOUR), NOW + 2 * HOUR, False, id="neither clock"),
        pytest.param(written(NOW, ""), NOW, True, id="no zone"),
        pytest.param(written(NOW + HOUR, ""), NOW, True, id="no zone, some hours"),
        pytest.param(written(NOW + 2 * DAY, ""), NOW, False, id="no zone, some days"),
        pytest.param("yesterday", NOW, None, id="no time"),
        pytest.param("", NOW, None, id="nothing"),
        pytest.param("0001-01-01T00:00:00+14:00", NOW, False, id="earliest"),
        pytest.param("9999-12-31T23:59:59-14:00", NOW, False, id="latest"),
    ],
)
def test_time_of_the_response_is_when_it_was_made(told: str, sent: datetime | None, expected: object) -> None:
    """A time is right by either clock, give or take five minutes; what is not certain to be wrong is odd."""
    header = None if sent is None else format_datetime(sent, usegmt=True)
    found = list(instant_problems(told, header, NOW, where="/@IssueInstant"))
    assert [one.odd for one in found] == ([] if expected is None else [expected])
    assert all((one.location, one.actual) == ("/@IssueInstant", told) for one in found)


DATES = (
    *(
        "",
        " ",
        ",",
        "yesterday",
        "Thu, 01 Jan 2026 00:00:00 +99999999999999999",
        "Thu, 01 Jan 99999999999 00:00:00 GMT",
    ),
    *("Thu, 01 Jan 2026 00:00:99999999999999999999 GMT", "Thu, 32 Jan 2026 00:00:00 GMT", "é", "2026-01-01T00:00:00Z"),
)


@pytest.mark.parametrize("date", DATES)
def test_unreadable_date_counts_as_none(date: str) -> None:
    """A Date header that says nothing leaves this machine's clock, which is not certain to be right."""
    assert list(instant_problems(written(NOW), date, NOW, where="/@IssueInstant")) == []
    assert [one.odd for one in instant_problems(written(NOW - HOUR), date, NOW, where="/@IssueInstant")] == [True]


def test_date_without_zone_is_taken_as_utc() -> None:
    """A Date header in an old form still tells the service's clock."""
    date = "Tue, 24 Mar 2026 10:00:00 -0000"
    assert list(instant_problems(written(NOW - 2 * HOUR), date, NOW, where="/@IssueInstant")) == []


@given(st.text(alphabet="ThuJan20269:,+- GMT()", max_size=40))
def test_no_date_makes_the_check_fail(date: str) -> None:
    """Whatever a service puts there, the check ends."""
    assert len(list(instant_problems(written(NOW), date, NOW, where="/@IssueInstant"))) <= 1
