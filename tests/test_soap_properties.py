"""Tests of properties of SOAP messages, drawn from the WSDL at hand, against independent implementations."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from conformance.engine.campaign import Campaign
from conformance.engine.plan import Selection, make_plan
from conformance.evidence.store import read_exchanges
from conformance.formats.documents import dump
from conformance.messages.mutated import MessageVariants
from conformance.messages.soap import SoapMessages
from conformance.messages.soap_requests import SoapRequests
from conformance.model.case import (
    BROKEN_MESSAGES,
    VALID_MESSAGES,
    Case,
    CaseKind,
    Clause,
    Effect,
    Expectation,
    Message,
    MessageMutation,
    MutationKind,
    Step,
    Template,
    WsdlProperty,
)
from conformance.model.errors import MissingDataError
from conformance.model.result import CaseResult
from conformance.model.verdict import Severity, Verdict
from conformance.target.reading import choose_services, load_target
from tests.campaigns import begin
from tests.peers.dossier_number_generation import serve
from tests.test_soap_types import held, restricted, sequence, written

SERVICE = "dossier-number-generation"
LOCAL = "local platform"
LAST_NAME = Template("generate", body=Message(values={"own_number": "$own", "last_name": "$person.last_name"}))
BY_CONTENT = "content that the schema takes is refused by content"
SERVED = Expectation(
    "valid",
    (
        Clause((), answer="response", outcomes=("success",)),
        Clause((), Effect.OBSERVATION, answer="fault", codes=("SOA-03007",), note=BY_CONTENT),
        Clause((), Effect.OBSERVATION, answer="response", outcomes=("requester",), note=BY_CONTENT),
    ),
)
REFUSED = Expectation(
    "xsd",
    (
        Clause((), answer="fault", codes=("SOA-03006",)),
        Clause((), Effect.OBSERVATION, answer="response", outcomes=("requester",), note="refused by the service"),
    ),
)


def _case(name: str, requirement: str, expectation: Expectation) -> Case:
    return Case(
        f"{SERVICE}/{requirement.partition('/')[0]}/{name}", SERVICE, name, CaseKind.PROPERTY, "beyond the cookbook",
        (f"{SERVICE}/{requirement}",), LAST_NAME, expectation, control=Step(LAST_NAME), probe=WsdlProperty(name),
    )  # fmt: skip


VALID = _case(VALID_MESSAGES, "4/response", SERVED)
BROKEN = _case(BROKEN_MESSAGES, "8/xsd", REFUSED)


@contextmanager
def campaign(folder: Path, variant: str, *, caller: str = "") -> Iterator[Campaign]:
    """Serve a variant and give a campaign against it; by its first caller where none is named."""
    folder.mkdir(exist_ok=True)
    with nullcontext({}) if variant == LOCAL else serve(variant) as section:
        settings: dict[str, Any] = dict(section)
        if caller:
            settings["callers"] = {caller: settings["callers"][caller]}
        data = {"name": "x", "environment": "local", "limits": {"timeout": 30}, "services": {SERVICE: settings}}
        (folder / "target.yaml").write_text(dump(data), encoding="utf-8")
        target = load_target(str(folder / "target.yaml"))
        plan = make_plan(target, choose_services(target, ()), Selection(), seed=1, examples=20)
        (folder / "run").mkdir()
        made = begin(plan, folder / "run")
        try:
            yield made
        finally:
            made.close()


def run(folder: Path, variant: str, case: Case, **options: Any) -> CaseResult:  # noqa: ANN401 - of a campaign
    """Return what became of a case against a variant."""
    with campaign(folder, variant, **options) as made:
        return made.run(case)


def sent(folder: Path) -> list[etree._Element]:
    """Return the requests of a run, twins left out."""
    bodies = [one["request"]["body"] for one in read_exchanges(folder / "run") if one["purpose"] == "probe"]
    envelopes = (etree.fromstring(re.sub(r"\{\"?assertion.*?\}", "", str(_text(body))).encode()) for body in bodies)
    found = (one.find("{*}Body/*") for one in envelopes)
    return [one for one in found if one is not None]


def _text(body: Any) -> Any:  # noqa: ANN401 - a record
    return body.get("text", body) if isinstance(body, Mapping) else body


# --------------------------------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize("variant", [LOCAL, "plain", "requester-choice", "contract-motley"])
def test_conforming_service_passes(tmp_path: Path, variant: str) -> None:
    """Whatever the contract is, what it takes is served and what it refuses is refused, and nothing is found."""
    with campaign(tmp_path, variant) as made:
        for case in (VALID, BROKEN):
            result = made.run(case)
            assert (result.verdict, result.reason, result.findings) == (Verdict.PASS, "", ())
            assert len(result.exchanges) > 20


@pytest.mark.parametrize("caller", ["center", "hub"])
def test_each_kind_of_caller_names_itself_alone(tmp_path: Path, caller: str) -> None:
    """The numbers of an institution stand at their own place, so that nobody is refused for another's."""
    with campaign(tmp_path, "plain", caller=caller) as made:
        assert {made.run(case).verdict for case in (VALID, BROKEN)} == {Verdict.PASS}


@pytest.mark.parametrize(
    ("variant", "case", "requirement", "told"),
    [
        ("unserved-man", VALID, "5.2.2.3/requester", "\n+ Criteria/Person/Gender = 'M'"),
        ("unserved-two-first-names", VALID, "5.2.2.3/requester", "\n+ Criteria/Person/FirstNames = 'A A'"),
        (
            "unserved-accent",
            VALID,
            "8/fault-code",
            "by:\n- Criteria/Person/LastName = 'A'\n+ Criteria/Person/LastName = 'Aé'",
        ),
        (
            "unserved-all-parts",
            VALID,
            "8/fault-code",
            "by:\n+ Criteria/Person/FirstNames = 'A'"
            + "".join(f"\n+ Criteria/Person/{rest}" for rest in ("Gender = 'F'", "PhoneNumber = 'A'")),
        ),
        ("xsd-unknown-element", BROKEN, "8/xsd", "on a message with an unknown element added in the request"),
        ("xsd-instant-absent", BROKEN, "8/xsd", "on a message with @IssueInstant left out"),
        ("xsd-id-bad", BROKEN, "8/xsd", "on a message with @Id = 'not a value'"),
        ("xsd-last-name-empty", BROKEN, "8/xsd", "on a message with Criteria/Person/LastName = ''"),
        ("xsd-last-name-long", BROKEN, "8/xsd", "(101 characters)"),
        ("xsd-order", BROKEN, "8/xsd", "smallest valid message by:\n+ Criteria/Requester = ''"),
        ("xsd-phone-long", BROKEN, "8/xsd", "smallest valid message by:\n+ Criteria/Person/PhoneNumber = 'A'"),
    ],
)
def test_defect_is_found_with_a_small_difference(
    tmp_path: Path, variant: str, case: Case, requirement: str, told: str
) -> None:
    """One violation is found, and its words show what the message has that one that was served has not."""
    result = run(tmp_path, variant, case)
    assert result.verdict is Verdict.FAIL
    [finding] = [one for one in result.findings if one.severity is Severity.VIOLATION]
    assert finding.requirement == f"{SERVICE}/{requirement}"
    assert finding.actual.endswith(told), finding.actual
    assert "not on every request" not in finding.message


def test_choice_is_broken_by_its_other_branch(tmp_path: Path) -> None:
    """An institution that names itself twice, in two ways, is refused by the schema alone."""
    result = run(tmp_path, "xsd-choice", BROKEN, caller="center")
    [finding] = result.findings
    assert "Cbe added in Criteria/Requester/InstitutionIdentifier" in finding.actual


def test_smallest_message_that_fails_is_held_against_the_plain_one(tmp_path: Path) -> None:
    """Where the smallest message fails already, it is shown how it differs from the request that was served before."""
    result = run(tmp_path, "unserved-no-id", VALID)
    [finding] = result.findings
    assert "differs from the plain request by:\n- Criteria/Requester/PersonIdentifier" in finding.actual
    assert finding.actual.endswith("+ Criteria/Person/LastName = 'A'")


def test_failure_that_comes_and_goes_is_called_one(tmp_path: Path) -> None:
    """A service that fails on every fifth request is not said to fail for the message's sake alone."""
    result = run(tmp_path, "unserved-fifth", VALID)
    assert result.verdict is Verdict.FAIL
    assert "not on every request" in result.findings[-1].message


def test_refusal_by_content_is_an_observation(tmp_path: Path) -> None:
    """What the schema takes may be too little for the service: that is noted once, with the message."""
    result = run(tmp_path, "last-name-one-letter", VALID)
    assert result.verdict is Verdict.PASS
    [finding] = result.findings
    assert (finding.severity, finding.message) == (Severity.OBSERVATION, BY_CONTENT)
    assert "+ Criteria/Person/LastName = 'A'" in finding.actual


# -------------------------------------------------------------------------------------------------- what is sent


def test_each_attempt_is_made_anew(tmp_path: Path) -> None:
    """No two messages of a run have the same Id, also where the message is the same but for it."""
    assert run(tmp_path, "xsd-id-bad", VALID).verdict is Verdict.PASS
    names = [one.get("Id") for one in sent(tmp_path) if "Id" in one.attrib]
    assert len(names) > 5
    assert len(set(names)) == len(names)
    assert "_drawn" not in names


def test_same_seed_sends_the_same_messages(tmp_path: Path) -> None:
    """Two runs with one seed send the same but for ids, times and signatures."""

    def messages(name: str) -> list[str]:
        run(tmp_path / name, "plain", VALID)
        found = sent(tmp_path / name)
        for one in found:
            one.attrib.pop("Id", "")
            one.attrib.pop("IssueInstant", "")
        return [etree.tostring(one, method="c14n", exclusive=True).decode() for one in found]

    assert messages("first") == messages("second")


# -------------------------------------------------------------------------------------------------------- messages


def _messages(made: Campaign) -> SoapMessages:
    found = made.runner(SERVICE).session.requests
    assert isinstance(found, SoapRequests)
    return found.messages


def _body(made: SoapMessages, message: Message) -> etree._Element:
    found = etree.fromstring(made.post(Template("generate", body=message)).body).find("{*}Body/*")
    assert found is not None
    return found


def test_body_of_a_message_stands_as_it_is(tmp_path: Path) -> None:
    """A message's own body is sent with a new id and time; edits come after, and may spoil both."""
    with campaign(tmp_path, LOCAL) as made:
        messages = _messages(made)
        drawing = MessageVariants(messages).drawing(VALID)
        [text] = {start.build(start.parts).message.body for start in drawing.starts[:1]}  # type: ignore[union-attr]
        assert [one.tag for one in _body(messages, Message(body=text)).iter()][1:] == ["Criteria", "Person", "LastName"]
        full = text.replace(" IssueInstant", ' Id="_drawn" IssueInstant')
        first, second = (_body(messages, Message(body=full)) for _ in range(2))
        assert first.get("Id") != second.get("Id")
        assert first.get("IssueInstant") != "2026-01-15T12:00:00Z"
        spoilt = _body(messages, Message(body=full, edits=(MessageMutation(MutationKind.WRITE, ("@Id",), "1A"),)))
        assert spoilt.get("Id") == "1A"


def test_wsdl_of_which_no_message_can_be_made_is_not_applicable(tmp_path: Path) -> None:
    """Where a required value cannot be guessed, the case does not apply, and its reason names the WSDL's element."""
    strange = held(restricted("xs:string", r"pattern=\p{IsArabic}"))
    contract = written(tmp_path, sequence(strange))
    with campaign(tmp_path / "x", LOCAL) as made:
        messages = _messages(made)
        [operation] = contract.operations.values()
        bound = replace(messages.binding.bound["generate"], operation=operation, request={})
        binding = replace(messages.binding, contract=contract, bound={"generate": bound})
        with pytest.raises(MissingDataError, match="no message can be made of the schema's"):
            MessageVariants(replace(messages, binding=binding)).drawing(VALID)
