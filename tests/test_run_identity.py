"""What a run says that it is of: product, sender, options, selection, and whose identity is a template's."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.model.wording import option_words
from conformance.plugin.session import suites_root
from conformance.target.placeholders import unfilled_identity
from conformance.target.reading import load_target
from tests.campaigns import told
from tests.peers import status_dashboard
from tests.test_plugin import results_of, run_pytest, target_file

SERVICE = "status-dashboard"
DASHBOARD = f"{SERVICE}/7.2/dashboard"
TEMPLATE = {"user_agent": "myProduct/2.0 Connector/3.1", "from": "info@mycompany.be"}
FILLED = {"user_agent": "Medico/2.0 Connector/3.1", "from": "desk@medico.be"}


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of a service that conforms."""
    with status_dashboard.serve("plain") as served:
        yield served


def run(folder: Path, address: str, *options: str, **about: object) -> tuple[str, Mapping[str, Any], str]:
    """Return what a run printed, its results and its report."""
    target = target_file(folder, address, **about)
    done = told("run", "--target", target, "--run-dir", "run", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    report = (folder / "run" / "report.html").read_text("utf-8")
    return done.stdout, results_of(folder / "run"), report


def test_run_says_who_asked(tmp_path: Path, address: str) -> None:
    """User-Agent and From stand on the terminal, in the results and in the report."""
    printed, document, report = run(tmp_path, address, "--case", DASHBOARD, identity=FILLED)
    assert document["run"]["identity"] == FILLED
    for text in FILLED.values():
        assert text in printed
        assert text in report


def test_run_says_which_options_were_given(tmp_path: Path, address: str) -> None:
    """Options are shown as they are written; a list of known failures by the name of its file alone."""
    (tmp_path / "known.yaml").write_text("known: []\n", "utf-8")
    options = ("--case", "7.2", "--exclude", f"{SERVICE}/8/*", "--seed", "3", "--known", str(tmp_path / "known.yaml"))
    printed, document, report = run(tmp_path, address, *options)
    given = {"seed": 3, "case": ["7.2"], "exclude": [f"{SERVICE}/8/*"], "known": "known.yaml"}
    assert document["run"]["options"] == given
    words = f"--seed 3 --case 7.2 --exclude '{SERVICE}/8/*' --known known.yaml"
    assert option_words(document["run"]["options"]) == words
    assert f"options: {words}" in printed
    assert "--case 7.2 --exclude" in report


def test_part_of_a_service_is_not_called_conformant(tmp_path: Path, address: str) -> None:
    """The report and the terminal say how much was selected and how much of it passed."""
    printed, document, report = run(tmp_path, address, "--case", DASHBOARD)
    number = document["run"]["selection"]["cases"]
    words = f"1 of {number} cases selected: passed"
    assert document["run"]["selection"] == {"selected": 1, "cases": number}
    assert f"exit 0: {words}" in printed
    assert f'<p class="outcome">{words}</p>' in report
    assert "onformant" not in printed + report.partition("<title>")[2].partition("</title>")[0]


def test_whole_service_is_called_conformant(tmp_path: Path, address: str) -> None:
    """Where every case was selected the word stands over the run, whatever other options were given."""
    printed, document, report = run(tmp_path, address, "--examples", "1")
    assert document["run"]["selection"]["selected"] == document["run"]["selection"]["cases"]
    assert "exit 0: conformant" in printed
    assert '<p class="outcome">Conformant</p>' in report


def test_part_that_pytest_selects_is_a_part(tmp_path: Path, address: str) -> None:
    """-k narrows a run as an option does."""
    target = target_file(tmp_path, address)
    _, (folder,) = run_pytest(tmp_path, suites_root(), "--target", target, "-k", DASHBOARD)
    assert results_of(folder)["run"]["selection"]["selected"] == 1
    assert "cases selected: passed" in (folder / "report.html").read_text("utf-8")


# ------------------------------------------------------------------------------------- an identity that is a template's


@pytest.mark.parametrize(
    ("user_agent", "sender", "warned"),
    [
        ("myProduct/1.0.0 myConnector/1.0.0", "info@mycompany.be", ["user_agent", "from"]),
        ("MYPRODUCT/9 Own/1", "desk@medico.be", ["user_agent"]),
        ("Own/9 myConnector/1.0.0", "desk@medico.be", ["user_agent"]),
        ("Own/9 Other/1", "help@mycompany.be", ["from"]),
        ("Own/9 Other/1", "me@example.org", ["from"]),
        ("myProducts/9 Other/1", "me@mycompany.be.medico.be", []),
    ],
)
def test_identity_of_a_template_is_told(tmp_path: Path, user_agent: str, sender: str, warned: list[str]) -> None:
    """What `init` writes and what the cookbooks show is nobody's product and nobody's address."""
    identity = {"user_agent": user_agent, "from": sender}
    target = load_target(str(target_file(tmp_path, "http://127.0.0.1:9", environment="acceptance", identity=identity)))
    told_of = [message.partition(" ")[0].removeprefix("identity.") for message, _ in unfilled_identity(target)]
    assert told_of == warned


def test_warning_stands_before_the_run_and_in_the_report(tmp_path: Path, address: str) -> None:
    """Outside local it is read before the first request, in the results and in the report."""
    about = {"environment": "simulation", "identity": TEMPLATE}
    printed, document, report = run(tmp_path, address, "--case", DASHBOARD, **about)
    warning = "identity.user_agent names 'myProduct', which is a template's product"
    assert printed.index(f"warning: {warning}") < printed.index("run folder")
    assert any(note.startswith(warning) for note in document["run"]["notes"])
    assert "identity.from is an example address" in report


def test_local_target_needs_no_identity(tmp_path: Path, address: str) -> None:
    """On local nobody is reached and nobody is warned."""
    printed, document, _ = run(tmp_path, address, "--case", DASHBOARD, identity=TEMPLATE)
    assert "warning" not in printed.partition("run folder")[0]
    assert document["run"]["notes"] == []


def test_send_warns_too(tmp_path: Path, address: str) -> None:
    """One request of one's own tells the platform as much as a run does."""
    target = target_file(tmp_path, address, environment="simulation", identity=TEMPLATE)
    done = told("send", SERVICE, "getDashboard", "--set", "dashboard=prod", "--target", target, cwd=tmp_path)
    assert "warning: identity.user_agent names 'myProduct'" in done.stdout


def test_pytest_warns_too(tmp_path: Path, address: str) -> None:
    """The header of a session says it."""
    target = target_file(tmp_path, address, environment="simulation", identity=TEMPLATE)
    done, _ = run_pytest(tmp_path, suites_root(), "--target", target, "--case", DASHBOARD)
    assert "conformance: warning: identity.user_agent names 'myProduct'" in done.stdout
