"""What of a run a report embeds: its exchanges, within bounds.

Must not write HTML.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
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
ROOM, ROOM_FOR_DECIDING = 32 * 2**20, 96 * 2**20
"""Bytes of exchanges after which texts are cut to SCANT, so that the page still opens at once."""
SCANT = 2**10

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
    unreadable: bool = False
    _bodies: dict[bytes, str] = field(default_factory=dict)
    _spent: int = 0

    def take(self, exchanges: Iterable[Record]) -> None:
        """Take in all exchanges; a file that is broken in the middle is read as far as it goes."""
        try:
            for record in exchanges:
                self._add(record)
        except ValueError:
            self.unreadable = True

    def _add(self, record: Record) -> None:
        name, case, request = record["id"], record["case"], record["request"]
        whole = self._spent < (ROOM_FOR_DECIDING if name in self.deciding else ROOM)
        self.purposes[name] = record["purpose"]
        self.by_case.setdefault(case, []).append(name)
        self.origins["/".join(request["url"].split("/", 3)[:3])] = None
        shown = {
            "id": name,
            "purpose": record["purpose"],
            "started": moment_words(record["started"]),
        }
        shown |= {
            "elapsed": duration_words(record["elapsed_s"]),
            "request": self._message(request, whole=whole),
        }
        if "response" in record:
            shown["response"] = self._message(record["response"], whole=whole)
        if "failure" in record:
            shown["failure"] = record["failure"] | {
                "received": self._body(record["failure"]["received"], whole=whole)
            }
        self._keep(data_block(f"exchange={name}", shown, data_case=case))

    def _keep(self, block: Html) -> None:
        self._spent += len(block)
        self.blocks.append(block)

    def _message(self, message: Record, *, whole: bool) -> Record:
        headers, left = [], LONGEST_HEAD if whole else SCANT
        for name, value in message["headers"]:
            left -= len(name) + len(value)
            if left < 0:
                break
            headers.append([name, value])
        shown = message | {
            key: clipped(message[key])
            for key in ("url", "reason", "method")
            if key in message
        }
        shown |= {
            "headers": headers,
            "headers_cut": len(message["headers"]) - len(headers),
        }
        return shown | {"body": self._body(message["body"], whole=whole)}

    def _body(self, body: Record, *, whole: bool) -> Record | str:
        """Return a body as the page keeps it: as it is where it is short, else the name of its data block."""
        kept = (
            _kept_text(body["text"], whole=whole)
            if "text" in body
            else _kept_binary(body["base64"], whole=whole)
        )
        if len(kept.get("text", "")) + len(kept.get("base64", "")) < 256:  # noqa: PLR2004 - shorter than it saves
            return kept
        block = json_text(kept)
        digest = hashlib.sha256(block.encode()).digest()
        if digest not in self._bodies:
            self._bodies[digest] = f"body={len(self._bodies) + 1}"
            self._keep(data_block(self._bodies[digest], kept))
        return self._bodies[digest]


def _kept_text(text: str, *, whole: bool) -> Record:
    longest = LONGEST_BODY if whole else SCANT
    size = len(text.encode("utf-8", "surrogatepass"))
    return {"text": text[:longest], "size": size} | (
        {"cut": longest} if len(text) > longest else {}
    )


def _kept_binary(text: str, *, whole: bool) -> Record:
    longest = LONGEST_BINARY if whole else SCANT // 3 * 3
    size = len(text) * 3 // 4 - text[-2:].count("=")
    return {"base64": text[: longest * 4 // 3], "size": size} | (
        {"cut": longest} if size > longest else {}
    )


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
        judged = {"fail", "inconclusive", "error"}
        telling = [
            case
            for case in results["cases"]
            if case["findings"] or case["verdict"] in judged
        ]
        embedded = _Embedding(
            frozenset(name for case in telling for name in case.get("deciding", ()))
        )
        embedded.take(exchanges)
        cases = {case["id"]: case for case in results["cases"]}
        cases |= {
            case: _unfinished(case, {embedded.purposes[name] for name in names})
            for case, names in embedded.by_case.items()
            if case not in cases
        }
        requirements = {row["id"]: row for row in results["requirements"]}
        return cls(
            results,
            cases,
            requirements,
            {name: at for at, name in enumerate(cases)},
            embedded,
        )

    def exchanges(self, case: Mapping[str, Any]) -> list[str]:
        """Return the ids of a case's exchanges: those its result lists, then those only the file knows."""
        return list(
            dict.fromkeys(
                [*case["exchanges"], *self.embedded.by_case.get(case["id"], ())]
            )
        )

    def probe(self, case: Mapping[str, Any]) -> str:
        """Return the exchange that a case's findings are about, or "" where there is none."""
        deciding = case.get("deciding") or self.exchanges(case)
        probes = [
            name for name in deciding if self.embedded.purposes.get(name) == "probe"
        ]
        return next(
            reversed(
                probes or [name for name in deciding if name in self.embedded.purposes]
            ),
            "",
        )

    def statement(self, requirement: str) -> str:
        """Return a requirement's statement, or its id where the results do not describe it."""
        return str(self.requirements.get(requirement, {}).get("statement", requirement))

    def positions_of(self, cases: Iterable[str]) -> str:
        """Return the positions of cases, for the script's filters."""
        return " ".join(
            str(self.positions[case]) for case in cases if case in self.positions
        )


def _unfinished(case: str, purposes: Collection[str]) -> dict[str, Any]:
    """Return an entry for exchanges without a result: of a case that did not end, or of what restores a service."""
    about = {
        "id": case,
        "service": case.partition("/")[0],
        "title": case.rpartition("/")[2],
        "kind": "",
        "origin": "",
    }
    restoring = set(purposes) == {_RESTORE}
    ended = "the run ended before this case did; these are its completed exchanges"
    reason = (
        "what was asked and undone to leave the service as it was found"
        if restoring
        else ended
    )
    empty: dict[str, Any] = {"requirements": [], "exchanges": [], "findings": []}
    verdict = "restoring" if restoring else "unfinished"
    return (
        about
        | empty
        | {
            "verdict": verdict,
            "reason": reason,
            "checks_evaluated": 0,
            "duration_s": 0.0,
        }
    )
