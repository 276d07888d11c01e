"""Tests of judging SOAP answers that are damaged: nothing is invented, and what can be read is judged."""

import time
from collections.abc import Callable

import pytest

from conformance.checks.soap_answer import FAULT, OTHER, RESPONSE, read_answer
from conformance.model.case import Case
from conformance.model.verdict import Finding, Severity
from tests.damage import damaged
from tests.test_soap_judging import (
    NO_NAME,
    SERVED,
    SERVICE,
    XSD,
    answered,
    cbss,
    exchange,
    fault,
    judge,
    refusal,
    response,
)

FORM = {f"{SERVICE}/5.1.3/envelope", f"{SERVICE}/8/fault"}
"""The requirements that an answer breaks which is not well-formed."""
Change = Callable[[bytes], bytes]


def _found(body: bytes, which: Case) -> tuple[Finding, ...]:
    status = 500 if which is XSD else 200
    return judge().judge(exchange(answered(body, status)), which).findings


def _violations(found: tuple[Finding, ...]) -> list[Finding]:
    return [one for one in found if one.severity is Severity.VIOLATION]


def _breaks_form(found: tuple[Finding, ...]) -> bool:
    return any("well-formed" in one.message + one.actual for one in _violations(found))


def _keys(found: tuple[Finding, ...]) -> set[tuple[str, str, str]]:
    return {(one.requirement, one.message, one.location) for one in _violations(found) if one.requirement not in FORM}


ANSWERS = {
    "success": (response(message="All is well", name="_a"), SERVED),
    "refusal": (refusal(message="No", detail=cbss(), name="_a"), NO_NAME),
    "fault": (fault(), XSD),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_damage_to_a_conforming_answer_breaks_its_form_at_most(name: str) -> None:
    """Four hundred damages leave either XML, which is judged as it stands, or a violation of the form and no other."""
    text, which = ANSWERS[name]
    assert _found(text.encode(), which) == ()
    for seed in range(400):
        found = _found(damaged(seed, text.encode()), which)
        others = [one for one in _violations(found) if one.requirement not in FORM]
        assert not (_breaks_form(found) and others), (seed, others, damaged(seed, text.encode()))


def test_defect_is_found_beside_damage() -> None:
    """Two defects of one answer are found in spite of most damages."""
    text = response(message="All is well", name="_a", to="_other", identifier=None)
    wanted = _keys(_found(text.encode(), SERVED))
    assert len(wanted) == 2
    counts = [len(wanted & _keys(_found(damaged(seed, text.encode()), SERVED))) for seed in range(300)]
    assert counts.count(2) + counts.count(1) >= 0.6 * len(counts)


@pytest.mark.parametrize(
    ("name", "change"),
    {
        "one wrong byte": lambda body: body.replace(b"All is", b"All \xe9s"),
        "a control character": lambda body: body.replace(b"All is", b"All\x01is"),
        "a NUL behind the end": lambda body: body + b"\0",
        "an ampersand": lambda body: body.replace(b"All is", b"A & B"),
        "an entity of HTML": lambda body: body.replace(b"All is", b"All&nbsp;is"),
        "a sign of less": lambda body: body.replace(b"All is", b"a < b"),
        "a reference to no character": lambda body: body.replace(b"All is", b"&#0;"),
        "white space before the declaration": lambda body: b"\r\n" + body,
        "words before it": lambda body: b"HTTP/1.1 200 OK\r\n\r\n" + body,
        "a tag that does not fit": lambda body: body.replace(b"</c:StatusMessage>", b"</c:StatusMassage>"),
        "a cut end": lambda body: body[:-20],
    }.items(),
)
def test_damage_hides_no_violation_elsewhere(name: str, change: Change) -> None:
    """A wrong InResponseTo is found whatever is wrong at another place, and nothing else is."""
    body = response(message="All is well", name="_a", to="_other").encode()
    changed = change(body)
    assert changed != body, name
    found = _found(changed, SERVED)
    assert _breaks_form(found)
    assert {one.requirement for one in _violations(found)} - FORM == {f"{SERVICE}/5.2.1.2/in-response-to"}


def test_missing_identifier_is_found_beside_a_wrong_byte_and_not_behind_a_cut() -> None:
    """That something is missing is said where nothing is lost around it, and not where it may have been cut off."""
    body = response(message="All is well", name="_a", identifier=None).encode()
    beside = _keys(_found(body.replace(b"All is", b"All \xe9s"), SERVED))
    assert {requirement for requirement, _, _ in beside} == {f"{SERVICE}/5.2.1.2/identifier"}
    assert not _keys(_found(body[: body.index(b"</d:Gen")], SERVED))


def test_damaged_code_of_a_fault_is_no_wrong_code() -> None:
    """A fault whose code has a lost character is neither without code nor one that does not fit."""
    found = _found(fault().replace("SOA-03006", "SOA-03\x0106").encode(), XSD)
    assert [one.requirement for one in _violations(found)] == [f"{SERVICE}/5.1.3/envelope"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (response().encode()[:60], OTHER),
        (response().encode()[:-1], RESPONSE),
        (fault().encode()[:-30], FAULT),
        (b"<html><p>Envelope</html>", OTHER),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + response().encode(), OTHER),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]>\xff" + response().encode(), OTHER),
    ],
)
def test_damaged_answer_is_what_can_be_read_of_it(body: bytes, kind: str) -> None:
    """An envelope is read up to its damage; nothing is read of a page, nor behind a document type declaration."""
    assert read_answer(answered(body)).kind == kind


@pytest.mark.parametrize(
    "body",
    [
        b"<s:Envelope>" + b"<a>" * 500_000,
        b"<s:Envelope>" + b"<a>&" * 300_000,
        b"<s:Envelope " + b"<" * 1_000_000,
        b"<s:Envelope>" + b"<a></b>" * 200_000,
    ],
    ids=["open", "ampersands", "brackets", "tags that do not fit"],
)
def test_time_is_bounded(body: bytes) -> None:
    """A megabyte of mistakes is read in seconds of CPU."""
    begun = time.process_time()
    read_answer(answered(body))
    assert time.process_time() - begun < 30


BOUNDARY = "uuid:b1"
MTOM = 'application/xop+xml; charset=UTF-8; type="text/xml"'


def _parts(text: str, kind: str) -> bytes:
    envelope = text.partition("?>")[2]
    return (
        f"\r\n--{BOUNDARY}\r\nContent-Type: image/png\r\nContent-ID: <x@y>\r\n\r\nno XML\r\n"
        f"--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <root@x>\r\n\r\n"
        f"{envelope}\r\n--{BOUNDARY}--\r\n"
    ).encode()


@pytest.mark.parametrize("kind", [MTOM, "text/xml; charset=UTF-8"], ids=["MTOM", "SwA"])
def test_answer_of_several_parts_is_read_by_its_root_and_laid_to_the_media_type(kind: str) -> None:
    """An MTOM or SwA answer breaks the media type, and its envelope is judged as any other."""
    whole = f'multipart/related; type="text/xml"; boundary="{BOUNDARY}"; start="<root@x>"'
    headers = (("Content-Type", whole),)
    text = response(name="_a", to="_other")
    found = judge().judge(exchange(answered(_parts(text, kind), 200, headers)), SERVED).findings
    assert {one.requirement for one in _violations(found)} == {
        f"{SERVICE}/5.1.3/media-type",
        f"{SERVICE}/5.2.1.2/in-response-to",
    }


@pytest.mark.parametrize(
    "values",
    [("text/xml, text/xml",), ("text/xml", "text/xml"), ("text/xml, text/plain",), ("text/xml", "text/plain")],
)
def test_repeated_content_type_is_a_warning(values: tuple[str, ...]) -> None:
    """However a Content-Type is repeated, it is a warning, and the envelope is judged."""
    headers = tuple(("Content-Type", value) for value in values)
    found = judge().judge(exchange(answered(response(name="_a", to="_other"), 200, headers)), SERVED).findings
    assert [(one.severity.value, one.requirement.rpartition("/")[2]) for one in found] == [
        ("warning", "media-type"),
        ("violation", "in-response-to"),
    ]


@pytest.mark.parametrize("space", ["urn:be:core:v{version.major}", "a b", "commons/core", "%"])
def test_namespace_need_not_be_a_uri(space: str) -> None:
    """A namespace that is no URI leaves XML well-formed."""
    text = response(name="_a").replace("<s:Envelope", f'<s:Envelope xmlns:tpl="{space}"')
    assert _found(text.encode(), SERVED) == ()


@pytest.mark.parametrize("space", ["urn:be:fgov:ehealth:commons:core:v3", ""])
def test_mistake_of_namespace_is_told_with_both_namespaces(space: str) -> None:
    """An element of the right name in another namespace, or in none, is told with the one it has and the one wanted."""
    own = "urn:be:fgov:ehealth:commons:core:v2"
    text = response(name="_a").replace(f'<c:Status xmlns:c="{own}">', f'<Status xmlns="{space}" xmlns:c="{own}">')
    found = _violations(_found(text.replace("</c:Status>", "</Status>").encode(), SERVED))
    told = " ".join(f"{one.message} {one.actual}" for one in found)
    assert f"{{{own}}}Status" in told
    assert (f"{{{space}}}Status" if space else "no namespace") in told
