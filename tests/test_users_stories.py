"""Six stories of users, told by the commands that they type: real processes, a home of their own, nothing else.

Each command is a line of the shell, as a person pastes it or a CI job has it, and each story looks at what its user
looks at: exit codes, the words on the terminal, and the files that were promised.
"""

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.test_cli import wait_for

pytestmark = pytest.mark.whole_run

STATUS = "status-dashboard"
EXCLUSION = "therapeutic-exclusion"


@dataclass(frozen=True, slots=True)
class User:
    """A person or a job: a folder to work in, and a home where the state of earlier runs is."""

    folder: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that a fresh login has."""
        tools = Path(sys.executable).parent
        return {
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PATH": f"{tools}{os.pathsep}/usr/bin{os.pathsep}/bin",
            **{name: os.environ[name] for name in ("PYTHONPATH", "COVERAGE_PROCESS_START") if name in os.environ},
        }

    def types(self, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one line of the shell."""
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


@pytest.fixture
def user(tmp_path: Path) -> User:
    """Return somebody who has just installed the harness."""
    return arriving(tmp_path, "user")


def arriving(folder: Path, name: str) -> User:
    """Return a person with an empty folder and an empty home."""
    home, work = folder / f"{name}-home", folder / name
    home.mkdir()
    work.mkdir()
    return User(work, home)


@contextmanager
def platform(user: User, *options: str) -> Iterator[Path]:
    """Serve the local platform, as in another terminal; give the target file that it writes."""
    file = user.folder / "platform.yaml"
    arguments = ["mock", "--port", "0", "--write-target", file.name, *options]
    with subprocess.Popen(
        [sys.executable, "-m", "conformance", *arguments],
        cwd=user.folder,
        env=user.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            wait_for(file.exists, seconds=60)
            yield file
        finally:
            process.terminate()
            process.wait(60)


def results(folder: Path) -> dict[str, Any]:
    """Return the results document of the newest run below a folder."""
    newest = max(folder.glob("*/results.json"), key=lambda file: file.stat().st_mtime_ns)
    document: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8"))
    return document


def address_of(target: Path, service: str) -> str:
    """Return the address of a service in a target file."""
    text = target.read_text(encoding="utf-8")
    found = re.search(rf"^  {service}:\n(?:    .*\n)*?    base_url: \"?([^\"\n]+)\"?$", text, re.MULTILINE)
    assert found, text
    return found[1]


def test_the_first_hour_with_a_simulation_ends_with_a_report(user: User) -> None:
    """`init`, fill in, `review`, `run`, one failed case again: each command says what comes next."""
    assert user.types("ehealth-conformance init status-sim --out mine.yaml").returncode == 0
    file = user.folder / "mine.yaml"
    with platform(user, "--tls") as served:
        ca = re.search(r"ca_file: \"?([^\"\n}]+)", served.read_text(encoding="utf-8"))
        assert ca
        written = file.read_text(encoding="utf-8")
        written = written.replace("https://status-sim.ehealthplatform.info/api/v1", address_of(served, STATUS))
        written = written.replace("# tls:\n#   ca_file: ca.pem", f"tls:\n  ca_file: {ca[1].strip()}")
        file.write_text(written.replace("rate: 5", "rate: 200"), encoding="utf-8")

        untouched = user.types("ehealth-conformance review --target mine.yaml")
        assert "myProduct" in untouched.stdout

        file.write_text(
            file.read_text(encoding="utf-8").replace("myProduct/1.0.0 myConnector/1.0.0", "flowers/2.1 stem/3")
        )
        file.write_text(file.read_text(encoding="utf-8").replace("info@mycompany.be", "desk@flowers.be"))
        reviewed = user.types("ehealth-conformance review --target mine.yaml")
        assert reviewed.returncode == 0, reviewed.stdout
        assert "myProduct" not in reviewed.stdout

        done = user.types(f"ehealth-conformance run {STATUS} --target mine.yaml")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "report.html" in done.stdout
        assert "exit 0: conformant" in done.stdout

        again = user.types(f"ehealth-conformance run --target mine.yaml --case '{STATUS}/7.2/*'")
        assert again.returncode == 0, again.stdout + again.stderr
        assert "conformant" not in again.stdout.partition("exit 0")[2]
    report = max(user.folder.glob("reports/*/report.html"), key=lambda path: path.stat().st_mtime_ns)
    page = html.unescape(report.read_text(encoding="utf-8"))
    assert "flowers/2.1" in page
    assert "desk@flowers.be" in page


def test_a_wrong_address_is_one_cause_with_its_remedy(user: User) -> None:
    """A slip in the path makes nothing fail: the run says what to look at, and is conformant once it is mended."""
    with platform(user) as served:
        right = served.read_text(encoding="utf-8")
        address = address_of(served, STATUS)
        served.write_text(right.replace(address, f"{address}/v11"), encoding="utf-8")
        lost = user.types(f"ehealth-conformance run {STATUS} --target {served.name}")
        assert lost.returncode == 3, lost.stdout + lost.stderr
        assert "base_url" in lost.stdout
        assert results(user.folder / "reports")["summary"]["fail"] == 0

        served.write_text(right, encoding="utf-8")
        found = user.types(f"ehealth-conformance run {STATUS} --target {served.name}")
        assert found.returncode == 0, found.stdout + found.stderr


def test_a_wrong_credential_is_one_cause_with_its_remedy(user: User) -> None:
    """A token that the service does not know is a question of the credential, and not of the service."""
    with platform(user) as served:
        right = served.read_text(encoding="utf-8")
        wrong = re.sub(r"( citizen:) .*", r"\1 {env: MY_TOKEN}", right)
        assert wrong != right
        served.write_text(wrong, encoding="utf-8")
        line = f"ehealth-conformance run {EXCLUSION} --target {served.name} --case '{EXCLUSION}/7.2/*'"

        missing = user.types(line)
        assert missing.returncode == 2
        assert "MY_TOKEN" in missing.stdout + missing.stderr

        refused = user.types(line, MY_TOKEN="opaque-and-unknown-to-all")  # noqa: S106 - a wrong one
        assert refused.returncode == 3, refused.stdout + refused.stderr
        assert "citizen" in refused.stdout
        assert "opaque-and-unknown" not in refused.stdout + refused.stderr
        assert results(user.folder / "reports")["summary"]["fail"] == 0


def test_a_failing_sequence_is_reproduced_from_the_report_alone(user: User) -> None:
    """The line that the report prints under a failed sequence plays it again, and finds the same requirement broken."""
    with platform(user, "--fault", "duplicate-accepted-after-revocation") as served:
        case = f"{EXCLUSION}/5.3/sequences"
        failed = user.types(f"ehealth-conformance run --target {served.name} --case {case} --seed 3")
        assert failed.returncode == 1, failed.stdout + failed.stderr
        broken = violated(results(user.folder / "reports"))
        assert broken

        report = next(user.folder.glob("reports/*/report.html")).read_text(encoding="utf-8")
        lines = [html.unescape(line) for line in re.findall(r"ehealth-conformance replay [^<\n]+", report)]
        assert lines, "the report names no way to reproduce the failure"
        replayed = user.types(lines[0])
        assert replayed.returncode == 1, replayed.stdout + replayed.stderr
        assert violated(results(user.folder / "reports")) & broken


def violated(document: dict[str, Any]) -> set[str]:
    """Return the requirements that violations of a run name."""
    findings = [finding for case in document["cases"] for finding in case["findings"]]
    return {finding["requirement"] for finding in findings if finding["severity"] == "violation"}


def test_a_job_of_continuous_integration_finds_its_outputs_where_it_wants_them(user: User) -> None:
    """Fixed places for report and junit, an exit code that a job can trust, and nothing overwritten by a second run."""
    with platform(user, "--fault", "media-type-text") as served:
        options = f"{STATUS} --target {served.name} --run-dir out --junitxml junit.xml"
        first = user.types(f"ehealth-conformance run {options}")
        assert first.returncode == 1, first.stdout + first.stderr
        root = ET.parse(user.folder / "junit.xml").getroot()
        assert any(element.tag == "failure" for element in root.iter())
        assert (user.folder / "out" / "report.html").is_file()
        before = (user.folder / "out" / "results.json").read_bytes()

        second = user.types(f"ehealth-conformance run {options}")
        assert second.returncode == 2
        assert (user.folder / "out" / "results.json").read_bytes() == before

        failed = json.loads(before)["summary"]["fail"]
        again = user.types(f"ehealth-conformance run --target {served.name} --failed out --run-dir again")
        assert again.returncode == 1, again.stdout + again.stderr
        document = json.loads((user.folder / "again" / "results.json").read_text(encoding="utf-8"))
        assert document["summary"]["fail"] == failed
        assert document["summary"]["pass"] == 0


def test_somebody_elses_run_folder_sends_nothing_by_itself(user: User, tmp_path: Path) -> None:
    """Who made a run replays it as it is; who got its folder has to name a target, and is told so in one line."""
    other = arriving(tmp_path, "other")
    with platform(user) as served:
        run = f"ehealth-conformance run {STATUS} --target {served.name} --case {STATUS}/7.2/dashboard --run-dir shared"
        assert user.types(run).returncode == 0
        own = user.types("ehealth-conformance replay shared 1")
        assert own.returncode == 0, own.stdout + own.stderr

        copy = other.types(f"cp -r {user.folder}/shared {user.folder}/{served.name} .")
        assert copy.returncode == 0
        foreign = other.types("ehealth-conformance replay shared 1")
        assert foreign.returncode == 2
        assert "--target" in foreign.stderr
        assert "Traceback" not in foreign.stderr
        named = other.types(f"ehealth-conformance replay shared 1 --target {served.name}")
        assert named.returncode == 0, named.stdout + named.stderr
