"""Embeds the exchanges of a run in a report, within bounds.

Must not write HTML.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.evidence.store import Record
from conformance.reporting.markup import (
    LONGEST_HEAD,
    Html,
    clipped,
    data_block,
    duration_words,
    json_text,
    moment_words,
)

LONGEST_BODY = 64 * 2**10
"""Characters of a body that the report holds; exchanges.jsonl has all that was kept."""
LONGEST_BINARY = 12 * 2**10
"""Bytes of a body that is not text; a multiple of three, so that base64 can be cut there."""
REPORT_BUDGET_BYTES = 32 * 2**20
"""Size of the embedded exchanges from which texts are cut short, so that the page still opens at once."""
DECIDING_BUDGET_BYTES = 96 * 2**20
"""The same for the exchanges that decided a verdict."""
CUT_CHARACTERS = 2**10
"""Length of a text that is cut short."""

_SHORTEST_SHARED = 256
"""Characters from which a body gets a data block of its own, which several exchanges may share."""
_UNDECIDED = frozenset({"fail", "inconclusive", "error"})
_RESTORE = "restore"
"""The purpose of exchanges that leave a service as it was found."""


@dataclass(slots=True)
class _Embedding:
    """Turns records of exchanges into data blocks of bounded size; a body seen before is kept once."""

    deciding: frozenset[str]
    blocks: list[Html] = field(default_factory=list)
    purposes: dict[str, str] = field(default_factory=dict)
    by_case: dict[str, list[str]] = field(default_factory=dict)
    origins: dict[str, None] = field(default_factory=dict)
    _bodies: dict[bytes, str] = field(default_factory=dict)
    _spent: int = 0

    def take(self, exchanges: Iterable[Record]) -> None:
        """Take in all exchanges."""
        for record in exchanges:
            self._add(record)

    def _add(self, record: Record) -> None:
        name, case, request = record["id"], record["case"], record["request"]
        decides = name in self.deciding
        budget = DECIDING_BUDGET_BYTES if decides else REPORT_BUDGET_BYTES
        whole = self._spent < budget
        self.purposes[name] = record["purpose"]
        self.by_case.setdefault(case, []).append(name)
        self.origins["/".join(request["url"].split("/", 3)[:3])] = None
        exchange = {
            "id": name,
            "purpose": record["purpose"],
            "started": moment_words(record["started"]),
            "elapsed": duration_words(record["elapsed_s"]),
            "request": self._message(request, whole=whole),
        }
        if "response" in record:
            exchange["response"] = self._message(record["response"], whole=whole)
        if "failure" in record:
            exchange["failure"] = record["failure"] | {
                "received": self._body(record["failure"]["received"], whole=whole)
            }
        self._keep(data_block(f"exchange={name}", exchange, data_case=case))

    def _keep(self, block: Html) -> None:
        self._spent += len(block)
        self.blocks.append(block)

    def _message(self, message: Record, *, whole: bool) -> Record:
        headers, left = [], LONGEST_HEAD if whole else CUT_CHARACTERS
        for name, value in message["headers"]:
            left -= len(name) + len(value)
            if left < 0:
                break
            headers.append([name, value])
        texts = {"url", "reason", "method"} & message.keys()
        return {
            **message,
            **{key: clipped(message[key]) for key in texts},
            "headers": headers,
            "headers_cut": len(message["headers"]) - len(headers),
            "body": self._body(message["body"], whole=whole),
        }

    def _body(self, body: Record, *, whole: bool) -> Record | str:
        """Return a body as the page keeps it: as it is where it is short, else the name of its data block."""
        if "text" in body:
            content = _text_content(body["text"], whole=whole)
        else:
            content = _binary_content(body["base64"], whole=whole)
        length = len(content.get("text", "")) + len(content.get("base64", ""))
        if length < _SHORTEST_SHARED:
            return content
        digest = hashlib.sha256(json_text(content).encode()).digest()
        if digest not in self._bodies:
            self._bodies[digest] = f"body={len(self._bodies) + 1}"
            self._keep(data_block(self._bodies[digest], content))
        return self._bodies[digest]


def _text_content(text: str, *, whole: bool) -> Record:
    longest = LONGEST_BODY if whole else CUT_CHARACTERS
    size = len(text.encode("utf-8", "surrogatepass"))
    content: Record = {"text": text[:longest], "size": size}
    if len(text) > longest:
        content["cut"] = longest
    return content


def _binary_content(text: str, *, whole: bool) -> Record:
    longest = LONGEST_BINARY if whole else CUT_CHARACTERS // 3 * 3
    size = len(text) * 3 // 4 - text[-2:].count("=")
    content: Record = {"base64": text[: longest * 4 // 3], "size": size}
    if size > longest:
        content["cut"] = longest
    return content


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Everything the sections are made of; `cases` ends with those that have exchanges but no result."""

    results: Mapping[str, Any]
    cases: Mapping[str, Mapping[str, Any]]
    requirements: Mapping[str, Mapping[str, Any]]
    positions: Mapping[str, int]
    embedded: _Embedding

    @classmethod
    def of(
        cls, results: Mapping[str, Any], exchanges: Iterable[Record]
    ) -> "ReportPage":
        """Return the page of a run."""
        embedded = _Embedding(frozenset(_deciding(results)))
        embedded.take(exchanges)
        cases = {case["id"]: case for case in results["cases"]}
        for case, names in embedded.by_case.items():
            purposes = {embedded.purposes[name] for name in names}
            cases.setdefault(case, _unfinished(case, purposes))
        requirements = {row["id"]: row for row in results["requirements"]}
        positions = {name: at for at, name in enumerate(cases)}
        return cls(results, cases, requirements, positions, embedded)

    def exchanges(self, case: Mapping[str, Any]) -> list[str]:
        """Return the ids of a case's exchanges: those its result lists, then those only the file knows."""
        recorded = self.embedded.by_case.get(case["id"], ())
        return list(dict.fromkeys([*case["exchanges"], *recorded]))

    def probe(self, case: Mapping[str, Any]) -> str:
        """Return the exchange that a case's findings are about, or "" where there is none."""
        purposes = self.embedded.purposes
        deciding = case.get("deciding") or self.exchanges(case)
        recorded = [name for name in deciding if name in purposes]
        probes = [name for name in recorded if purposes[name] == "probe"]
        return next(reversed(probes or recorded), "")

    def statement(self, requirement: str) -> str:
        """Return a requirement's statement, or its id where the results do not describe it."""
        return str(self.requirements.get(requirement, {}).get("statement", requirement))

    def positions_of(self, cases: Iterable[str]) -> str:
        """Return the positions of cases, for the script's filters."""
        return " ".join(
            str(self.positions[case]) for case in cases if case in self.positions
        )


def _deciding(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield the exchanges that decided on a case with findings or without a pass."""
    for case in results["cases"]:
        if case["findings"] or case["verdict"] in _UNDECIDED:
            yield from case.get("deciding", ())


def is_case(entry: Mapping[str, Any]) -> bool:
    """Tell a case from the requests that restored a service, which stand beside the cases."""
    return bool(entry["verdict"] != "restoring")


def _unfinished(case: str, purposes: Collection[str]) -> dict[str, Any]:
    """Return an entry for exchanges without a result: of a case that did not end, or of restoring a service."""
    verdict = "unfinished"
    reason = "the run ended before this case did; these are its completed exchanges"
    if set(purposes) == {_RESTORE}:
        verdict = "restoring"
        reason = "these requests restored the state that the service had before the run"
    return {
        "id": case,
        "service": case.partition("/")[0],
        "title": case.rpartition("/")[2],
        "kind": "",
        "origin": "",
        "requirements": [],
        "exchanges": [],
        "findings": [],
        "verdict": verdict,
        "reason": reason,
        "checks_evaluated": 0,
        "duration_s": 0.0,
    }
