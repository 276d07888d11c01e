"""Sets Schemathesis and this harness on the same faulty platform, in turns in one run: what each finds, and how fast.

    python benchmarks/compare_schemathesis.py --write docs/schemathesis.md

Both are started as processes, each against a local platform of its own with the same seeded fault, with the same
contract, seed, test data and credentials, with their reports on. docs/schemathesis.md says how, and what the numbers
do not say. Schemathesis is installed into a virtual environment of its own; nothing else leaves this machine.

Ends with 1 where Schemathesis finds a fault that the harness misses, where the harness takes more wall time, or where
it checks less than 3 times the cases a second.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from platforms import local_platform, tail

import conformance
from conformance import __version__
from conformance.catalogue.listing import all_faults, find_fault
from conformance.contracts.loading import load_spec
from conformance.model.errors import UsageError
from conformance.model.fault import Answer, Ask, Fault, FaultConsequence

SERVICE = "therapeutic-exclusion"
TIMES = 3.0
"""How many times Schemathesis's checked cases a second the harness has to reach."""
BEGIN = "<!-- compare_schemathesis.py writes from here -->"
END = "<!-- to here -->"
TRIED = 40
"""Examples an operation in the run that tells how many of them make as many cases as the harness has."""
REPORTS = "junit,html,allure,ndjson"
"""The counterparts of junit.xml, report.html, allure-results and exchanges.jsonl."""
IDENTITY = {
    "User-Agent": "myProduct/62.310.4 Technical/3.19.0",
    "From": "info@mycompany.be",
}
CHECKED = frozenset({"probe", "twin"})
"""Purposes of the exchanges whose answers the harness judges; others guard or restore the service's state."""
WEIGHS = {
    FaultConsequence.VIOLATION: frozenset({"violation"}),
    FaultConsequence.WARNING: frozenset({"violation", "warning"}),
    FaultConsequence.OBSERVATION: frozenset({"violation", "warning", "observation"}),
    FaultConsequence.INCONCLUSIVE: frozenset({"violation", "inconclusive"}),
}
"""What has to be said of a requirement for a fault to count as found."""
_PATIENT = "$request.body#/patient/identifier/0/value"
_CREATED = {
    "consult": {
        "operationId": "getExclusions",
        "parameters": {"path.patientSsin": _PATIENT},
    },
    "history": {
        "operationId": "getHistory",
        "parameters": {"path.patientSsin": _PATIENT},
    },
    "revoke": {
        "operationId": "revokeExclusion",
        "parameters": {
            "query.patientSsin": _PATIENT,
            "query.hcPartySsin": "$request.body#/hcParty/identifier/0/value",
        },
    },
}
_REVOKED = {
    "consult": {
        "operationId": "getExclusions",
        "parameters": {
            "path.patientSsin": "$request.query.patientSsin",
            "query.hcPartySsin": "$request.query.hcPartySsin",
        },
    },
    "history": {
        "operationId": "getHistory",
        "parameters": {"path.patientSsin": "$request.query.patientSsin"},
    },
}
LINKS = (
    ("post", "201", _CREATED),
    ("post", "409", _CREATED),
    ("delete", "204", _REVOKED),
)
"""Links of /therapeuticExclusions, without which the stateful phase has no step to take."""
_TIMEOUT = 1800


@dataclass(frozen=True, slots=True, order=True)
class Alarm:
    """What a tool reports: a kind of failure with its status at an operation, or a severity at a requirement."""

    what: str
    where: str

    def __str__(self) -> str:
        """Return what a reader should see."""
        return f"{self.what} at {self.where}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run of a tool ended: wall time, cases checked by phase or purpose, and all that it reports."""

    seconds: float
    counted: Counter[str]
    alarms: frozenset[Alarm]

    @property
    def cases(self) -> int:
        """Return how many cases were checked."""
        return self.counted.total()


@dataclass(frozen=True, slots=True)
class Trial:
    """Both tools against the platform with one fault, or without one."""

    fault: Fault | None
    peer: Outcome
    own: Outcome


@dataclass(slots=True)
class Comparison:
    """All that was measured: `calm` are the rounds on the faultless platform, `trials` those with a fault."""

    version: str
    examples: int
    seed: int
    left_out: Sequence[Fault]
    calm: list[Trial] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)

    def alarms(self) -> tuple[frozenset[Alarm], frozenset[Alarm]]:
        """Return what each tool reported on the faultless platform."""
        peer = frozenset[Alarm]().union(*(one.peer.alarms for one in self.calm))
        return peer, frozenset[Alarm]().union(*(one.own.alarms for one in self.calm))

    def found_by_peer(self, trial: Trial) -> list[Alarm]:
        """Return what Schemathesis reported with a fault, and never without one."""
        return sorted(trial.peer.alarms - self.alarms()[0])

    def found_by_own(self, trial: Trial) -> list[Alarm]:
        """Return what the harness said of the fault's requirements, heavy enough, and never without the fault."""
        fault = trial.fault
        if fault is None:
            return []
        new = trial.own.alarms - self.alarms()[1]
        return sorted(
            one
            for one in new
            if one.where in fault.requirements and one.what in WEIGHS[fault.expected]
        )


@dataclass(frozen=True, slots=True)
class Setup:
    """How the tools are started: Schemathesis's interpreter, a folder for their files, the seed."""

    python: Path
    folder: Path
    seed: int

    def home(self, tool: str) -> Path:
        """Return the folder that a tool runs in, every time the same, so that what it caches there serves it again."""
        home = self.folder / tool
        home.mkdir(exist_ok=True)
        return home


def timed(
    command: Sequence[str],
    home: Path,
    environment: Mapping[str, str],
    good: Iterable[int],
) -> float:
    """Run a tool in a folder and return its wall time; raises RuntimeError where it ends in another way."""
    log = home / "output.txt"
    with log.open("wb") as output:
        began = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - the two tools
            command,
            cwd=home,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=_TIMEOUT,
            env=environment,
        )
        seconds = time.perf_counter() - began
    if done.returncode not in good:
        raise RuntimeError(
            f"{' '.join(command[:4])} ... ended with {done.returncode}: {tail(log)}"
        )
    return seconds


def _environment(*paths: Path) -> dict[str, str]:
    """Return the environment, with these folders and no others for Python to import from first.

    Both tools may keep what Python has compiled, as they do wherever they are installed.
    """
    unwanted = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    rest = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**rest, "PYTHONPATH": os.pathsep.join(map(str, paths))} if paths else rest


def run_peer(setup: Setup, fault: Fault | None, examples: int) -> Outcome:
    """Run Schemathesis against a fresh platform."""
    with (
        tempfile.TemporaryDirectory(dir=setup.folder) as name,
        local_platform(Path(name), fault.id if fault else "") as target,
    ):
        folder = Path(name)
        served = yaml.safe_load(target.read_text(encoding="utf-8"))["services"][SERVICE]
        write_contract(folder / "openapi.yaml")
        write_configuration(folder, served)
        command = [
            *(
                str(setup.python),
                "-m",
                "schemathesis.cli",
                "--config-file",
                str(folder / "schemathesis.toml"),
                "run",
            ),
            *(
                str(folder / "openapi.yaml"),
                "--url",
                served["base_url"],
                "--seed",
                str(setup.seed),
                "--no-color",
            ),
            *(
                "--phases",
                "examples,coverage,fuzzing,stateful",
                "--checks",
                "all",
                "--max-examples",
                str(examples),
            ),
            *("--report", REPORTS, "--report-dir", str(folder / "reports")),
            *("--report-ndjson-path", str(folder / "events.ndjson")),
        ]
        seconds = timed(command, setup.home("schemathesis"), _environment(), (0, 1))
        return read_events(folder / "events.ndjson", seconds)


def run_own(setup: Setup, fault: Fault | None) -> Outcome:
    """Run this harness against a fresh platform."""
    with (
        tempfile.TemporaryDirectory(dir=setup.folder) as name,
        local_platform(Path(name), fault.id if fault else "") as target,
    ):
        folder = Path(name)
        command = [
            *(
                sys.executable,
                "-m",
                "conformance",
                "run",
                SERVICE,
                "--target",
                str(target),
            ),
            *(
                "--out",
                str(folder / "runs"),
                "--seed",
                str(setup.seed),
                "--no-counterexamples",
            ),
        ]
        harness = Path(str(conformance.__file__)).parents[1]
        seconds = timed(
            command, setup.home("harness"), _environment(harness), (0, 1, 3)
        )
        (run,) = (folder / "runs").iterdir()
        return read_run(run, seconds)


def write_contract(path: Path) -> None:
    """Write the contract for Schemathesis: the same, with its examples in place and with links."""
    folder = load_spec(SERVICE).folder
    document = yaml.safe_load((folder / "openapi.yaml").read_text(encoding="utf-8"))
    _bring_in(document, folder)
    for method, status, links in LINKS:
        document["paths"]["/therapeuticExclusions"][method]["responses"][status][
            "links"
        ] = links
    path.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML


def _bring_in(node: object, folder: Path) -> None:
    """Make references to schemas absolute, and put external examples where they are referred to."""
    if isinstance(node, dict):
        reference = node.get("$ref", "#")
        if isinstance(reference, str) and not reference.startswith("#"):
            node["$ref"] = str(folder / reference)
        if "externalValue" in node:
            node["value"] = json.loads(
                (folder / node.pop("externalValue")).read_text(encoding="utf-8")
            )
        for below in node.values():
            _bring_in(below, folder)
    elif isinstance(node, list):
        for below in node:
            _bring_in(below, folder)


def write_configuration(folder: Path, served: Mapping[str, Any]) -> None:
    """Write schemathesis.toml and the users that it names: what one who knows the service would tell the tool."""
    tokens, data = served["tokens"], served["data"]
    users = ("citizen", "other_citizen")
    bearer = {role: f"Bearer {token}" for role, token in tokens.items()}
    document = {
        "auth": [
            {
                "name": user,
                "fixedHeaders": [{"name": "Authorization", "value": bearer[user]}],
            }
            for user in users
        ]
    }
    (folder / "users.json").write_text(json.dumps(document), encoding="utf-8")
    practitioners = [one["ssin"] for one in data["practitioners"]]
    values = {
        "patient": [data["patient"]],
        "practitioner": practitioners,
        "party": [*practitioners, *(one["nihii"] for one in data["pharmacies"])],
        "ssin": ["ssin"],
        "qualification": [one["qualification"] for one in data["practitioners"]],
    }
    parameters = {
        "path.patientSsin": "patient",
        "query.patientSsin": "patient",
        "body.patient.identifier[*].value": "patient",
        "body.hcParty.identifier[*].type": "ssin",
        "body.hcParty.identifier[*].value": "practitioner",
        "body.hcParty.qualificationCode": "qualification",
    }
    # A string in JSON is one in TOML, and so is a list of them.
    lines = [
        "continue-on-failure = true",
        "[headers]",
        *(
            f"{json.dumps(name)} = {json.dumps(value)}"
            for name, value in IDENTITY.items()
        ),
        "[auth.wfc]",
        f"path = {json.dumps(str(folder / 'users.json'))}",
        f"user = {json.dumps(users[0])}",
        f"peers = {json.dumps(users)}",
        "[cache]",
        "enabled = false",
        "[dictionaries]",
        *(
            f"{name} = {{ values = {json.dumps(known)} }}"
            for name, known in values.items()
        ),
        "[parameters]",
        *(
            f'{json.dumps(name)} = {{ dictionary = "{known}" }}'
            for name, known in parameters.items()
        ),
        "[generation]",
        'database = "none"',
        "with-security-parameters = false",
        "[generation.dictionaries]",
        'string = { dictionary = "party", probability = 0.9 }',
        "[phases.stateful.generation]",
        'mode = "positive"',
        "[[operations]]",
        'include-operation-id = "getHealth"',
        f"headers = {{ Authorization = {json.dumps(bearer['monitoring'])} }}",
    ]
    (folder / "schemathesis.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_events(path: Path, seconds: float) -> Outcome:
    """Read what Schemathesis did: its cases by phase, its failures, and errors that kept it from a case."""
    counted: Counter[str] = Counter()
    alarms = set()
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            ((kind, event),) = json.loads(line).items()
            if kind == "FatalError":
                raise RuntimeError(f"Schemathesis broke down: {line[:2000]}")
            if kind == "NonFatalError":
                alarms.add(Alarm(_error(event.get("value")), str(event.get("label"))))
            if kind == "ScenarioFinished":
                counted[event["phase"]] += len(event["recorder"].get("cases", ()))
                alarms |= set(_failures(event["recorder"]))
    return Outcome(seconds, counted, frozenset(alarms))


def _failures(recorded: Mapping[str, Any]) -> Iterator[Alarm]:
    """Yield the failures of a scenario, with the status that the failing case was answered with."""
    for case, checks in recorded.get("checks", {}).items():
        for check in checks:
            if check["status"] == "failure":
                failure = check["failure_info"]["failure"]
                known = (
                    recorded.get("interactions", {}).get(failure.get("case_id") or case)
                    or {}
                )
                status = (known.get("response") or {}).get("status_code", "no answer")
                yield Alarm(f"{failure['type']} ({status})", failure["operation"])


def _error(value: object) -> str:
    return (
        str(value.get("type", "error"))
        if isinstance(value, dict)
        else str(value).partition("(")[0]
    )


def read_run(run: Path, seconds: float) -> Outcome:
    """Read what the harness did: its judged exchanges by purpose, its findings, and what it could not decide."""
    counted: Counter[str] = Counter()
    with (run / "exchanges.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["purpose"] in CHECKED and record.get("response"):
                counted[record["purpose"]] += 1
    document = json.loads((run / "results.json").read_text(encoding="utf-8"))
    alarms = {
        Alarm(one["severity"], one["requirement"])
        for case in document["cases"]
        for one in case["findings"]
    }
    undecided = (
        case
        for case in document["cases"]
        if case["verdict"] in ("inconclusive", "error")
    )
    alarms |= {
        Alarm(case["verdict"], name)
        for case in undecided
        for name in case["requirements"]
    }
    return Outcome(seconds, counted, frozenset(alarms))


def try_both(setup: Setup, fault: Fault | None, examples: int, number: int) -> Trial:
    """Run both tools one after the other; which one begins changes with the number."""
    if number % 2:
        own = run_own(setup, fault)
        return Trial(fault, run_peer(setup, fault, examples), own)
    peer = run_peer(setup, fault, examples)
    return Trial(fault, peer, run_own(setup, fault))


def examples_for(setup: Setup) -> int:
    """Return how many examples an operation give Schemathesis about as many cases as the harness has."""
    wanted = run_own(setup, None).cases
    counted = run_peer(setup, None, TRIED).counted
    fixed = counted["examples"] + counted["coverage"]
    drawn = max(1, counted.total() - fixed)
    return max(1, round(TRIED * (wanted - fixed) / drawn))


def measure(
    setup: Setup,
    options: argparse.Namespace,
    faults: Sequence[Fault],
    left_out: Sequence[Fault],
) -> Comparison:
    """Run everything, telling how far it is."""
    examples = options.max_examples or examples_for(setup)
    _say(f"{examples} examples an operation for Schemathesis; seed {setup.seed}")
    comparison = Comparison(version_of(setup.python), examples, setup.seed, left_out)
    for number in range(options.rounds):
        trial = try_both(setup, None, examples, number)
        comparison.calm.append(trial)
        _say(f"[{number + 1}/{options.rounds}] without a fault: {_progress(trial)}")
    for number, fault in enumerate(faults):
        trial = try_both(setup, fault, examples, number)
        comparison.trials.append(trial)
        told = f"{_yes(comparison.found_by_peer(trial))} by Schemathesis, {_yes(comparison.found_by_own(trial))} by us"
        _say(
            f"[{number + 1}/{len(faults)}] {_short(fault)}: {told}; {_progress(trial)}"
        )
    return comparison


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _progress(trial: Trial) -> str:
    return ", ".join(
        f"{name} {one.cases} cases in {one.seconds:.1f} s"
        for name, one in (("Schemathesis", trial.peer), ("harness", trial.own))
    )


def _yes(found: Sequence[Alarm]) -> str:
    return "found" if found else "missed"


def _short(fault: Fault | None) -> str:
    return fault.id.rpartition("/")[2] if fault else ""


def _rate(outcomes: Iterable[Outcome]) -> float:
    known = list(outcomes)
    return sum(one.cases for one in known) / sum(one.seconds for one in known)


def broken(comparison: Comparison) -> list[str]:
    """Return the claims that do not hold."""
    missed = [
        _short(one.fault)
        for one in comparison.trials
        if comparison.found_by_peer(one) and not comparison.found_by_own(one)
    ]
    told = (
        [f"Schemathesis finds {', '.join(missed)}, which the harness misses"]
        if missed
        else []
    )
    if comparison.alarms()[1] and any(
        one.what == "violation" for one in comparison.alarms()[1]
    ):
        told.append("the harness raises a false alarm on the faultless platform")
    for where, trials in (
        ("the faultless platform", comparison.calm),
        ("faulty platforms", comparison.trials),
    ):
        if not trials:
            continue
        peer, own = [one.peer for one in trials], [one.own for one in trials]
        if _typical(own) >= _typical(peer):
            told.append(
                f"on {where} the harness takes {_typical(own):.1f} s, Schemathesis {_typical(peer):.1f} s"
            )
        times = _rate(own) / _rate(peer)
        if times < TIMES:
            told.append(
                f"on {where} the harness checks {times:.2f} times the cases a second, not {TIMES:.0f}"
            )
    return told


def _typical(outcomes: Iterable[Outcome]) -> float:
    return statistics.median(one.seconds for one in outcomes)


def rendered(comparison: Comparison) -> str:
    """Return the tables as Markdown."""
    peers, owns = comparison.alarms()
    false = (len(peers), sum(one.what == "violation" for one in owns))
    found = [
        (bool(comparison.found_by_peer(one)), bool(comparison.found_by_own(one)))
        for one in comparison.trials
    ]
    rows: list[tuple[str, object, object]] = [
        ("faults found", sum(one for one, _ in found), sum(one for _, one in found)),
        (
            "found by this tool alone",
            found.count((True, False)),
            found.count((False, True)),
        ),
        ("false alarms without a fault", *false),
    ]
    rows += _speed("without a fault", comparison.calm) + _speed(
        "with a fault", comparison.trials
    )
    about = (
        f"{datetime.now(UTC):%Y-%m-%d}; {machine()}; {len(comparison.trials)} faults, {len(comparison.calm)} rounds "
        f"without one; seed {comparison.seed}, {comparison.examples} examples an operation for Schemathesis."
    )
    return "\n".join(
        [
            about,
            "",
            f"| | Schemathesis {comparison.version} | this harness {__version__} |",
            "|---|---:|---:|",
            *(f"| {name} | {peer} | {own} |" for name, peer, own in rows),
            "",
            *_listed(comparison),
            "",
            "| fault | what it breaks | Schemathesis | this harness |",
            "|---|---|---|---|",
            *(_row(comparison, one) for one in comparison.trials),
        ]
    )


def _speed(where: str, trials: Sequence[Trial]) -> list[tuple[str, object, object]]:
    """Return rows about time: medians of runs, and cases a second over all of them."""
    if not trials:
        return []
    peer, own = [one.peer for one in trials], [one.own for one in trials]
    middle = [
        statistics.median(one.cases for one in outcomes) for outcomes in (peer, own)
    ]
    return [
        (
            f"wall time of a run {where}, s (median)",
            f"{_typical(peer):.1f}",
            f"{_typical(own):.1f}",
        ),
        (
            f"checked cases of a run {where} (median)",
            f"{middle[0]:.0f}",
            f"{middle[1]:.0f}",
        ),
        (f"checked cases a second {where}", f"{_rate(peer):.0f}", f"{_rate(own):.0f}"),
    ]


def _listed(comparison: Comparison) -> Iterator[str]:
    """Yield which faults only one tool finds, which none, which were left out, and the false alarms."""
    groups: dict[tuple[bool, bool], list[str]] = {}
    for one in comparison.trials:
        key = bool(comparison.found_by_peer(one)), bool(comparison.found_by_own(one))
        groups.setdefault(key, []).append(_short(one.fault))
    names = {
        (True, False): "Found by Schemathesis alone",
        (False, True): "Found by this harness alone",
        (False, False): "Found by neither",
    }
    for key, name in names.items():
        yield f"- {name} ({len(groups.get(key, ()))}): {', '.join(groups.get(key, ())) or 'none'}."
    left = ", ".join(_short(one) for one in comparison.left_out) or "none"
    yield f"- Left out, because they only make the service slow ({len(comparison.left_out)}): {left}."
    alarms = sorted(comparison.alarms()[0])
    yield f"- What Schemathesis reports without a fault: {', '.join(map(str, alarms)) or 'nothing'}."


def _row(comparison: Comparison, trial: Trial) -> str:
    fault = trial.fault
    peer = [str(one) for one in comparison.found_by_peer(trial)]
    own = [
        f"{one.what} of {one.where.partition('/')[2]}"
        for one in comparison.found_by_own(trial)
    ]
    broken_by = fault.breaks if fault else ""
    cells = [
        text.replace("|", "\\|")
        for text in (_short(fault), broken_by, _cell(peer), _cell(own))
    ]
    return f"| {' | '.join(cells)} |"


def _cell(told: Sequence[str]) -> str:
    """Return the first of what was reported, and how many more there are; "-" for a fault not found."""
    if not told:
        return "-"
    return told[0] + (f", and {len(told) - 1} more" if len(told) > 1 else "")


def machine() -> str:
    """Return what this was measured on."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.exists() else []
    model = next(
        (
            line.partition(":")[2].strip()
            for line in lines
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def write_into(path: Path, text: str) -> None:
    """Put the tables between the two comments of a file."""
    before, after = _around(path)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _around(path: Path) -> tuple[str, str]:
    """Return what stands before and after the tables; raises UsageError where there is no place for them."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if (
        text.count(BEGIN) != 1
        or text.count(END) != 1
        or text.index(END) < text.index(BEGIN)
    ):
        raise UsageError(
            f"{path} has no place for the tables: {BEGIN} and below it {END}"
        )
    return text.partition(BEGIN)[0], text.partition(END)[2]


def choose(wanted: Sequence[str]) -> tuple[list[Fault], list[Fault]]:
    """Return the faults to try and those left out: all, so many of them from all over the list, or those named."""
    known = list(all_faults([SERVICE]))
    slow = [one for one in known if only_slow(one)]
    others = [one for one in known if one not in slow]
    if not wanted:
        return others, slow
    if len(wanted) == 1 and wanted[0].isdigit():
        number = min(int(wanted[0]), len(others))
        return [others[at * len(others) // number] for at in range(number)], slow
    return [
        find_fault(name if "/" in name else f"{SERVICE}/faults/{name}")
        for name in wanted
    ], []


def only_slow(fault: Fault) -> bool:
    """Tell whether a fault does nothing but let the client wait."""
    waits = fault.answer.wait > 0 and replace(fault.answer, wait=0.0) == Answer()
    return waits and fault.ask == Ask() and not fault.without


@contextmanager
def schemathesis(options: argparse.Namespace) -> Iterator[Path]:
    """Give an interpreter with Schemathesis: the one named, or that of a new virtual environment."""
    if options.schemathesis_python:
        yield Path(options.schemathesis_python).absolute()
        return
    with tempfile.TemporaryDirectory() as name:
        home = Path(options.folder or name).absolute() / "schemathesis"
        python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
        _say(f"installing the newest Schemathesis into {home}")
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)  # noqa: S603 - our own interpreter
        subprocess.run(  # noqa: S603 - the interpreter just made
            [
                str(python),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--upgrade",
                "schemathesis[allure]",
            ],
            check=True,
        )
        yield python


def version_of(python: Path) -> str:
    """Return the version of Schemathesis that an interpreter has."""
    asked = [
        str(python),
        "-c",
        "from importlib.metadata import version; print(version('schemathesis'))",
    ]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)  # noqa: S603 - a question
    return done.stdout.strip()


def options_given() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--faults",
        nargs="+",
        default=[],
        metavar="N|ID",
        help="so many faults, or these (default: all)",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=5,
        help="rounds on the faultless platform (default: 5)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of both tools (default: 1)"
    )
    parser.add_argument(
        "--max-examples",
        type=int,
        help="for Schemathesis (default: as many cases as the harness has)",
    )
    parser.add_argument(
        "--schemathesis-python",
        metavar="FILE",
        help="an interpreter that has schemathesis[allure]",
    )
    parser.add_argument(
        "--folder",
        metavar="DIR",
        help="where the virtual environment is made, and kept",
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="put the tables between the two comments of FILE",
    )
    options = parser.parse_args()
    if options.rounds < 1 or (options.max_examples or 1) < 1:
        parser.error("--rounds and --max-examples are 1 or more")
    return options


def main() -> int:
    """Compare, print the tables, write them where that is asked for, and tell which claims do not hold."""
    options = options_given()
    try:
        faults, left_out = choose(options.faults)
        if options.write:
            _around(options.write)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    with schemathesis(options) as python, tempfile.TemporaryDirectory() as folder:
        comparison = measure(
            Setup(python, Path(folder), options.seed), options, faults, left_out
        )
    text = rendered(comparison)
    print(text)
    if options.write:
        write_into(options.write, text)
    problems = broken(comparison)
    for problem in problems:
        print(f"does not hold: {problem}", file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
