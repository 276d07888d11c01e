"""Therapeutic Exclusion: independent implementations, conforming and lying, and what a run leaves behind.

All variants take minutes; by default one or two run for each rule that may be broken, and each run ends with what it is
meant to find. With EHEALTH_ALL_PEERS=1 all run to their end.
"""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.contracts.loading import load_spec
from conformance.evidence.store import read_exchanges
from conformance.formats.documents import dump
from tests.campaigns import run_suite, sample, told
from tests.peers import therapeutic_exclusion as peers

SERVICE = "therapeutic-exclusion"

REQUIREMENTS = {
    "declare.status": "5.3/created 5.3/declares 8.1.2/internal-error",
    "declare.exists": "5.3/conflict 5.3/declares 8.1.3/biz001",
    "declare.effect": "5.3/declares 5.5/all 5.5/active-only 5.3/conflict",
    "declare.patient": "8.1.3/val001 8.1.3/val002 5.3/identifier-types",
    "declare.party": "8.1.3/val002 8.1.3/val005 8.1.3/val006-invalid 5.3/identifier-types",
    "declare.qualification": "8.1.3/val008 2.1/listed-parties-only 5.3/qualification-needed",
    "declare.message": "8.1.3/validation",
    "revoke.status": "5.4/no-content 5.4/revokes",
    "revoke.absent": "5.4/not-found 8.1.3/biz002",
    "revoke.effect": "5.4/revokes 5.4/matching-only 5.5/active-only",
    "revoke.patient": "8.1.3/val001 8.1.3/val002",
    "revoke.party": "8.1.3/val005 8.1.3/val006-both 8.1.3/val006-invalid",
    "consult.status": "5.5/success 5.5/all",
    "consult.absent": "5.5/not-found",
    "consult.json": "5.5/list",
    "consult.content_type": "5.5/list",
    "consult.patient": "5.5/patient 5.5/active-only",
    "consult.hcParty": "5.5/hc-party 5.5/hc-party-identifier 5.5/qualification-code 5.5/name 5.5/first-name",
    "consult.names": "5.3/practitioner-names 5.3/organisation-name",
    "consult.complete": "5.5/all 5.3/declares 5.4/matching-only",
    "consult.others": "5.5/active-only 5.5/all 5.3/conflict",
    "consult.party": "8.1.3/val006-both 8.1.3/val006-invalid",
    "consult.filter.ssin": "5.5/by-ssin 5.5/not-found",
    "consult.filter.nihii": "5.5/by-nihii 5.5/not-found",
    "history.status": "5.6/success 5.6/all",
    "history.absent": "5.6/not-found",
    "history.json": "5.6/list",
    "history.author": "5.6/author 5.6/author-responsible",
    "history.target": "5.6/hc-party 5.6/every-change",
    "history.timestamp": "5.6/timestamp",
    "history.operation": "5.6/operation 5.6/every-change",
    "history.order": "5.6/newest-first",
    "history.pageSize": "5.6/page-size 5.6/every-change",
    "history.limit": "5.6/maximum",
    "history.complete": "5.6/every-change 5.6/all",
    "history.others": "5.6/all 5.6/every-change",
    "error.body": "8.1.3/error-body",
    "error.code": "8.1.3/error-code",
    "error.message": "8.1.3/error-message",
    "health.status": "5.1.1/health",
    "practitioner.professions": "2.1/all-professions 2.1/practitioner",
    "auth.missing": "5.1.1/token-required",
    "auth.malformed": "5.1.1/token-required",
    "auth.signature": "5.1.1/token-authentic",
    "auth.expired": "5.1.1/token-expired",
    "auth.role": "5.1.1/rest-access",
    "auth.monitoring": "5.1.1/monitoring 5.1.1/health",
    "auth.mandate": "5.1.1/mandate-type",
    "auth.patient": "8.1.3/biz003",
}
"""For each documented rule that a variant may break, the requirements of which one has to be named."""


def target_file(folder: Path, section: Mapping[str, Any], **limits: float) -> Path:
    """Write a target file for a peer."""
    target = folder / "target.yaml"
    services = {SERVICE: dict(section)}
    target.write_text(dump({"name": "peer", "environment": "local", "limits": limits, "services": services}))
    return target


def violated(document: Mapping[str, Any]) -> set[str]:
    """Return the requirements that violations name."""
    findings = [finding for case in document["cases"] for finding in case["findings"]]
    return {row["requirement"].partition("/")[2] for row in findings if row["severity"] == "violation"}


CONFORMING = [name for name, variant in peers.VARIANTS.items() if variant.conforming]
UNDECIDED = "health-monitoring-refused"
"""A service that refuses the only token for its monitoring looks like one that got a token without the role."""
DEFECTIVE = [name for name, variant in peers.VARIANTS.items() if not variant.conforming and name != UNDECIDED]


@pytest.mark.whole_run
@pytest.mark.parametrize("name", sample(peers.VARIANTS, CONFORMING, 10))
def test_conforming_implementation_raises_no_alarm(tmp_path: Path, name: str) -> None:
    """What the cookbook leaves open, each implementation may do as it likes."""
    with peers.serve(name) as section:
        document = run_suite(tmp_path, SERVICE, section, examples=2)
    assert violated(document) == set()
    assert document["run"]["exit_code"] == 0


@pytest.mark.whole_run
@pytest.mark.parametrize("name", sample(peers.VARIANTS, DEFECTIVE, 6))
def test_defect_is_found_and_named(tmp_path: Path, name: str) -> None:
    """Each single defect gives a failing case whose finding names the requirement broken."""
    wanted = REQUIREMENTS[peers.VARIANTS[name].field].split()
    with peers.serve(name) as section:
        until = {f"{SERVICE}/{requirement}" for requirement in wanted}
        document = run_suite(tmp_path, SERVICE, section, examples=4, until=until)
    assert document["run"]["exit_code"] == 1
    assert violated(document) & set(wanted)


@pytest.mark.whole_run
def test_refused_token_that_never_served_decides_nothing(tmp_path: Path) -> None:
    """Whether the service or the token is wrong cannot be told: the cases that need it are inconclusive, and say so."""
    with peers.serve(UNDECIDED) as section:
        document = run_suite(tmp_path, SERVICE, section, examples=1)
    assert document["run"]["exit_code"] == 3
    undecided = {case["id"]: case["reason"] for case in document["cases"] if case["verdict"] == "inconclusive"}
    assert {name.partition("/5.1.1/health")[0] for name in undecided} == {SERVICE}
    assert "'monitoring'" in undecided[f"{SERVICE}/5.1.1/health"]
    assert violated(document) == set()


def test_each_rule_is_broken_by_a_variant_of_the_sample() -> None:
    """However few variants run by default, no rule that one may break is left out."""
    broken = {peers.VARIANTS[name].field for name in sample(peers.VARIANTS, DEFECTIVE, 6)}
    assert broken == {peers.VARIANTS[name].field for name in DEFECTIVE}


def test_every_error_code_has_a_case() -> None:
    """Each code of the catalogue is wanted by some expectation that a case uses."""
    spec = load_spec(SERVICE)
    wanted = {code for case in spec.cases.values() for clause in case.expectation.clauses for code in clause.codes}
    assert spec.contract.errors.keys() <= wanted


@pytest.mark.whole_run
def test_no_token_is_ever_written(tmp_path: Path) -> None:
    """No file of a run folder holds a token or a part of one; each is replaced by its role."""
    out = tmp_path / "out"
    with peers.serve(CONFORMING[0]) as section:
        target = target_file(tmp_path, section)
        assert told("run", "--target", target, "--out", out, "--examples", "1", cwd=tmp_path).returncode == 0
        tokens = [str(token) for token in section["tokens"].values()]
    (run,) = out.iterdir()
    text = "".join(path.read_text("utf-8", "replace") for path in run.rglob("*") if path.is_file())
    assert '"token":"citizen"' in text or '"token": "citizen"' in text
    assert not [token for token in tokens if token in text or token.rpartition(".")[2] in text]


@pytest.mark.whole_run
def test_active_exclusions_are_restored(tmp_path: Path) -> None:
    """After a run the patient's active exclusions are what they were, and the summary tells how the history grew."""
    with peers.serve(CONFORMING[0]) as section:
        before = active(tmp_path / "before", section)
        document = run_suite(tmp_path, SERVICE, section, examples=1)
        after = active(tmp_path / "after", section)
    assert document["run"]["exit_code"] == 0
    assert before == after
    assert re.search(
        r"the active exclusions are as before .*history grew by \d+ (entry|entries)", document["run"]["notes"][0]
    )


@pytest.mark.whole_run
def test_active_exclusions_are_restored_when_the_budget_is_used_up(tmp_path: Path) -> None:
    """A part of the budget is kept for restoring, and no more than the budget is sent."""
    out = tmp_path / "out"
    with peers.serve(CONFORMING[0]) as section:
        before = active(tmp_path / "before", section)
        done = told("run", "--target", target_file(tmp_path, section, budget=60), "--out", out, cwd=tmp_path)
        assert done.returncode == 3
        assert "the active exclusions are as before" in done.stdout
        (run,) = out.iterdir()
        assert len(list(read_exchanges(run))) <= 60
        assert active(tmp_path / "after", section) == before


@pytest.mark.whole_run
def test_active_exclusions_are_restored_after_an_interruption(tmp_path: Path) -> None:
    """Ctrl-C in the middle restores them too, with everything exchanged on disk."""
    with peers.serve(CONFORMING[0]) as section:
        before = active(tmp_path / "before", section)
        target = target_file(tmp_path, section, rate=20)
        command = [sys.executable, "-m", "conformance", "run", "--target", str(target), "--out", "out"]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
            try:
                wait_for_exchanges(process, tmp_path / "out", 15)
                process.send_signal(signal.SIGINT)
                output, _ = process.communicate(timeout=600)
            finally:
                process.kill()
        assert process.returncode == 130
        assert "the active exclusions are as before" in output
        assert active(tmp_path / "after", section) == before


def wait_for_exchanges(process: subprocess.Popen[str], parent: Path, number: int) -> None:
    """Wait until a run under way has written as many exchanges, the first dozen of which change what is active."""
    end = time.monotonic() + 600
    while not any(len(list(read_exchanges(run))) >= number for run in parent.glob("*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


def active(folder: Path, section: Mapping[str, Any]) -> list[str]:
    """Return what a consultation of the patient gives, asked by one case of the suite."""
    folder.mkdir()
    run_suite(folder, SERVICE, section, cases=(f"{SERVICE}/5.1.2/user-agent-with-letters",))
    row = next(row for row in read_exchanges(folder / "run") if row["purpose"] == "twin")
    if row["response"]["status"] == 404:
        return []
    return sorted(json.dumps(entry["hcParty"]["identifier"]) for entry in json.loads(row["response"]["body"]["text"]))
