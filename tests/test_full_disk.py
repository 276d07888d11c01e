"""What cannot be kept: the last whole line ends each file, the run stops, restores, and says why in one line."""

import errno
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conformance.engine.workers import Workers
from conformance.evidence.json_lines import JsonLines, is_sealed
from conformance.evidence.redaction import Redactor
from conformance.evidence.store import FILE, Store, broken_lines, read_exchanges, skipped_words
from conformance.files.writing import write_atomically
from conformance.model.errors import NotKeptError
from conformance.model.exchange import Exchange, Purpose, Request, Response
from conformance.traffic.ledger import Ledger
from conformance.traffic.limits import Limits
from tests.campaigns import told

ROOT = Path(__file__).parents[1]
BOARD = "status-dashboard"
Write = Callable[[int, bytes], int]


def full_after(size: int, number: int = errno.ENOSPC) -> Write:
    """Return an `os.write` of a disk that has room for so many bytes more."""
    room, write = size, os.write

    def written(descriptor: int, data: bytes) -> int:
        nonlocal room
        if room == 0:
            raise OSError(number, os.strerror(number))
        done = write(descriptor, bytes(data)[:room])
        room -= done
        return done

    return written


def exchange(number: int, purpose: Purpose = Purpose.PROBE) -> Exchange:
    """Return an exchange."""
    answer = Response(200, "OK", (), b"x" * 50, 50, "")
    return Exchange(f"{number:06d}", "s/1/c", purpose, datetime.now(UTC), 0.1, Request("GET", "http://h/"), answer)


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENOSPC, "the disk is full; make room there"),
        (errno.EDQUOT, "the disk quota is used up; make room in your quota"),
        (errno.EROFS, "the file system is read-only; make it writable"),
        (errno.EIO, "the device reports an input/output error; check the device"),
        (errno.EFBIG, "it has reached the largest size allowed; raise the limit (ulimit -f)"),
        (errno.EACCES, "permission is denied; allow writing there"),
        (errno.ENXIO, "No such device or address; see to it"),
    ],
)
def test_line_that_is_cut_short_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, cause: str
) -> None:
    """Whatever cuts a write short, the last whole line ends the file, and the error has cause and remedy in a line."""
    lines = JsonLines(tmp_path / "x")
    lines.append({"a": 1})
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_after(5, number))
        with pytest.raises(NotKeptError) as raised:
            lines.append({"b": "c" * 100})
    assert str(raised.value) == f"{tmp_path / 'x'} could not be written: {cause}, or write to another place (--out)"
    assert (tmp_path / "x").read_bytes() == b'{"a":1}\n'
    lines.close()


def test_nothing_follows_what_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where room is made again, no writer goes on: a file never has a gap, whoever writes to it."""
    lines, others = JsonLines(tmp_path / "x"), JsonLines(tmp_path / "x")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_after(0))
        with pytest.raises(NotKeptError):
            lines.append(1)
    for one in (lines, others):
        with pytest.raises(NotKeptError, match="is closed: an earlier line of it could not be written"):
            one.append(2)
        one.close()
    assert (tmp_path / "x").read_bytes() == b""
    assert is_sealed(tmp_path / "x")


def test_real_limit_of_a_file_s_size_takes_the_line_back(tmp_path: Path) -> None:
    """With the system's own limit, which cuts a write short as a full disk does, each line of the file is whole."""
    script = (
        "import sys\nfrom pathlib import Path\nfrom conformance.evidence.json_lines import JsonLines\n"
        "lines = JsonLines(Path(sys.argv[1]))\nfor number in range(100):\n    lines.append(['x' * 300, number])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "x")],
        cwd=ROOT,
        preexec_fn=_limited(10_000),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "NotKeptError" in done.stderr
    rows = [json.loads(line) for line in (tmp_path / "x").read_text().splitlines()]
    assert [number for _, number in rows] == list(range(len(rows)))
    assert 10_000 - 400 < (tmp_path / "x").stat().st_size <= 10_000


def test_readers_leave_out_a_broken_line(tmp_path: Path) -> None:
    """What stands behind a line that is none is read; the line is counted."""
    with Store(tmp_path, Redactor()) as store:
        store.write(exchange(1))
        with (tmp_path / FILE).open("a") as file:
            file.write('{"id": "0000\n[1]\n{"id": 7}\n')
        store.write(exchange(2))
    assert [record["id"] for record in read_exchanges(tmp_path)] == ["000001", "000002"]
    assert broken_lines(tmp_path) == (2, 3, 4)
    assert skipped_words((2, 3, 4)) == f"3 lines of {FILE} are broken and left out: 2, 3, 4"
    assert skipped_words((2,)) == f"1 line of {FILE} is broken and left out: 2"
    assert skipped_words(tuple(range(9))).endswith(": 0, 1, 2, 3, 4, ...")
    assert not skipped_words(())


def test_file_that_cannot_be_written_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What appears complete or not at all leaves nothing where it does not appear."""
    write_atomically(tmp_path / "x", "before")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="full"):
        write_atomically(tmp_path / "x", "after")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "before"


def test_ledger_on_a_full_disk_keeps_its_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that cannot be counted is told, and what was counted before stays readable."""
    ledger = Ledger(Limits(None, 10, 1), tmp_path / "ledger.json")
    ledger.take()
    before = (tmp_path / "ledger.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_after(0))
        with pytest.raises(NotKeptError, match="the disk is full"):
            ledger.take()
    assert (tmp_path / "ledger.json").read_bytes() == before
    ledger.take()
    assert json.loads((tmp_path / "ledger.json").read_text())[0] == 2
    assert len((tmp_path / "ledger.json").read_bytes()) == len(before)


def test_worker_s_note_is_not_lost_on_a_full_disk(tmp_path: Path) -> None:
    """What a worker cannot write down, it keeps for another way to the main process."""
    worker = Workers(tmp_path / "gone", "gw0")
    worker.note("restored")
    assert worker.untold == ("restored",)


def _limited(size: int) -> Callable[[], None]:
    """Return what limits the size of every file of a child process."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _environment() -> dict[str, str]:
    """Return the environment without what makes a process measure its coverage, which a full disk would not hold."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return kept | {"PYTHONPATH": str(ROOT)}


def _run(folder: Path, size: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "conformance", "run", *arguments, "--seed", "1"],
        cwd=folder,
        env=_environment(),
        preexec_fn=_limited(size),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_run_on_a_full_disk_ends_with_one_line(tmp_path: Path) -> None:
    """Where not even the results fit, one line says so with the remedy, all lines are whole, and it ends with 4."""
    done = _run(tmp_path, 30_000, BOARD)
    assert done.returncode == 4
    assert "Traceback" not in done.stdout + done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "results.json could not be written: it has reached the largest size allowed" in errors[0]
    [folder] = (tmp_path / "reports").iterdir()
    assert broken_lines(folder) == ()
    assert (folder / FILE).read_bytes().endswith(b"\n")
    assert not list(folder.glob("shared-*"))


@pytest.mark.whole_run
def test_run_that_changes_a_service_restores_it_unrecorded(tmp_path: Path) -> None:
    """The run stops at the first exchange that cannot be kept; what it changed is undone, and both are said."""
    done = _run(tmp_path, 250_000, "therapeutic-exclusion", "--case", "therapeutic-exclusion/5.3/sequences")
    assert done.returncode == 4
    assert "the run was stopped: " in done.stdout
    assert f"{FILE} could not be written: it has reached the largest size allowed" in done.stdout
    assert "the active exclusions are as before" in done.stdout
    assert "requests to restore the service went out and could not be kept" in done.stdout
    [folder] = (tmp_path / "reports").iterdir()
    document = json.loads((folder / "results.json").read_text())
    assert document["run"]["exit_code"] == 4
    assert document["summary"]["exchanges"] == len(list(read_exchanges(folder)))


def test_cases_after_a_full_disk_are_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The case under way has no verdict, those after it are not sent, and the results say why the run stopped."""
    monkeypatch.setattr(os, "write", full_after(20_000))
    done = told("run", BOARD, cwd=tmp_path)
    assert done.returncode == 4
    [folder] = (tmp_path / "reports").iterdir()
    document = json.loads((folder / "results.json").read_text())
    reasons = {case["reason"] for case in document["cases"] if case["verdict"] in {"error", "not_run"}}
    assert reasons <= {
        "the harness erred: what is exchanged cannot be kept any more",
        "not sent: what is exchanged cannot be kept any more",
    }
    assert "not sent: what is exchanged cannot be kept any more" in reasons
    [note] = [note for note in document["run"]["notes"] if note.startswith("the run was stopped: ")]
    assert note.endswith("could not be written: the disk is full; make room there, or write to another place (--out)")
    assert document["summary"]["exchanges"] == len(list(read_exchanges(folder)))


def test_report_that_cannot_be_written_makes_the_results_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only the report does not fit, the results are there, and end with 4 as the command does."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    done = told("run", BOARD, "--case", f"{BOARD}/7.2/dashboard", cwd=tmp_path)
    [folder] = (tmp_path / "reports").iterdir()
    document = json.loads((folder / "results.json").read_text())
    assert (done.returncode, document["run"]["exit_code"]) == (4, 4)
    assert document["run"]["notes"][-1].startswith(f"{Path('reports') / folder.name / 'report.html'} could not be")
    assert "report: " not in done.stdout
