"""Tests of running SOAP cases against services: who is refused, what is out, what is on disk, and runs alike."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from conformance.engine.plan import Selection, make_plan
from conformance.evidence.store import FILE, read_exchanges
from conformance.formats.documents import dump
from conformance.model.case import Listed, Message, Template
from conformance.model.result import CaseResult
from conformance.model.verdict import Verdict
from conformance.reporting.outputs import write_outputs
from conformance.target.reading import choose_services, load_target
from tests.campaigns import begin
from tests.peers.dossier_number_generation import serve
from tests.peers.dossier_world import EHP, NIHII, PASSWORD, PERSON, world
from tests.peers.server import PREFIX, Answer, Handler, Request, serving

SERVICE = "dossier-number-generation"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
OWN = "urn:be:fgov:ehealth:dossiernumbergeneration:protocol:v1"
NAMES = {"physician": PERSON, "center": NIHII, "hub": EHP}


class Bench:
    """A campaign against a service, and what it left on disk."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], *, seed: int = 1, **target: Any) -> None:  # noqa: ANN401
        """Make a campaign for a target that differs from a local one as told."""
        folder.mkdir()
        data = {"name": "x", "environment": "local", "limits": {"timeout": 30}, "services": {SERVICE: dict(settings)}}
        (folder / "target.yaml").write_text(dump(data | target), encoding="utf-8")
        chosen = load_target(str(folder / "target.yaml"))
        plan = make_plan(chosen, choose_services(chosen, ()), Selection(), seed=seed, examples=4)
        self.folder = folder / "run"
        self.folder.mkdir()
        self.campaign = begin(plan, self.folder)
        self.pauses: list[float] = []
        self.campaign.runner(SERVICE).session.pause = self.pauses.append

    def __call__(self, name: str, **changes: Any) -> CaseResult:  # noqa: ANN401 - of a case
        """Run a case, changed as told, and keep its result."""
        case = next(one for one in self.campaign.plan.cases if one.id == f"{SERVICE}/{name}")
        case = replace(case, **changes)
        result = self.campaign.run(case)
        self.campaign.tally.add(result)
        return result

    @property
    def records(self) -> list[dict[str, Any]]:
        """Return the exchanges on disk."""
        return list(read_exchanges(self.folder))


Opener = Callable[..., Bench]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Opener]:
    """Return a function that serves a variant or a handler and gives a bench against it."""
    numbers = count()
    with ExitStack() as stack:

        def open_bench(
            peer: str | Handler = "plain",
            settings: Mapping[str, Any] | None = None,
            **target: Any,  # noqa: ANN401
        ) -> Bench:
            served: Mapping[str, Any]
            if isinstance(peer, str):
                served = stack.enter_context(serve(peer))
            else:
                base = stack.enter_context(serving(peer)).removesuffix(PREFIX.rstrip("/"))
                served = {"endpoint": f"{base}/dossiers", "callers": callers(*NAMES)}
            opened = Bench(tmp_path / str(next(numbers)), {**served, **(settings or {})}, **target)
            stack.callback(opened.campaign.close)
            return opened

        yield open_bench


def callers(*names: str) -> dict[str, Any]:
    """Return callers of a target file, by the name of their kind."""
    return {name: world().holders[NAMES[name]].section() for name in names}


def mixed(key: str, assertion: str) -> dict[str, Any]:
    """Return a caller that has one's key and another one's assertion."""
    own, other = world().holders[NAMES[key]].section(), world().holders[NAMES[assertion]].section()
    return {**other, "keystore": own["keystore"]}


BARE = Answer(
    500,
    f"<s:Envelope xmlns:s='{SOAP}' xmlns:w='{WSSE}'><s:Body><s:Fault><faultcode>w:FailedAuthentication</faultcode>"
    "<faultstring>no</faultstring></s:Fault></s:Body></s:Envelope>".encode(),
    headers={"Content-Type": "text/xml"},
)
"""A fault in the words of WS-Security itself."""


def fault(code: str, origin: str = "Provider") -> Answer:
    """Return a fault that is right in everything."""
    error = (
        f'<e:SystemError xmlns:e="urn:be:fgov:ehealth:errors:soa:v1"><Origin>{origin}</Origin><Code>{code}</Code>'
        "<Message>No</Message><e:Environment>Acceptation</e:Environment></e:SystemError>"
    )
    body = f"<s:Fault><faultcode>s:Server</faultcode><faultstring>No</faultstring><detail>{error}</detail></s:Fault>"
    text = f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{body}</s:Body></s:Envelope>'
    return Answer(500, text.encode(), headers={"Content-Type": "text/xml"})


def obliging(outage: Callable[[str], bool] = lambda _: False) -> Handler:
    """Serve whoever comes, but for messages during which the service is out."""
    numbers = count(1)

    def handle(request: Request) -> Answer:
        text = request.body.decode()
        if outage(text):
            return fault("SOA-02001")
        own = re.search(r'GenerateCovidIdRequest[^>]*? Id="([^"]+)"', text)
        reply = f' InResponseTo="{own[1]}"' if own else ""
        number, now = next(numbers), datetime.now(UTC).isoformat()
        body = (
            f'<d:GenerateCovidIdResponse xmlns:d="{OWN}" Id="_a{number}"{reply} IssueInstant="{now}">'
            '<c:Status xmlns:c="urn:be:fgov:ehealth:commons:core:v2">'
            '<c:StatusCode Value="urn:be:fgov:ehealth:2.0:status:Success"/></c:Status>'
            f"<CovidDossierIdentifier>CV-{number}</CovidDossierIdentifier></d:GenerateCovidIdResponse>"
        )
        answer = f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{body}</s:Body></s:Envelope>'
        return Answer(200, answer.encode(), headers={"Content-Type": "text/xml"})

    return handle


def last_name(text: str) -> str:
    """Return the last name in a request."""
    found = re.search(r"<LastName>([^<]*)", text)
    return found[1] if found else ""


# ------------------------------------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("name", "exchanges"),
    [
        ("7.2/last-name-only-person", 1),
        ("7.2/all-fields-nihii-institution", 2),
        ("7.2/no-last-name-cbe-institution", 2),
        ("7.2/physician-requester-person", 10),
        ("5.2.1.2/persons", 11),
        ("4/no-signature", 2),
    ],
)
def test_case_that_holds_passes(bench: Opener, name: str, exchanges: int) -> None:
    """A service that is right passes, with what was sent on disk."""
    opened = bench()
    result = opened(name)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert sum(result.evaluated.values()) > 5
    assert len(result.exchanges) == len(opened.records) <= exchanges
    assert {record["response"]["status"] for record in opened.records} <= {200, 500}


def test_service_that_is_wrong_fails_with_its_reason(bench: Opener) -> None:
    """A defect fails the case that is about it, by the requirement that it breaks."""
    result = bench("unserved-person")("7.2/last-name-only-person")
    assert result.verdict is Verdict.FAIL
    assert result.reason.startswith(f"{SERVICE}/4/response: ")


@pytest.mark.parametrize(
    ("peer", "words"),
    [
        ("plain", "fault SOA-01001"),
        (lambda _: BARE, "fault without code"),
        (lambda _: Answer(403, b"<html/>", headers={"Content-Type": "text/html"}), "403"),
    ],
    ids=["code", "WS-Security", "HTTP"],
)
@pytest.mark.parametrize(
    "name", ["7.2/last-name-only-person", "7.2/all-fields-person", "4/no-signature", "5.2.1.2/persons"]
)
def test_refused_caller_is_nobodys_failure(bench: Opener, peer: str | Handler, words: str, name: str) -> None:
    """A caller whose key is not that of its assertion decides nothing, whatever words the gateway has for it."""
    opened = bench(peer, {"callers": {"physician": mixed("center", "physician")}})
    result = opened(name)
    assert (result.verdict, result.findings) == (Verdict.INCONCLUSIVE, ())
    assert result.reason.startswith("every plain request, sent with the caller 'physician', was answered ")
    assert words in result.reason


def test_refused_caller_does_not_stand_in_the_way_of_another(bench: Opener) -> None:
    """Of two callers of a kind each plays; one that is refused leaves the case undecided, not failed."""
    both = {"broken": mixed("center", "physician"), **callers("physician")}
    result = bench("plain", {"callers": both})("7.2/last-name-only-person")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reason.startswith("the caller 'broken' was refused with fault SOA-01001")
    assert len(result.exchanges) == 2


def test_violation_seen_by_one_caller_is_no_less_for_another_that_is_refused(bench: Opener) -> None:
    """What one caller has shown fails the case, although another one could not play it."""
    both = {"broken": mixed("center", "physician"), **callers("physician")}
    result = bench("identifier-missing", {"callers": both})("7.2/last-name-only-person")
    assert result.verdict is Verdict.FAIL


def test_assertion_that_has_run_out_is_nobodys_failure(bench: Opener, tmp_path: Path) -> None:
    """Where a caller's assertion does not hold any more, nothing is sent and the reason says what to do."""
    old = tmp_path / "old.saml.xml"
    stored = world().holders[PERSON].assertion.read_text("utf-8")
    old.write_text(re.sub(r'NotOnOrAfter="\d{4}', 'NotOnOrAfter="2020', stored), "utf-8")
    opened = bench("plain", {"callers": {"physician": {**callers("physician")["physician"], "assertion": str(old)}}})
    result = opened("7.2/last-name-only-person")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "it expired at 2020-" in result.reason
    assert opened.records == []


def test_each_caller_of_a_kind_plays(bench: Opener) -> None:
    """Two persons play a case of persons, one after the other, and its findings are told once."""
    two = {"first": callers("physician")["physician"], "second": callers("physician")["physician"], **callers("hub")}
    opened = bench("plain", {"callers": two})
    assert opened("7.2/all-fields-person").verdict is Verdict.PASS
    assert len(opened.records) == 4
    assert opened("7.2/all-fields-ehp-institution").verdict is Verdict.PASS
    assert len(opened.records) == 6


def test_case_of_no_kind_is_played_once(bench: Opener) -> None:
    """A case that is about the message, and not about who sends it, is sent by the first caller."""
    two = {"first": callers("hub")["hub"], **callers("physician")}
    opened = bench("plain", {"callers": two})
    opened("5.2.2.2/gender-female")
    assert len(opened.records) == 2
    assert all(world().holders[EHP].identity in record["request"]["body"]["text"] for record in opened.records)


def test_kind_left_out_is_not_applicable(bench: Opener) -> None:
    """A target without a caller of a kind says so in the reason, and nothing is sent."""
    opened = bench("plain", {"callers": callers("physician")})
    result = opened("7.2/last-name-only-cbe-institution")
    assert (result.verdict, result.reason) == (
        Verdict.NOT_APPLICABLE,
        "the target gives no caller of the kind cbe institution",
    )
    assert opened.records == []


def test_sweep_without_a_message_is_not_applicable(bench: Opener) -> None:
    """Where the schema at hand refuses no message of a sort, there is nothing to check."""
    nothing_typed = Template("generate", body=Message(values={"last_name": "X"}))
    result = bench(obliging())("8/values-broken", request=nothing_typed, control=None)
    assert (result.verdict, result.reason) == (
        Verdict.NOT_APPLICABLE,
        "the WSDL's schema refuses no message of this sort",
    )


def test_security_is_not_probed_where_the_target_does_not_want_it(bench: Opener) -> None:
    """Cases that break security are not run on a target that is not intrusive, all others are."""
    opened = bench(intrusive=False)
    result = opened("4/no-signature")
    assert (result.verdict, result.limited) == (Verdict.NOT_RUN, False)
    assert "intrusive: false" in result.reason
    assert opened.records == []
    assert opened("7.2/all-fields-person").verdict is Verdict.PASS


# ----------------------------------------------------------------------------------------------------- out and silent


@pytest.mark.parametrize("name", ["7.2/last-name-only-person", "7.2/all-fields-person", "8/elements-missing"])
def test_service_that_is_out_is_not_judged(bench: Opener, name: str) -> None:
    """A service that says of every message that it is not available decides nothing."""
    result = bench(obliging(lambda _: True))(name)
    assert (result.verdict, result.findings) == (Verdict.INCONCLUSIVE, ())
    assert re.search(r"not available|SOA-02001", result.reason)


def test_service_that_asks_to_wait_is_asked_again_with_a_new_message(bench: Opener) -> None:
    """A service that is temporarily not available is waited for as after 503, and gets no message twice."""
    turns, good = count(), obliging()
    opened = bench(lambda request: good(request) if next(turns) else fault("SOA-02002"))
    result = opened("7.2/last-name-only-person")
    assert (result.verdict, opened.pauses) == (Verdict.PASS, [1.0])
    ids = {re.findall(r'Request[^>]*? Id="([^"]+)"', str(record["request"]["body"]))[0] for record in opened.records}
    assert len(ids) == 2


def test_service_that_is_out_for_good_is_not_waited_for(bench: Opener) -> None:
    """Where a service says that a retry does not help, none is made."""
    opened = bench(obliging(lambda _: True))
    opened("7.2/last-name-only-person")
    assert opened.pauses == []


def test_whole_family_of_requests_is_asked_before_a_service_is_said_to_be_out(bench: Opener) -> None:
    """The witness and each other caller are tried, so that it is not this message or this caller alone."""
    opened = bench(obliging(lambda _: True))
    opened("7.2/last-name-only-person")
    assert [record["purpose"] for record in opened.records] == ["probe", "twin", "twin", "twin"]


@pytest.mark.parametrize("name", ["7.2/last-name-only-person", "5.2.2.2/phone-number"])
def test_outage_for_the_tested_message_alone_is_a_failure(bench: Opener, name: str) -> None:
    """Where another message is served, an outage is no excuse."""

    def outage(text: str) -> bool:
        return ("PhoneNumber" in text) if "phone" in name else last_name(text) == "COVID_LASTNAME_TEST"

    result = bench(obliging(outage))(name)
    assert result.verdict is Verdict.FAIL
    assert result.findings[0].actual == "fault SOA-02001"


def test_outage_for_one_caller_alone_is_a_failure(bench: Opener) -> None:
    """Where others are served, a caller that never is shows a defect."""
    own = world().holders[PERSON].identity
    result = bench(obliging(lambda text: own in text))("7.2/last-name-only-person")
    assert result.verdict is Verdict.FAIL


def test_outage_is_told_from_a_failure_although_another_caller_cannot_speak(bench: Opener, tmp_path: Path) -> None:
    """A caller without an assertion that holds is no witness, but the next one is."""
    old = tmp_path / "old.saml.xml"
    stored = world().holders[EHP].assertion.read_text("utf-8")
    old.write_text(re.sub(r"NotOnOrAfter='\d{4}", "NotOnOrAfter='2020", stored), "utf-8")
    three = {"lost": {**callers("hub")["hub"], "assertion": str(old)}, **callers("physician", "center")}
    own = world().holders[PERSON].identity
    result = bench(obliging(lambda text: own in text), {"callers": three})("7.2/last-name-only-person")
    assert result.verdict is Verdict.FAIL


def test_sweep_ends_where_the_service_is_out(bench: Opener) -> None:
    """A service that goes out in the middle of a sweep is not asked for all the rest."""
    seen = count()
    opened = bench(obliging(lambda _: next(seen) > 3))
    result = opened("5.2.1.2/similar-persons")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert len(opened.records) < 10


def test_row_that_the_wsdl_does_not_take_leaves_the_others(bench: Opener) -> None:
    """Where one value cannot be sent, the rows behind it are sent and judged; where none can, the case says why."""
    opened = bench("plain")
    lost, sent = {"values": {"last_name": "X\x00"}}, {"values": {"last_name": "Xa"}}
    result = opened("5.2.1.2/similar-persons", probe=Listed((lost, sent)))
    assert result.verdict is Verdict.PASS
    assert len(opened.records) == 2
    result = opened("5.2.1.2/similar-persons", probe=Listed((lost,)))
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert "XML cannot carry a character" in result.reason


def test_dead_endpoint_is_not_judged(bench: Opener) -> None:
    """Where nobody answers the cases are undecided, and after three of them nothing more is sent."""
    opened = bench("plain", {"endpoint": "http://127.0.0.1:1/dossiers"})
    names = ("7.2/last-name-only-person", "7.2/all-fields-person", "4/no-signature", "5.2.2.2/gender-male")
    results = [opened(name) for name in names]
    assert {one.verdict for one in results} == {Verdict.INCONCLUSIVE}
    assert len(opened.records) == 3
    assert "not sent: 3 cases before it had no answer" in results[-1].reason


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_busy_gateway_is_waited_for_and_not_judged(bench: Opener, status: int) -> None:
    """A gateway under load is asked again after a while, and then decides nothing."""
    opened = bench(lambda _: Answer(status, b"busy"))
    result = opened("7.2/last-name-only-person")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert opened.pauses
    assert len({record["request"]["sha256"] for record in opened.records}) == 1


def test_budget_that_is_used_up_leaves_cases_unrun(bench: Opener) -> None:
    """When no request is left, a case is not run, and says that it was for want of budget."""
    opened = bench(limits={"budget": 3})
    assert opened("7.2/all-fields-person").verdict is Verdict.PASS
    result = opened("7.2/all-fields-nihii-institution")
    assert (result.verdict, result.limited) == (Verdict.NOT_RUN, True)
    assert "budget of 3 requests" in result.reason
    assert len(opened.records) == 3


def test_violation_found_before_the_budget_ends_stays_found(bench: Opener) -> None:
    """A sweep that had found a violation fails, although it could not be finished."""
    opened = bench(obliging(), limits={"budget": 3})
    result = opened("8/elements-missing")
    assert result.verdict is Verdict.FAIL
    assert len(opened.records) == 3


def test_violation_of_one_caller_stays_found_where_the_budget_ends_with_another(bench: Opener) -> None:
    """A case fails by its first caller although its second had no request left."""
    two = {"first": callers("physician")["physician"], "second": callers("physician")["physician"]}
    opened = bench(obliging(), {"callers": two}, limits={"budget": 3})
    assert opened("7.2/no-last-name-person").verdict is Verdict.FAIL


# ------------------------------------------------------------------------------------------------------------ evidence


WHOLE = (
    "7.2/all-fields-person",
    "7.2/no-last-name-nihii-institution",
    "4/no-signature",
    "4/foreign-key",
    "4/no-assertion",
)


def test_no_credential_reaches_the_disk(bench: Opener) -> None:
    """Neither assertion nor key nor password is in any file of the run, whoever repeats them."""

    def repeating(request: Request) -> Answer:
        return Answer(500, request.body + PASSWORD.encode(), headers={"X-Seen": PASSWORD, "Content-Type": "text/xml"})

    for peer in ("plain", repeating):
        opened = bench(peer)
        for name in (*WHOLE, "7.2/last-name-only-ehp-institution", "7.2/last-name-only-nihii-institution"):
            opened(name)
        opened.campaign.close()
        write_outputs(opened.campaign)
        text = "".join(path.read_text("utf-8", "replace") for path in opened.folder.rglob("*") if path.is_file())
        assert (opened.folder / FILE).read_bytes().isascii()
        for holder in world().holders.values():
            written = json.dumps(holder.element.decode())[1:-1]
            for piece in (written, holder.assertion_id + '"', "ConfirmationMethod", "AttributeStatement", PASSWORD):
                assert piece not in text
            key = holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().splitlines()
            assert key[1] not in text
        assert '{\\"assertion\\": \\"physician\\"}' in text


def test_record_proves_the_bytes_that_were_sent(bench: Opener) -> None:
    """With the assertion's bytes in the place of its reference, a recorded request has the hash and length it says."""
    opened = bench()
    for name in WHOLE:
        opened(name)
    names = {"physician": PERSON, "center": NIHII}
    found = set()
    for record in opened.records:
        text = record["request"]["body"]["text"]
        for name, kind in names.items():
            reference = json.dumps({"assertion": name})
            found |= {name} if reference in text else set()
            text = text.replace(reference, world().holders[kind].element.decode())
        body = text.encode()
        assert record["request"]["length"] == len(body)
        assert record["request"]["sha256"] == hashlib.sha256(body).hexdigest()
    assert found == {"physician", "center"}


def test_record_has_the_header_fields_of_soap(bench: Opener) -> None:
    """Who asks, the action in quotes and the media type are on record."""
    opened = bench(identity={"user_agent": "myProduct/1 Technical/2", "from": "info@mycompany.be"})
    opened("7.2/last-name-only-person")
    [record] = opened.records
    fields = dict(record["request"]["headers"])
    assert (fields["User-Agent"], fields["From"]) == ("myProduct/1 Technical/2", "info@mycompany.be")
    assert re.fullmatch(r'"[^"]+"', fields["SOAPAction"])
    assert fields["Content-Type"].startswith("text/xml")
    assert record["request"]["method"] == "POST"


# ---------------------------------------------------------------------------------------------------------- once more


def test_same_seed_gives_the_same_run(bench: Opener) -> None:
    """Two runs with one seed have the same verdicts and findings, by as many exchanges, with the same persons."""
    names = ("5.2.1.2/persons", "5.2.1.1/request-ids", "7.2/physician-requester-person", "8/values-broken")
    seen = []
    for seed in (7, 7, 8):
        opened = bench(seed=seed)
        results = [opened(name) for name in names]
        persons = [re.findall(r"<Person>.*</Person>", row["request"]["body"]["text"]) for row in opened.records]
        told = [[(one.requirement, one.message, one.actual) for one in result.findings] for result in results]
        seen.append(
            ([result.verdict for result in results], told, [len(result.exchanges) for result in results], persons)
        )
    assert seen[0] == seen[1]
    assert seen[0][0] == seen[2][0] == [Verdict.PASS] * 4
    assert seen[0][3] != seen[2][3]


def test_defect_is_found_again_by_the_same_seed(bench: Opener) -> None:
    """A property that does not hold fails by the same smallest example at each run."""
    found = []
    for _ in range(2):
        opened = bench("unserved-accent", seed=3)
        runner = opened.campaign.runner(SERVICE)
        runner.context = replace(runner.context, examples=20)
        result = opened("5.2.1.2/persons")
        last = next(row for row in opened.records if row["id"] == result.deciding[-1])
        found.append((result.verdict, result.reason, len(result.exchanges), last_name(last["request"]["body"]["text"])))
    assert found[0] == found[1]
    assert found[0][0] is Verdict.FAIL
