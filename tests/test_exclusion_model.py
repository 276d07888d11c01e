"""The model of Therapeutic Exclusion, against a service in memory that makes one mistake at a time."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.contracts.loading import load_spec
from conformance.engine.execution import CaseExecution
from conformance.identifiers.reading import person_kind
from conformance.identifiers.rules import check
from conformance.judging.rest import RestOracle
from conformance.model.case import Template
from conformance.model.errors import MissingDataError
from conformance.model.exchange import Exchange, Purpose, Request, Response
from conformance.model.verdict import Judgement, Severity
from suites.test_therapeutic_exclusion import PROCEDURES
from suites.therapeutic_exclusion_conversation import Blocked, clear
from suites.therapeutic_exclusion_limits import made_up_parties
from suites.therapeutic_exclusion_model import MOST_ENTRIES
from suites.therapeutic_exclusion_player import Player
from suites.therapeutic_exclusion_requests import SERVICE, Party, Person
from suites.therapeutic_exclusion_steps import Step, Verb

PATIENT, OTHER = "90010199794", "85061599690"
CALLERS = {"citizen": PATIENT, "other_citizen": OTHER, "parent": "70010100000", "mandatary": "70010100001"}
PARTIES = [Party("ssin", "70020299541", "persphysician"), Party("nihii", "61234516", "orgpharmacy")]
OWN = ("citizen", "other_citizen")
SPEC = load_spec(SERVICE)
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(slots=True)
class Service:
    """A service in memory, and the conversation with it; `mistake` names what it does wrong."""

    mistake: str = ""
    absent: tuple[int, str] = (404, "")
    revoking: int = 0
    date: timedelta | None = timedelta()
    local: bool = False
    deciding: list[str] = field(default_factory=list)
    active: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    entries: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    ticks: "count[int]" = field(default_factory=count)
    case: Any = SPEC.cases[f"{SERVICE}/2.1/professions"]
    oracle: RestOracle = field(default_factory=lambda: RestOracle(SPEC.contract))

    @property
    def session(self) -> Any:  # noqa: ANN401 - a stand-in
        """Return what procedures ask of a session: tokens and test data."""
        data = {
            "practitioners": [{"ssin": PARTIES[0].number, "qualification": PARTIES[0].qualification}],
            "pharmacies": [{"nihii": PARTIES[1].number}],
        }
        return SimpleNamespace(
            requests=SimpleNamespace(token=str, value={"$patient": PATIENT, "$other_patient": OTHER}.__getitem__),
            service=SimpleNamespace(settings={"data": data, "tokens": dict.fromkeys(CALLERS, "")}),
            target=SimpleNamespace(local=self.local),
        )

    def refused(self, *_: object) -> bool:
        """Return that no token is refused."""
        return False

    def reduce(self, parts: Any, attempt: Callable[[Any], tuple[Exchange, Judgement]]) -> Judgement:  # noqa: ANN401
        """Try a sequence without making it smaller."""
        return attempt(parts)[1]

    def send(self, template: Template, _: Purpose = Purpose.PROBE) -> Exchange:
        """Answer a request."""
        status, document = self._answer(template)
        headers = () if self.date is None else (("Date", format_datetime(NOW + self.date)),)
        body = b"" if document is None else json.dumps(document).encode()
        response = Response(status, "", (("Content-Type", "application/json"), *headers), body, len(body), "")
        operation = SPEC.contract.operations[template.operation]
        request = Request(operation.method, f"http://localhost{operation.path}")
        return Exchange("1", "test", Purpose.PROBE, NOW, 0.0, request, response)

    def _answer(self, template: Template) -> tuple[int, Any]:
        query = dict(template.parameters)
        body: Any = template.document
        patient = query.get("patientSsin") or body["patient"]["identifier"][0]["value"]
        active, entries = self.active.setdefault(patient, {}), self.entries.setdefault(patient, [])
        number = query.get("hcPartySsin") or query.get("hcPartyNihii")
        nothing = self.absent[0], [{"code": self.absent[1], "message": "none"}] if self.absent[1] else None
        match template.operation:
            case "declareExclusion":
                return self._declared(body["hcParty"], active, entries, template.token)
            case "revokeExclusion":
                if self.revoking or number not in active:
                    return (self.revoking, None) if self.revoking else nothing
                self._log(entries, active[number], "REVOKE_EXCLUSION", template.token)
                if self.mistake != "parent-delete-noop" or template.token in OWN:
                    del active[number]
                return 204, None
            case "getExclusions":
                return self._listed(patient, number, template.token) or nothing
            case _:
                most = None if self.mistake == "history-endless" else MOST_ENTRIES
                shown = entries[: int(query["pageSize"]) if "pageSize" in query else most]
                return (200, shown) if shown else nothing

    def _declared(self, party: Any, active: dict[str, Any], entries: list[Any], token: str) -> tuple[int, Any]:  # noqa: ANN401
        number = party["identifier"][0]["value"]
        if number in active:
            if self.mistake == "conflict-overwrites":
                active[number] = party
            return 409, None
        if self.mistake == "at-most-ten" and len(active) >= 10:
            return 409, None
        if self.mistake == "only-known" and number not in {one.number for one in PARTIES}:
            return 400, [{"code": "VAL006", "message": "Invalid hcparty id"}]
        active[number] = party
        self._log(entries, party, "DECLARE_EXCLUSION", token)
        return 201, None

    def _listed(self, patient: str, number: str | None, token: str) -> tuple[int, Any] | None:
        owners = [patient, *self.active] if self.mistake == "leak-filter" and number else [patient]
        for owner in owners:
            named = CALLERS[token] if self.mistake == "patient-is-caller" else owner
            rows = [
                {"patient": {"identifier": [{"type": "ssin", "value": named}]}, "hcParty": with_names(party)}
                for key, party in self.active[owner].items()
                if number in (None, key)
            ]
            if rows:
                return 200, rows
        return None

    def _log(self, entries: list[dict[str, Any]], party: Any, operation: str, token: str) -> None:  # noqa: ANN401
        if self.mistake == "history-parent-missing" and token not in OWN:
            return
        fraction = next(self.ticks)
        moment = NOW + timedelta(hours=1 if self.mistake == "ts-local-as-utc" else 0)
        entry = {
            "author": [{"identifier": [{"type": "ssin", "value": CALLERS[token]}]}],
            "target": {**party, "name": "A"},
            "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:06}Z",
            "operation": operation,
        }
        entries.insert(len(entries) if self.mistake == "unstable" else 0, entry)

    def play(self, *steps: Step) -> Judgement:
        """Compare the service with the model after steps of the patient."""
        player = Player(cast("CaseExecution", self), Person(PATIENT, "citizen"), PARTIES)
        player.begin()
        return player.play(steps)


def with_names(party: dict[str, Any]) -> dict[str, Any]:
    """Return a party with names, as an answer shows it."""
    return {**party, "name": "A", "firstName": "B" if party["qualificationCode"].startswith("pers") else None}


def broken(judgement: Judgement, severity: Severity = Severity.VIOLATION) -> set[str]:
    """Return the requirements that findings of a severity name."""
    rows = [row for row in judgement.findings if row.severity is severity]
    return {row.requirement.removeprefix(f"{SERVICE}/") for row in rows}


def played(service: Service, procedure: str) -> Judgement:
    """Play a procedure against a service."""
    return PROCEDURES[procedure](cast("CaseExecution", service))


@pytest.mark.parametrize("absent", [(404, ""), (400, "BIZ002")])
@pytest.mark.parametrize("procedure", ["as-found", "two-patients", "representatives", "professions"])
def test_service_without_mistake_is_not_accused(procedure: str, absent: tuple[int, str]) -> None:
    """Nothing there is told by 404, or by 400 with BIZ002: either is right."""
    judgement = played(Service(absent=absent), procedure)
    assert (broken(judgement), judgement.inconclusive_reason) == (set(), "")


@pytest.mark.parametrize(
    ("mistake", "procedure", "requirement"),
    [
        ("parent-delete-noop", "representatives", "5.4/revokes"),
        ("patient-is-caller", "representatives", "5.5/active-only"),
        ("history-parent-missing", "representatives", "5.6/every-change"),
        ("leak-filter", "two-patients", "5.5/active-only"),
    ],
)
def test_mistake_is_found(mistake: str, procedure: str, requirement: str) -> None:
    """What others than the patient do, and what others than the patient are shown, is looked at."""
    assert requirement in broken(played(Service(mistake), procedure))


def test_page_is_compared_with_a_full_history_that_is_fresh() -> None:
    """At the limit a history has the same length before and after a change, so that its length tells nothing."""
    service = Service()
    entry = {
        "author": [{"identifier": [{"type": "ssin", "value": PATIENT}]}],
        "target": {"identifier": [{"type": "ssin", "value": PARTIES[0].number}], "qualificationCode": "persnurse"},
        "timestamp": "2025-01-01T00:00:00Z",
    }
    words = ("REVOKE_EXCLUSION", "DECLARE_EXCLUSION")
    service.entries[PATIENT] = [entry | {"operation": words[number % 2]} for number in range(MOST_ENTRIES)]
    player = Player(cast("CaseExecution", service), Person(PATIENT, "citizen"), PARTIES)
    player.begin()
    steps = Step(Verb.DECLARE), Step(Verb.HISTORY, page_size=2), Step(Verb.REVOKE)
    assert broken(player.play(steps, thorough=False)) == set()


def test_failure_says_that_the_history_had_entries_before() -> None:
    """What fails after an earlier declaration may need it: the finding says so, and only where there was one."""
    service = Service("conflict-overwrites")
    steps = Step(Verb.DECLARE), Step(Verb.DECLARE_AGAIN)
    fresh = service.play(*steps).findings
    service.play(Step(Verb.REVOKE))
    again = service.play(*steps).findings
    assert not any("before" in finding.message for finding in fresh)
    assert any("the history had entries of these parties before" in finding.message for finding in again)


def test_clean_up_that_is_not_served_blocks() -> None:
    """A declaration after a revocation that failed says nothing about professions."""
    judgement = played(Service(revoking=503), "professions")
    assert judgement.inconclusive_reason == "the revocation before was not served: 503"
    assert broken(judgement) == set()


@pytest.mark.parametrize(("body", "is_clear"), [(b"", True), (b"<html><title>Not Found</title></html>", False)])
def test_page_with_404_does_not_clear_the_way(body: bytes, *, is_clear: bool) -> None:
    """404 says that nothing is active, but not where it comes with a page of something in front of the service."""
    request = Request("DELETE", "http://127.0.0.1/")
    answer = Response(404, "Not Found", (), body, len(body), "")
    exchange = Exchange("1", "x", Purpose.CONTROL, datetime.now(UTC), 0.1, request, answer)
    execution = cast("CaseExecution", SimpleNamespace(send=lambda *_: exchange, refused=lambda *_: False))
    with nullcontext() if is_clear else pytest.raises(Blocked, match="was not served: 404"):
        clear(execution, Template("revokeExclusion"))


@pytest.mark.parametrize(
    ("date", "severity"),
    [
        (timedelta(), Severity.VIOLATION),
        (timedelta(hours=1), Severity.OBSERVATION),
        (None, Severity.OBSERVATION),
    ],
)
def test_new_entry_has_the_moment_of_its_change(date: timedelta | None, severity: Severity) -> None:
    """Where the service's clock is known to be right, an entry's moment must not be an hour off."""
    judgement = Service("ts-local-as-utc", date=date).play(Step(Verb.DECLARE))
    assert "5.6/timestamp" in broken(judgement, severity)
    assert bool(broken(judgement)) is (severity is Severity.VIOLATION)


def test_order_is_told_by_fractions_of_a_second() -> None:
    """Entries of one second descend by what their own timestamps say."""
    steps = Step(Verb.DECLARE), Step(Verb.REVOKE)
    assert broken(Service("unstable").play(*steps)) == {"5.6/newest-first"}
    assert broken(Service().play(*steps)) == set()


def test_refused_declaration_changes_no_profession() -> None:
    """A declaration under another profession that is answered with 409 leaves the exclusion as it is."""
    steps = Step(Verb.DECLARE), Step(Verb.DECLARE_AGAIN)
    assert broken(Service("conflict-overwrites").play(*steps)) == {"5.3/conflict"}
    assert broken(Service().play(*steps)) == set()


@pytest.mark.parametrize(("mistake", "requirement"), [("", set()), ("history-endless", {"5.6/maximum"})])
def test_history_is_looked_at_around_its_limit(mistake: str, requirement: set[str]) -> None:
    """With one entry less than 1,500, as many, and one more: then the newest 1,500 are left."""
    service = Service(mistake)
    assert broken(played(service, "long-history")) == requirement
    assert len(service.entries[PATIENT]) == MOST_ENTRIES + 1


MANY = SPEC.cases[f"{SERVICE}/2.1/eleven-parties"]


@pytest.mark.parametrize(("mistake", "requirement"), [("", set()), ("at-most-ten", {"2.1/several-parties"})])
def test_more_parties_than_ten_are_excluded_and_revoked_again(mistake: str, requirement: set[str]) -> None:
    """The parties are made up for a local target, and none of them stays excluded, whatever was found."""
    service = Service(mistake, local=True, case=MANY)
    assert broken(played(service, "many-parties")) == requirement
    assert set(service.active[PATIENT]) <= {party.number for party in PARTIES}


def test_parties_are_made_up_for_a_local_target_only() -> None:
    """Elsewhere a number may have an owner one day."""
    with pytest.raises(MissingDataError, match="local"):
        played(Service(case=MANY), "many-parties")


def test_refusal_of_parties_that_nobody_knows_decides_nothing() -> None:
    """The authentic source may be asked who somebody is (erratum 8.1.3/unknown-party)."""
    judgement = played(Service("only-known", local=True, case=MANY), "many-parties")
    assert (broken(judgement), "nobody knows" in judgement.not_applicable_reason) == (set(), True)


def test_made_up_parties_are_valid_and_differ() -> None:
    """Each has a number of its own that a service cannot refuse for its digits."""
    numbers = [party.number for party in made_up_parties()]
    assert len(set(numbers)) == len(numbers) > 100
    assert [number for number in numbers if check(person_kind(number), number)] == []
