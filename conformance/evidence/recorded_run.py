"""A run folder as it was left: its results, its exchanges, and the target that it was made against.

Must not send anything, nor change what it reads.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.evidence.results_document import SCHEMA
from conformance.evidence.run_folder import RESULTS, newest_first, run_folders
from conformance.evidence.store import (
    FILE,
    Record,
    broken_lines,
    read_exchanges,
    recorded_exchange,
    skipped_words,
)
from conformance.files.reading import UnreadableFileError, read_bounded
from conformance.formats.schemas import shape_problem, suggestion
from conformance.model.errors import UsageError
from conformance.model.exchange import Exchange, Purpose


@dataclass(frozen=True, slots=True)
class Recorded:
    """An exchange of a run: its record, and what the record tells of."""

    record: Record
    exchange: Exchange

    @property
    def id(self) -> str:
        """Return its id in its run."""
        return self.exchange.id

    @property
    def purpose(self) -> Purpose:
        """Return what it was for."""
        return self.exchange.purpose

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the body that was really sent, "" where the record has none."""
        return str(self.record["request"].get("sha256", ""))


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run folder with its results, which are empty where the run was killed before it wrote any."""

    folder: Path
    results: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Return the run's id."""
        return self.folder.resolve().name

    @property
    def run(self) -> Mapping[str, Any]:
        """Return what results.json says of the run as a whole."""
        row: Mapping[str, Any] = self.results.get("run", {})
        return row

    @property
    def cases(self) -> dict[str, Mapping[str, Any]]:
        """Return the entries of the cases by id."""
        return {case["id"]: case for case in self.results.get("cases", ())}

    def exchange(self, name: str) -> Recorded:
        """Return an exchange by its id, whose leading zeros may be left out; raises UsageError where there is none."""
        wanted = name.zfill(_DIGITS) if name.isdecimal() else name
        first = last = ""
        for record in self._records():
            if record["id"] == wanted:
                return _recorded(self.folder, record)
            first, last = first or record["id"], record["id"]
        there = (
            f"its exchanges are {first} to {last}" if first else "it has no exchanges"
        )
        raise UsageError(
            f"the run {self.id} has neither an exchange nor a case {name!r}; {there}{near(name, self.cases)}"
            f"{self._left_out()}"
        )

    def exchanges(self, names: Iterable[str]) -> list[Recorded]:
        """Return some exchanges in the order of their ids as given; raises UsageError where one is missing."""
        wanted = list(names)
        found = {
            record["id"]: record
            for record in self._records()
            if record["id"] in set(wanted)
        }
        missing = [name for name in wanted if name not in found]
        if missing:
            raise UsageError(
                f"the run {self.id} has no exchange {missing[0]!r}, of which its results speak{self._left_out()}"
            )
        return [_recorded(self.folder, found[name]) for name in wanted]

    def before(self, one: Recorded) -> list[Recorded]:
        """Return the exchanges of the same case before one, in their order."""
        earlier = []
        for record in self._records():
            if record["id"] == one.id:
                break
            if record["case"] == one.exchange.case:
                earlier.append(_recorded(self.folder, record))
        return earlier

    @property
    def skipped(self) -> str:
        """Return the sentence on lines of the exchanges that are broken and left out, "" for none."""
        return skipped_words(broken_lines(self.folder))

    def _left_out(self) -> str:
        skipped = self.skipped
        return f"; {skipped}" if skipped else ""

    def _records(self) -> Iterator[Record]:
        """Yield the records that are whole; raises UsageError where the file cannot be read."""
        try:
            yield from read_exchanges(self.folder)
        except UnreadableFileError as error:
            raise UsageError(error.about(self.folder / FILE)) from None
        except OSError as error:
            raise UsageError(f"{self.folder / FILE}: cannot be read: {error}") from None


LATEST = "latest"
"""By which a user names the run below a folder that ended last."""
_DIGITS = 6
_LARGEST_RESULTS = 128 * 2**20
"""Bytes that a results.json may have."""


def run_of_suites(results: Mapping[str, Any]) -> bool:
    """Tell whether results are those of a run of suites: no replay, and no tests of one's own alone."""
    run = results["run"]
    return bool(run.get("services")) and not run.get("replay")


def find_run(
    name: str, out: Path, kind: Callable[[Mapping[str, Any]], bool] | None = None
) -> RecordedRun:
    """Return a run by its folder, by its results.json, by its id below a folder, or the `latest` of a kind there.

    Raises UsageError where there is none, or where it cannot be read.
    """
    if name == LATEST:
        return _latest(out, kind)
    path = Path(name)
    for folder in (path.parent if path.name == RESULTS else path, out / name):
        if (folder / RESULTS).is_file() or (folder / FILE).is_file():
            return RecordedRun(folder, _results(folder / RESULTS))
    known = {folder.name: folder for folder in run_folders(out)}
    hint = (
        near(name, known)
        or f"; `ehealth-conformance list runs --out {out}` shows what there is"
    )
    raise UsageError(
        f"{name}: neither a run folder nor the id of a run below {out}{hint}"
    )


def _latest(out: Path, kind: Callable[[Mapping[str, Any]], bool] | None) -> RecordedRun:
    """Return the run of a kind below a folder that ended last; raises UsageError where there is none."""
    for folder in newest_first(out):
        try:
            results = read_results(folder / RESULTS)
        except UsageError:
            continue  # somebody else's file; an older run may be one
        if kind is None or kind(results):
            return RecordedRun(folder, results)
    raise UsageError(
        f"{LATEST}: no run of the kind that is needed has ended below {out}; name a run folder, or its parent by --out"
    )


def near(word: str, known: Mapping[str, Any]) -> str:
    """Return `; did you mean 'x'?`, "" where nothing is near: there may be too many to name all."""
    suggested = suggestion(word, known)
    return suggested if suggested.startswith("; did you mean") else ""


def read_results(path: Path) -> dict[str, Any]:
    """Return the content of a results.json; raises UsageError where it is none of this form."""
    try:
        document = json.loads(read_bounded(path, _LARGEST_RESULTS))
        if document["schema"] != SCHEMA:
            raise UsageError(
                f"{path}: results of another form ({document['schema']!r}) than {SCHEMA}"
            )
        _demand_shape(document, "recorded-run")
    except UnreadableFileError as error:
        raise UsageError(error.about(path)) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UsageError(
            f"{path}: not the results of a run: {why}; name a run folder as `run` wrote it"
        ) from None
    results: dict[str, Any] = document
    return results


def _results(path: Path) -> Mapping[str, Any]:
    """Return the content of results.json, nothing where there is none."""
    return read_results(path) if path.exists() else {}


def _demand_shape(data: object, form: str) -> None:
    """Raise ValueError where data is not as runs write it, as far as it is used."""
    problem = shape_problem(data, form)
    if problem:
        raise ValueError(problem)


def _recorded(folder: Path, record: Record) -> Recorded:
    try:
        _demand_shape(record, "recorded-exchange")
        return Recorded(record, recorded_exchange(record))
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise UsageError(
            f"{folder / FILE}: {record.get('id')!r} is no exchange as runs write them: {error}"
        ) from None
