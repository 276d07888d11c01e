"""Tests of the table of SOAP checks: what a binding says, in its places and its words, and what a run remembers."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conformance.checks.soap_answer import FAULT, OTHER, RESPONSE, SoapAnswer
from conformance.checks.soap_answered import NOT_APPLIED, Answered, Checked, Documented, Occurrence, memory_key
from conformance.checks.soap_rules import CHECKS, Scope, in_order, missing_places, with_words
from conformance.contracts.binding import bind
from conformance.contracts.loading import load_spec
from conformance.contracts.soap_rules import read_soap_rules
from conformance.formats import documents
from conformance.judging.memory import RunMemory
from conformance.judging.soap import SoapOracle
from conformance.model.contract import CheckRule, SoapRules
from conformance.model.errors import SpecError
from conformance.model.exchange import Exchange, Purpose, Request, Response
from conformance.soap.markup import parse
from conformance.soap.xsd.schemas import SchemaProblem

SPEC = load_spec("dossier-number-generation")
NOW = datetime(2026, 3, 24, 12, tzinfo=UTC)
PLACES = {"receipt": ("Receipt", "@Number"), "state": ("State",), "request_id": ("@Ref",)}
"""A second service, which calls everything otherwise."""
RESPONSE_TEXT = (
    '<Done xmlns="" Ref="_1"><State>{state}</State><Receipt Number="{number}"/><Note><Kind>{kind}</Kind></Note></Done>'
)


def answered(
    outcome: str = "success",
    *,
    number: str = "R1",
    kind: str = "a",
    seen: tuple[Occurrence, ...] = (),
    found: tuple[SchemaProblem, ...] = (),
) -> Answered:
    """Return an answer of the second service: its values, what was seen before, and what the schemas say."""
    body = parse(RESPONSE_TEXT.format(state=outcome, number=number, kind=kind).encode())
    sent = parse(b'<Ask Ref="_1"><Person>Ann</Person></Ask>')
    response = Response(200, "OK", (("Content-Type", "text/xml"),), b"", 0, "")
    request = Request("POST", "http://h/", (), b"")
    documented = Documented(
        element="Done",
        request={"request_id": ("@Ref",), "person": ("Person",)},
        answer=PLACES,
        reconstructed=False,
        outcomes={"success": "success", "failure": "failure"},
        components={"SOA-01001": "Consumer"},
    )
    return Answered(
        exchange=Exchange("000002", "x", Purpose.PROBE, NOW, 0.1, request, response),
        response=response,
        answer=SoapAnswer(RESPONSE, body=body),
        sent=SoapAnswer(RESPONSE, body=sent),
        outcome=outcome,
        documented=documented,
        schema_problems=found,
        of_header=False,
        occurrences=lambda _key, _value: seen,
    )


def checked(name: str, answer: Answered, places: dict[str, str] | None = None, **options: Any) -> Checked:  # noqa: ANN401 - of the check
    """Apply a check of the table, bound to a place of the second service."""
    given = places if places is not None else {"value": "receipt"}
    rule = with_words(CheckRule(name, "service/1/rule", given, options=options))
    return CHECKS[name].function(answer, rule)


def only_message(result: Checked) -> str:
    """Return the message of the one problem."""
    [problem] = result.problems
    return problem.message


# ----------------------------------------------------------------------------------------- places of a second service


def test_value_on_success_is_named_by_its_role_and_its_place() -> None:
    """The finding calls a value what names.yaml calls it, and shows where the WSDL has it."""
    [problem] = checked("on-success", answered(number="")).problems
    assert problem.message == "a success carries no receipt"
    assert (problem.location, problem.expected, problem.actual) == ("/Receipt/@Number", "a receipt", "empty")


def test_value_on_failure_is_named_by_its_role() -> None:
    """A failure with a value shows it, with the article that fits its name."""
    [problem] = checked("not-on-failure", answered("failure")).problems
    assert problem.message == "a request that did not succeed is given a receipt"
    assert (problem.expected, problem.actual) == ("no receipt", "R1")


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("on-success", "failure"), ("on-success", ""), ("not-on-failure", "success"), ("not-on-failure", "")],
)
def test_check_of_another_outcome_is_not_applied(name: str, outcome: str) -> None:
    """What is asked of a success is not asked of a failure, and nothing of an unknown status."""
    assert checked(name, answered(outcome)) == NOT_APPLIED


@pytest.mark.parametrize("name", ["on-success", "not-on-failure", "unique", "moment", "documented-outcome"])
def test_check_of_a_role_that_the_wsdl_does_not_have_is_not_applied(name: str) -> None:
    """A role without a place has nothing that could be checked."""
    assert checked(name, answered("failure"), {"value": "nowhere"}) == NOT_APPLIED


def test_echo_names_both_sides_as_the_messages_do() -> None:
    """The finding names the attribute of the answer and that of the request."""
    result = checked("echo", answered(number="R1"), {"value": "receipt", "asked": "request_id"})
    assert only_message(result) == "Number is not the request's Ref"


def test_echo_of_what_was_not_asked_is_not_applied() -> None:
    """A request without the value leaves the answer open."""
    assert checked("echo", answered(), {"value": "receipt", "asked": "nowhere"}) == NOT_APPLIED


def test_echo_of_an_id_that_the_request_does_not_have_is_odd() -> None:
    """An answer that names a request which named itself nowhere has made the name up."""
    bare = replace(answered(), sent=SoapAnswer(RESPONSE, body=parse(b"<Ask/>")))
    [problem] = checked("echo", bare, {"value": "receipt", "asked": "request_id"}).problems
    assert (problem.message, problem.odd) == ("Number names a request, although the request has no Ref", True)


@pytest.mark.parametrize(
    ("told", "age", "times", "found"),
    [
        pytest.param("2026-03-24T11:59:15.123Z", 45, 1, True, id="that of the request"),
        pytest.param("2026-03-24T12:59:15.123+01:00", 45, 1, True, id="the same in another zone"),
        pytest.param("2026-03-24T12:00:00Z", 45, 1, False, id="its own"),
        pytest.param("2026-03-24T12:00:00Z", 0, 0, False, id="a request of now proves nothing"),
        pytest.param("noon", 45, 0, False, id="none that can be told"),
    ],
)
def test_time_of_the_request_is_not_that_of_the_answer(told: str, age: int, times: int, *, found: bool) -> None:
    """Only where a request says that it was made a while ago does an equal time tell that it was copied."""
    asked = "2026-03-24T11:59:15.123Z" if age else "2026-03-24T12:00:00Z"
    one = replace(answered(number=told), sent=SoapAnswer(RESPONSE, body=parse(f'<Ask Ref="{asked}"/>'.encode())))
    result = checked("not-copied", one, {"value": "receipt", "asked": "request_id"})
    assert (result.times, bool(result.problems)) == (times, found)


FILLED_IN = r"Not (?P<asked>.*) but \((?P<caller>.*)\)"


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("Not _1 but (_2)", ""),
        ("Not _1 but (_1)", ""),
        ("Not id-1 but (nobody)", ""),
        ("Not _2 but (_1)", "the message has the request's Ref in the place of the caller's"),
        ("Not $value1 but ($value2)", "the message leaves a value open"),
        ("Not {0} but ({1})", "the message leaves a value open"),
        ("Not _1 but ()", "the message leaves a value open"),
        ("Not null but (_2)", "the message leaves a value open"),
    ],
)
def test_printed_message_is_filled_in_the_right_way_round(told: str, message: str) -> None:
    """What was asked stands at its place; a placeholder, or the two exchanged, is told."""
    result = checked(
        "printed-values",
        answered("failure", number=told),
        {"value": "receipt", "asked": "request_id"},
        pattern=FILLED_IN,
    )
    assert [problem.message for problem in result.problems] == ([message] if message else [])


def test_other_words_are_not_asked_for_values() -> None:
    """Where other words are used, nobody can tell what is filled in."""
    places = {"value": "receipt", "asked": "request_id"}
    assert checked("printed-values", answered("failure", number="No."), places, pattern=FILLED_IN) == NOT_APPLIED


def test_value_of_another_answer_is_not_unique() -> None:
    """A value that an earlier exchange had is a problem that names it."""
    [problem] = checked("unique", answered(seen=(Occurrence("000001"),))).problems
    assert problem.message == "the response's Number was given to another response"
    assert (problem.expected, problem.actual) == ("a Number of its own", "that of 000001")


def test_value_of_the_same_exchange_is_unique() -> None:
    """An exchange that is judged again is not held against itself."""
    assert checked("unique", answered(seen=(Occurrence("000002"), Occurrence("000003")))) == Checked(1)


def test_value_of_two_persons_is_found_by_the_roles_that_tell_persons_apart() -> None:
    """Who two persons are is said by roles of the request, whatever a service calls them."""
    seen = (Occurrence("000001", {"person": "Bob"}),)
    result = checked("one-person", answered(seen=seen), decisive=("person",), disjoint=())
    assert only_message(result) == "a receipt is given to two persons"
    assert "person 'Bob'" in result.problems[0].actual
    same = (Occurrence("000001", {"person": " ann"}),)
    assert checked("one-person", answered(seen=same), decisive=("person",), disjoint=()) == Checked(1)


def test_element_of_a_detail_is_counted_wherever_it_stands() -> None:
    """Each element is one application; one that stands with a refused outcome is a problem."""
    options: dict[str, Any] = {"element": "Note", "outcomes": ("success",)}
    assert checked("not-with-outcome", answered("failure"), {}, **options) == Checked(1)
    assert only_message(checked("not-with-outcome", answered(), {}, **options)) == "Note stands with the status success"
    assert checked("not-with-outcome", answered(), {}, element="Other", outcomes=("success",)) == Checked(0)


@pytest.mark.parametrize(("kind", "problems"), [("a", 0), ("b", 1), ("", 1)])
def test_member_of_a_detail_has_a_documented_value(kind: str, problems: int) -> None:
    """A member with another text than those documented is a problem."""
    result = checked("member", answered(kind=kind), {}, element="Note", member="Kind", values=("a",))
    assert (result.times, len(result.problems)) == (1, problems)


def test_schema_problem_belongs_to_the_first_element_that_has_a_requirement() -> None:
    """A problem with two elements is laid to one, and not to the schema again."""
    problem = SchemaProblem("Missing child element(s). Expected is one of ( State, Receipt ).", "Receipt", "/Done")
    missing = SchemaProblem("Expected is ( State ).", "Receipt", "/Done")
    answer = answered(found=(problem, missing))
    names = ("State", "Receipt")
    found = {name: len(checked("element", answer, {}, element=name, elements=names).problems) for name in names}
    assert found == {"State": 1, "Receipt": 1}
    assert checked("schema", answer, {}, elements=names) == Checked(1)
    assert len(checked("schema", answer, {}).problems) == 2


def test_words_of_the_binding_replace_those_of_the_table() -> None:
    """A soap.yaml may say in the cookbook's words what a finding says, with the names filled in."""
    rule = CheckRule("on-success", "r", {"value": "receipt"}, words={"missing": "Table 9 wants $name ($role)"})
    assert only_message(CHECKS["on-success"].function(answered(number=""), with_words(rule))) == (
        "Table 9 wants Number (receipt)"
    )


def test_refusal_is_held_against_the_printed_words() -> None:
    """Without own words the table's are neutral: no cookbook is named."""
    answer = answered("failure", number="no")
    assert checked("printed-message", answer, pattern="NO") == Checked(1)
    [other] = checked("printed-message", answer, pattern="yes").problems
    assert (other.message, other.odd) == ("the message has other words than those printed", True)
    [missing] = checked("printed-message", answered("failure", number=""), pattern="yes").problems
    assert (missing.message, missing.odd) == ("a refusal has no message", False)


# ------------------------------------------------------------------------------------------------------- the table


def test_every_check_says_what_it_does() -> None:
    """Each function of the table has a sentence, and stands there once."""
    functions = [check.function for check in CHECKS.values()]
    assert len(set(functions)) == len(functions)
    assert all(function.__doc__ and function.__doc__.startswith("Check ") for function in functions)


def test_bindings_are_applied_in_the_order_of_the_table() -> None:
    """The order of findings does not depend on that of soap.yaml."""
    rules = [CheckRule("unique", "b"), CheckRule("schema", "a"), CheckRule("unique", "c"), CheckRule("envelope", "d")]
    assert [rule.requirement for rule in in_order(rules, Scope.RESPONSE)] == ["a", "b", "c"]


def test_every_check_is_described_for_who_binds_it() -> None:
    """The documentation lists each check of the table with its places and its words."""
    text = (Path(__file__).parent.parent / "docs" / "soap.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(" `"): line for line in text.splitlines() if line.startswith("| `")}
    assert list(rows) == list(CHECKS)
    for name, check in CHECKS.items():
        assert all(f"`{word}`" in rows[name] for word in (*check.places, *check.asked, *check.words)), name


# ------------------------------------------------------------------------------------------------------ soap.yaml


def read(checks: dict[str, Any], **keys: Any) -> SoapRules:  # noqa: ANN401 - of soap.yaml
    """Return the rules of the shipped soap.yaml with other checks."""
    files = {name: documents.read(SPEC.folder / name) for name in ("soap.yaml", "names.yaml")}
    data = {**files["soap.yaml"].data, **keys, "checks": checks}
    return read_soap_rules(SPEC.folder, {**files, "soap.yaml": replace(files["soap.yaml"], data=data)})


def test_short_keys_mean_what_the_shipped_file_says_in_full() -> None:
    """A soap.yaml with a requirement behind each key, as before there were places, has the same bindings."""
    shipped = SPEC.contract.soap
    assert shipped is not None
    short = {key: rule.requirement for key, rule in shipped.checks.items()}
    assert read(short).checks == shipped.checks


def test_check_may_be_bound_twice_under_keys_of_its_own() -> None:
    """A service with two values of a kind binds the check for each."""
    rows = {
        "first": {"check": "unique", "requirement": "s/1/a", "places": {"value": "response_id"}},
        "second": {"check": "unique", "requirement": "s/1/b", "places": {"value": "identifier"}},
    }
    rules = read(rows)
    assert {key: (rule.check, rule.places["value"]) for key, rule in rules.checks.items()} == {
        "first": ("unique", "response_id"),
        "second": ("unique", "identifier"),
    }
    assert memory_key(rules.checks["first"]) != memory_key(rules.checks["second"])


def test_words_of_messages_are_given_once_for_all() -> None:
    """Place and words of the printed messages stand beside the checks, pattern and requirement in each row."""
    rules = read({"printed-message": {"places": {"value": "status"}, "words": {"missing": "none"}}})
    assert {rule.places["value"] for rule in rules.messages.values()} == {"status"}
    assert {rule.words["missing"] for rule in rules.messages.values()} == {"none"}
    assert "printed-message" not in rules.checks


def test_binding_without_its_place_is_refused_before_anything_is_judged() -> None:
    """A soap.yaml that was never linted breaks with a sentence, not in the middle of a run."""
    rules = read({"numbers": {"check": "unique", "requirement": "s/1/a"}})
    assert list(missing_places(rules.checks["numbers"])) == ["the check unique for s/1/a lacks the place value"]
    binding = bind(SPEC, {}, Path())
    with pytest.raises(SpecError, match="the check unique for s/1/a lacks the place value"):
        SoapOracle(SPEC.contract, rules, binding, binding.contract.schemas, RunMemory())


@pytest.mark.parametrize("kind", [RESPONSE, FAULT, OTHER])
def test_check_without_a_binding_is_not_made(kind: str) -> None:
    """What a cookbook has no requirement for is nobody's duty; the case's own requirement stays."""
    texts = {RESPONSE: b"<x/>", FAULT: b"<s:Fault><faultcode/></s:Fault>", OTHER: b""}
    envelope = b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%s</s:Body></s:Envelope>'
    body = envelope % texts[kind]
    response = Response(500, "Error", (), body, len(body), "")
    request = Request("POST", "http://h/", (), b"")
    one = Exchange("000001", "x", Purpose.PROBE, NOW, 0.1, request, response)
    binding = bind(SPEC, {}, Path())
    rules = read({}, elements={}, details=[], same_person=None)
    oracle = SoapOracle(SPEC.contract, rules, binding, binding.contract.schemas, RunMemory())
    case = SPEC.cases["dossier-number-generation/7.2/last-name-only-person"]
    judgement = oracle.judge(one, case)
    assert [finding.requirement for finding in judgement.findings] == [case.requirements[0]]
    assert set(judgement.evaluated) == {case.requirements[0]}


# --------------------------------------------------------------------------------------------- what a run remembers


def test_memory_keeps_exchanges_in_their_order() -> None:
    """The earliest exchange with a value comes first; one that is judged again is kept once."""
    memory = RunMemory()
    for name in ("1", "2", "1"):
        memory.remember("key", "value", Occurrence(name))
    assert [one.exchange for one in memory.occurrences("key", "value")] == ["1", "2"]


def test_memory_keeps_checks_and_values_apart() -> None:
    """What one check remembers is not held against another one, nor one value against another."""
    memory = RunMemory()
    memory.remember("key", "value", Occurrence("1"))
    assert memory.occurrences("other", "value") == memory.occurrences("key", "other") == ()


def test_runs_share_no_memory() -> None:
    """Each run hands in a memory of its own."""
    first, second = RunMemory(), RunMemory()
    first.remember("key", "value", Occurrence("1"))
    assert second.occurrences("key", "value") == ()
