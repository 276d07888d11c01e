"""Writes report.html: a run folder as one page that opens offline, reads well and can be passed on.

Verdict, findings, requirements and cases are HTML; exchanges are JSON text that the page's script
shows on demand. All foreign text is escaped by `_text` and `_json`, and nowhere else. Must not
judge, nor contact anything.
"""

import base64
import contextlib
import hashlib
import html
import json
import os
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NewType
from urllib.parse import quote

from conformance.evidence.store import FILE, Record, read_exchanges
from conformance.model.errors import UsageError
from conformance.reporting.mutation_score import in_words

Html = NewType("Html", str)
"""Text that may stand in the page as it is; only `_text`, `_json`, `_element` and our own assets make it."""

REPORT = "report.html"
LONGEST_BODY = 64 * 2**10
"""Characters of a body that the report holds; exchanges.jsonl has all that was kept."""
LONGEST_BINARY = 12 * 2**10
"""Bytes of a body that is not text; a multiple of three, so that base64 can be cut there."""
LONGEST_HEAD, LONGEST_TEXT = 16 * 2**10, 2**12
ROOM, ROOM_FOR_DECIDING = 32 * 2**20, 96 * 2**20
"""Bytes of exchanges after which texts are cut to SCANT, so that the page still opens at once."""
SCANT = 2**10

_RESTORE = "restore"
"""The purpose of exchanges that leave a service as it was found."""
_DASH = "\N{EN DASH}"
_VERDICTS = {
    "error": ("!", "error"),
    "fail": ("✗", "fail"),
    "inconclusive": ("?", "inconclusive"),
    "pass": ("✓", "pass"),
    "not_applicable": (_DASH, "not applicable"),
    "not_run": ("○", "not run"),
    "not_covered": ("·", "not covered"),
    "unfinished": ("…", "unfinished"),
    "restoring": ("↺", "restoring"),
}
_SEVERITIES = {"violation": ("✗", "violation"), "warning": ("▲", "warning"), "observation": ("●", "observation")}
_EXITS = {
    0: ("pass", "Conformant", "every service has a case that passed, and none failed, erred or stayed inconclusive"),
    1: ("fail", "Not conformant", "at least one case failed: a requirement is shown to be broken"),
    3: (
        "inconclusive",
        "Inconclusive",
        "nothing failed, but a case stayed inconclusive or was not run for its limits, or no case of a service passed",
    ),
    4: (
        "error",
        "The harness erred",
        "the harness itself erred in a case, which therefore says nothing about the target",
    ),
    130: ("unfinished", "Interrupted", "the run was interrupted; what was done until then is shown"),
}
_SHOWN_LINKS = 5
_MOST_COMMANDS = 12
_MANY = 300
"""From so many cases on, a browser is told to leave out of its layout what is out of sight."""
_INVISIBLE = re.compile(r"[^ -~\n\t]")
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def write_report(folder: Path) -> Path:
    """Write report.html (mode 0600) into a run folder, whole or not at all, and return its path.

    Raises UsageError where the folder has no results.json.
    """
    try:
        results = json.loads((folder / "results.json").read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{folder}: there is no results.json, so that no run has ended here") from None
    handle, name = tempfile.mkstemp(prefix=".report-", dir=folder)
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - an open file descriptor
            file.writelines(render(results, read_exchanges(folder)))
        os.replace(name, folder / REPORT)  # noqa: PTH105 - the name is a string already
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 - as above
        raise
    return folder / REPORT


def render(results: Mapping[str, Any], exchanges: Iterable[Record]) -> Iterator[str]:
    """Yield the page in pieces, from the content of results.json and of exchanges.jsonl."""
    page = _Page.of(results, exchanges)
    style, script = _asset("report.css"), _asset("report.js")
    title = f"{_exit(page)[1]}: {results['run']['target']['name']}, {results['run']['id']}"
    parts: dict[str, Iterable[Html]] = {
        "policy": [_policy(style, script)],
        "style": [style],
        "script": [script],
        "title": [_text(f"{title} \N{EN DASH} eHealth conformance report")],
        "masthead": _masthead(page),
        "summary": _summary(page),
        "findings": _findings(page),
        "requirements": _requirements(page),
        "cases": _cases(page),
        "footer": _footer(page),
        "data": _data(page),
    }
    for number, piece in enumerate(re.split(r"\{\{ (\w+) \}\}", _asset("report.html"))):
        if number % 2:
            yield from parts[piece]
        else:
            yield piece


# ---------------------------------------------------------------------------------- text and markup


def visible(text: str) -> str:
    """Return text with control, format and surrogate characters made visible; newline and tab stay.

    What an answer hides (NUL, a lone surrogate, a right-to-left override) is what a reader must see.
    """
    return _INVISIBLE.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    character = match.group()
    if unicodedata.category(character) not in _INVISIBLE_CATEGORIES:
        return character
    return f"⟨U+{ord(character):04X}⟩"


def _text(value: object) -> Html:
    return Html(html.escape(visible(str(value))))


def _json(value: object) -> Html:
    """Return JSON that cannot end its script element, nor any other, in ASCII."""
    text = json.dumps(value, separators=(",", ":"))
    return Html(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _element(tag: str, *children: Html, **attributes: object) -> Html:
    """Return an element; None and False leave an attribute out, `class_` and `data_x` are spelled as in Python."""
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_text(value)}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{tag}{given}>{''.join(children)}</{tag}>")


def _data_block(name: str, value: object, **attributes: object) -> Html:
    return _element("script", _json(value), type="application/json", id=name, **attributes)


def _asset(name: str) -> Html:
    return Html(Path(__file__).with_name(name).read_text("utf-8"))


def _policy(style: str, script: str) -> Html:
    def source(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    allowed = f"script-src {source(script)}; style-src {source(style)}"
    return Html(f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'")


def _link(key: str, name: str, label: Html, **attributes: object) -> Html:
    return _element("a", label, href=f"#{key}={quote(name, safe='/', errors='replace')}", **attributes)


def _code(value: object) -> Html:
    return _element("code", _text(value))


def _badge(word: str) -> Html:
    symbol, name = _sign(word)
    return _element("span", _hidden(symbol), _text(f" {name}"), class_=f"badge {word}")


def _mark(word: str) -> Html:
    """Return the sign of a verdict without its word, which those who cannot see it are told."""
    symbol, name = _sign(word)
    return _element("span", _text(symbol), class_=f"mark {word}", role="img", aria_label=name)


def _sign(word: str) -> tuple[str, str]:
    return (_VERDICTS | _SEVERITIES).get(word, ("·", word))


def _hidden(symbol: str) -> Html:
    return _element("span", _text(symbol), aria_hidden="true")


def _list(items: Iterable[Html], **attributes: object) -> Html:
    return _element("ul", *(_element("li", item) for item in items), **attributes)


def _joined(pieces: Iterable[Html], separator: str = " · ") -> Html:
    return Html(_text(separator).join(piece for piece in pieces if piece))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _clip(text: object, longest: int = LONGEST_TEXT) -> str:
    text = str(text)
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters in all)"


def _lasting(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"  # noqa: PLR2004
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"  # noqa: PLR2004


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03} UTC"


# ------------------------------------------------------------------------------- what the page knows


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
        shown = {"id": name, "purpose": record["purpose"], "started": _moment(record["started"])}
        shown |= {"elapsed": _lasting(record["elapsed_s"]), "request": self._message(request, whole=whole)}
        if "response" in record:
            shown["response"] = self._message(record["response"], whole=whole)
        if "failure" in record:
            shown["failure"] = record["failure"] | {"received": self._body(record["failure"]["received"], whole=whole)}
        self._keep(_data_block(f"exchange={name}", shown, data_case=case))

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
        shown = message | {key: _clip(message[key]) for key in ("url", "reason", "method") if key in message}
        shown |= {"headers": headers, "headers_cut": len(message["headers"]) - len(headers)}
        return shown | {"body": self._body(message["body"], whole=whole)}

    def _body(self, body: Record, *, whole: bool) -> Record | str:
        """Return a body as the page keeps it: as it is where it is short, else the name of its data block."""
        kept = _kept_text(body["text"], whole=whole) if "text" in body else _kept_binary(body["base64"], whole=whole)
        if len(kept.get("text", "")) + len(kept.get("base64", "")) < 256:  # noqa: PLR2004 - shorter than it saves
            return kept
        block = _json(kept)
        digest = hashlib.sha256(block.encode()).digest()
        if digest not in self._bodies:
            self._bodies[digest] = f"body={len(self._bodies) + 1}"
            self._keep(_data_block(self._bodies[digest], kept))
        return self._bodies[digest]


def _kept_text(text: str, *, whole: bool) -> Record:
    longest = LONGEST_BODY if whole else SCANT
    size = len(text.encode("utf-8", "surrogatepass"))
    return {"text": text[:longest], "size": size} | ({"cut": longest} if len(text) > longest else {})


def _kept_binary(text: str, *, whole: bool) -> Record:
    longest = LONGEST_BINARY if whole else SCANT // 3 * 3
    size = len(text) * 3 // 4 - text[-2:].count("=")
    return {"base64": text[: longest * 4 // 3], "size": size} | ({"cut": longest} if size > longest else {})


@dataclass(frozen=True, slots=True)
class _Page:
    """Everything the sections are made of; `cases` ends with those that have exchanges but no result."""

    results: Mapping[str, Any]
    cases: Mapping[str, Mapping[str, Any]]
    requirements: Mapping[str, Mapping[str, Any]]
    positions: Mapping[str, int]
    embedded: _Embedding

    @classmethod
    def of(cls, results: Mapping[str, Any], exchanges: Iterable[Record]) -> "_Page":
        """Return the page of a run."""
        judged = {"fail", "inconclusive", "error"}
        telling = [case for case in results["cases"] if case["findings"] or case["verdict"] in judged]
        embedded = _Embedding(frozenset(name for case in telling for name in case.get("deciding", ())))
        embedded.take(exchanges)
        cases = {case["id"]: case for case in results["cases"]}
        cases |= {
            case: _unfinished(case, {embedded.purposes[name] for name in names})
            for case, names in embedded.by_case.items()
            if case not in cases
        }
        requirements = {row["id"]: row for row in results["requirements"]}
        return cls(results, cases, requirements, {name: at for at, name in enumerate(cases)}, embedded)

    def exchanges(self, case: Mapping[str, Any]) -> list[str]:
        """Return the ids of a case's exchanges: those its result lists, then those only the file knows."""
        return list(dict.fromkeys([*case["exchanges"], *self.embedded.by_case.get(case["id"], ())]))

    def probe(self, case: Mapping[str, Any]) -> str:
        """Return the exchange that a case's findings are about, or "" where there is none."""
        deciding = case.get("deciding") or self.exchanges(case)
        probes = [name for name in deciding if self.embedded.purposes.get(name) == "probe"]
        return next(reversed(probes or [name for name in deciding if name in self.embedded.purposes]), "")

    def statement(self, requirement: str) -> str:
        """Return a requirement's statement, or its id where the results do not describe it."""
        return str(self.requirements.get(requirement, {}).get("statement", requirement))

    def positions_of(self, cases: Iterable[str]) -> str:
        """Return the positions of cases, for the script's filters."""
        return " ".join(str(self.positions[case]) for case in cases if case in self.positions)


def _unfinished(case: str, purposes: Collection[str]) -> dict[str, Any]:
    """Return an entry for exchanges without a result: of a case that did not end, or of what restores a service."""
    about = {"id": case, "service": case.partition("/")[0], "title": case.rpartition("/")[2], "kind": "", "origin": ""}
    restoring = set(purposes) == {_RESTORE}
    ended = "the run ended before this case did; these are its completed exchanges"
    reason = "what was asked and undone to leave the service as it was found" if restoring else ended
    empty: dict[str, Any] = {"requirements": [], "exchanges": [], "findings": []}
    verdict = "restoring" if restoring else "unfinished"
    return about | empty | {"verdict": verdict, "reason": reason, "checks_evaluated": 0, "duration_s": 0.0}


# -------------------------------------------------------------------------------- head and summary


def _exit(page: _Page) -> tuple[str, str, str]:
    code = page.results["run"]["exit_code"]
    return _EXITS.get(code, ("unfinished", f"Ended with exit code {code}", "see the interface for its meaning"))


def _masthead(page: _Page) -> Iterator[Html]:
    run = page.results["run"]
    yield _element("h1", _text(run["target"]["name"]))
    yield _element("p", _text(f"{run['target']['environment']} environment · "), *_services(page), class_="lead")


def _services(page: _Page) -> Iterator[Html]:
    run = page.results["run"]
    for number, service in enumerate(run["services"]):
        version = run.get("specs", {}).get(service, "")
        yield _text((", " if number else "") + f"{service} {version}".rstrip())


def _summary(page: _Page) -> Iterator[Html]:
    tone, title, meaning = _exit(page)
    code = page.results["run"]["exit_code"]
    yield _element(
        "div",
        _element("span", _text(_VERDICTS[tone][0]), class_="sign", aria_hidden="true"),
        _element(
            "div",
            _element("p", _text(title), class_="outcome"),
            *(_element("p", _text(sentence)) for sentence in _why(page)),
            _element("p", _element("b", _text(f"Exit code {code}")), _text(f": {meaning}."), class_="meaning"),
        ),
        class_=f"verdict {tone}",
    )
    yield _element("div", *_counts(page), class_="counts")
    yield _element("dl", *_facts(page), class_="facts")


def _why(page: _Page) -> Iterator[str]:
    """Yield the sentences that say what the exit code rests on."""
    cases = page.results["cases"]
    verdicts = Counter(case["verdict"] for case in cases)
    counted = [case for case in cases if case["verdict"] not in {"not_run", "not_applicable"}]
    broken = sum(row["verdict"] == "fail" for row in page.results["requirements"])
    yield f"{verdicts['pass']:,} of {_count(len(counted), 'judged case')} passed."
    if verdicts["fail"]:
        yield f"{_count(verdicts['fail'], 'case')} failed, breaking {_count(broken, 'requirement')}."
    if known := sum(bool(case.get("known")) for case in cases):
        yield f"{_count(known, 'known failure')} among them: accepted for now, and not counted by the exit code."
    if verdicts["error"]:
        yield f"{_count(verdicts['error'], 'case')} could not be judged because the harness erred."
    if verdicts["inconclusive"]:
        yield f"{_count(verdicts['inconclusive'], 'case')} stayed inconclusive."
    passed = {case["service"] for case in cases if case["verdict"] == "pass" or case.get("known")}
    for service in page.results["run"]["services"]:
        if service not in passed:
            yield f"No case of {service} passed, so that nothing shows it to conform."
    if verdicts["not_run"]:
        yield f"{_count(verdicts['not_run'], 'case')} not run."
    if page.embedded.unreadable:
        yield f"A line of {FILE} cannot be read; the exchanges after it are missing here."


def _counts(page: _Page) -> Iterator[Html]:
    cases = Counter(case["verdict"] for case in page.cases.values() if case["verdict"] != "restoring")
    requirements = Counter(row["verdict"] for row in page.results["requirements"])
    findings = Counter(finding["severity"] for case in page.results["cases"] for finding in case["findings"])
    distinct = sum(len(group) for group in _occurrences(page).values())
    note = f", {distinct:,} distinct" if distinct != findings.total() else ""
    yield _figure(_count(cases.total(), "case"), "verdict", _ordered(cases, _VERDICTS), goto="cases")
    title = _count(requirements.total(), "requirement")
    yield _figure(title, "verdict", _ordered(requirements, _VERDICTS), goto="requirements")
    title = _count(findings.total(), "finding") + note
    yield _figure(title, "severity", _ordered(findings, _SEVERITIES), goto="findings")


def _ordered(counts: Counter[str], words: Iterable[str]) -> dict[str, int]:
    return {word: counts[word] for word in dict.fromkeys([*words, *counts]) if counts[word]}


def _figure(title: str, key: str, counts: Mapping[str, int], *, goto: str) -> Html:
    number, _, noun = title.partition(" ")
    legend = (
        _link(key, word, Html(_element("b", _text(f"{number:,}")) + _badge(word)), data_goto=goto)
        for word, number in counts.items()
    )
    caption = _element("figcaption", _element("b", _text(number)), _text(f" {noun}"))
    return _element("figure", caption, _bar(counts), _list(legend))


def _bar(counts: Mapping[str, int]) -> Html:
    """Return a stacked bar; a part is never too thin to be seen."""
    shares = {word: max(number / sum(counts.values()), 0.012) for word, number in counts.items()}
    parts, at = [], 0.0
    for word, share in shares.items():
        width = 1000 * share / sum(shares.values())
        parts.append(_element("rect", class_=word, x=f"{at:.1f}", y=0, width=f"{width:.1f}", height=8))
        at += width
    return _element("svg", *parts, viewBox="0 0 1000 8", preserveAspectRatio="none", aria_hidden="true", class_="bar")


def _facts(page: _Page) -> Iterator[Html]:
    run = page.results["run"]
    lasted = datetime.fromisoformat(run["finished"]) - datetime.fromisoformat(run["started"])
    sources = [row["source"] for row in page.results["requirements"]]
    documents = dict.fromkeys(f"{source['document']} {source['version']}" for source in sources)
    rows: list[tuple[str, Iterable[Html]]] = [
        ("Target", [_text(f"{run['target']['name']} ({run['target']['environment']})")]),
        ("Addresses", [_text(_clip(", ".join(page.embedded.origins)) or "no request was sent")]),
        ("Under test", [_text(run["iut"])]),
        ("Cookbooks", [_text(", ".join(documents))]),
        ("Started", [_text(_moment(run["started"]))]),
        ("Finished", [_text(f"{_moment(run['finished'])}, after {_lasting(lasted.total_seconds())}")]),
        ("Run", [_code(run["id"])]),
        ("Exchanges", [_text(f"{len(page.embedded.purposes):,}")]),
        ("Harness", [_text(f"ehealth-conformance {run['harness']}")]),
        ("Seed", [_text(run["seed"])]),
        ("Suites", [_text(in_words(run.get("mutation_score")))]),
    ]
    for name, value in rows:
        yield _element("div", _element("dt", _text(name)), _element("dd", *value))


def _footer(page: _Page) -> Iterator[Html]:
    run = page.results["run"]
    words = f"Run {run['id']}, written by ehealth-conformance {run['harness']}. This page loads and sends nothing. "
    yield _element("p", _text(f"{words}For machines, in the same folder: results.json, junit.xml and {FILE}."))


# ---------------------------------------------------------------------------------------- findings


@dataclass(slots=True)
class _Occurrence:
    """One statement about a requirement and the cases that made it."""

    finding: Mapping[str, Any]
    cases: list[str] = field(default_factory=list)


def _findings(page: _Page) -> Iterator[Html]:
    grouped = _occurrences(page)
    yield from _severity_group(page, "violation", "Violations", grouped)
    yield from _reason_group(page, ("inconclusive", "error"), "Not judged")
    yield from _severity_group(page, "warning", "Warnings", grouped)
    yield from _severity_group(page, "observation", "Observations", grouped)
    yield from _reason_group(page, ("not_run", "not_applicable"), "Left out")
    if not grouped and not any(case["verdict"] in {"error", "inconclusive"} for case in page.cases.values()):
        yield _element("p", _text("Nothing was found: no violation, no warning, no observation."), class_="quiet")


def _occurrences(page: _Page) -> dict[tuple[str, str], dict[tuple[str, ...], _Occurrence]]:
    """Group what was found by severity and requirement, and what is the same in several cases into one."""
    groups: dict[tuple[str, str], dict[tuple[str, ...], _Occurrence]] = {}
    for case in page.cases.values():
        for finding in case["findings"]:
            group = groups.setdefault((finding["severity"], finding["requirement"]), {})
            alike = tuple(finding[key] for key in ("message", "location", "expected", "actual"))
            occurrence = group.setdefault(alike, _Occurrence(finding))
            if case["id"] not in occurrence.cases:
                occurrence.cases.append(case["id"])
    return groups


def _severity_group(
    page: _Page, severity: str, title: str, grouped: Mapping[tuple[str, str], Mapping[tuple[str, ...], _Occurrence]]
) -> Iterator[Html]:
    found = {requirement: group for (weight, requirement), group in grouped.items() if weight == severity}
    if found:
        number = sum(len(group) for group in found.values())
        cards = (_finding_card(page, severity, name, list(group.values())) for name, group in found.items())
        yield _element("div", _heading(severity, title, _count(number, "distinct finding")), *cards, class_="group")


def _heading(word: str, title: str, note: str) -> Html:
    sign = _element("span", _text(_sign(word)[0]), class_=f"mark {word}", aria_hidden="true")
    return _element("h3", sign, _text(f" {title} "), _element("small", _text(note)))


def _finding_card(page: _Page, severity: str, requirement: str, occurrences: Sequence[_Occurrence]) -> Html:
    row = page.requirements.get(requirement, {})
    cases = dict.fromkeys(case for occurrence in occurrences for case in occurrence.cases)
    source = row.get("source", {})
    about = [
        _link("requirement", requirement, _code(requirement)),
        _level(row.get("level", "")),
        _text(f"section {source['section']} of {source['document']} {source['version']}") if source else Html(""),
    ]
    return _element(
        "article",
        _element("h4", _text(page.statement(requirement))),
        _element("p", _joined(about), class_="about"),
        *(_occurrence(page, occurrence) for occurrence in occurrences),
        class_=f"card finding {severity}",
        data_severity=severity,
        data_service=row.get("service", requirement.partition("/")[0]),
        data_requirement=requirement,
        data_cases=page.positions_of(cases),
        data_weight=len(occurrences),
    )


def _occurrence(page: _Page, occurrence: _Occurrence) -> Html:
    finding = occurrence.finding
    where = [_text(" at "), _code(_clip(finding["location"]))] if finding["location"] else []
    return _element(
        "div",
        _element("p", _element("strong", _text(_clip(finding["message"]))), *where, class_="message"),
        _compare(finding),
        *_folded([_case_title(page, page.cases[case], occurrence.finding) for case in occurrence.cases]),
        class_="occurrence",
    )


def _compare(finding: Mapping[str, Any]) -> Html:
    if not finding["expected"] and not finding["actual"]:
        return Html("")
    sides = (("Expected", finding["expected"]), ("Actual", finding["actual"]))
    return _element(
        "dl",
        *(
            _element(
                "div", _element("dt", _text(name)), _element("dd", _text(_clip(value or _DASH))), class_=name.lower()
            )
            for name, value in sides
        ),
        class_="compare",
    )


def _case_title(page: _Page, case: Mapping[str, Any], finding: Mapping[str, Any]) -> Html:
    """Return links to a case and to the exchange that a finding is about."""
    pieces = [Html(_mark(case["verdict"]) + _text(" ") + _link("case", case["id"], _text(case["title"])))]
    if probe := finding.get("exchange") or page.probe(case):
        pieces.append(Html(_text("exchange ") + _link("exchange", probe, _text(probe))))
    if case.get("known"):
        pieces.append(_element("span", _text(f"known failure: {case['known']}"), class_="known"))
    return _joined(pieces)


def _folded(items: Sequence[Html]) -> Iterator[Html]:
    """Yield a list of the first items, and the others in a part that opens."""
    yield _list(items[:_SHOWN_LINKS], class_="links")
    if rest := items[_SHOWN_LINKS:]:
        summary = _element("summary", _text(f"{len(rest):,} more"))
        yield _element("details", summary, _list(rest, class_="links"), class_="more")


def _reason_group(page: _Page, verdicts: Sequence[str], title: str) -> Iterator[Html]:
    """Yield the reasons why cases have no verdict on the target, each with its cases."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        for case in page.cases.values():
            if case["verdict"] == verdict:
                reasons.setdefault((verdict, case["reason"] or "no reason is given"), []).append(case["id"])
    if reasons:
        number = _count(sum(len(cases) for cases in reasons.values()), "case")
        cards = (_reason_card(page, *key, cases) for key, cases in reasons.items())
        yield _element("div", _heading(verdicts[0], title, number), *cards, class_="group")


def _reason_card(page: _Page, verdict: str, reason: str, cases: Sequence[str]) -> Html:
    heading = _element(
        "h4", _badge(verdict), _text(f" {_clip(reason)} "), _element("small", _text(_count(len(cases), "case")))
    )
    return _element(
        "article",
        heading,
        *_folded([_case_title(page, page.cases[case], {}) for case in cases]),
        class_=f"card reason {verdict}",
        data_verdict=verdict,
        data_cases=page.positions_of(cases),
        data_weight=0,
    )


# ------------------------------------------------------------------------------ requirements, cases


def _requirements(page: _Page) -> Iterator[Html]:
    note = "The sign beside a case is the case's own verdict: a case that breaks one requirement accuses no other."
    yield _element("p", _text(note), class_="quiet")
    services: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for row in page.results["requirements"]:
        services.setdefault(row["service"], {}).setdefault(row["source"]["section"], []).append(row)
    for service, sections in services.items():
        source = next(iter(sections.values()))[0]["source"]
        head = "".join(f'<th scope="col">{name}</th>' for name in ("Verdict", "Requirement", "Level", "Binds", "Cases"))
        caption = _element("span", _text(f"{source['document']} {source['version']}"))
        yield _element(
            "table",
            _element("caption", _element("h3", _text(service)), caption),
            Html(f"<thead><tr>{head}</tr></thead>"),
            *(_matrix_section(page, name, sections[name]) for name in sorted(sections, key=_natural)),
            class_="matrix",
        )


def _natural(section: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (0, part) for part in section.split(".")]


def _matrix_section(page: _Page, section: str, rows: Sequence[Mapping[str, Any]]) -> Html:
    heading = _element("tr", _element("th", _text(f"Section {section}"), colspan=5, scope="rowgroup"), class_="section")
    return _element("tbody", heading, *(_matrix_row(page, row) for row in rows))


def _matrix_row(page: _Page, row: Mapping[str, Any]) -> Html:
    cases = [page.cases[case] for case in row["cases"] if case in page.cases]
    cases.sort(key=lambda case: list(_VERDICTS).index(case["verdict"]))  # the worst first
    links = [_case_link(case, row["service"]) for case in cases]
    reason = row.get("reason", "")
    return _element(
        "tr",
        _element("td", _badge(row["verdict"])),
        _element(
            "td",
            _element("p", _text(row["statement"]), class_="statement"),
            _element("p", _link("requirement", row["id"], _code(row["id"])), class_="id"),
            _element("p", _text(_clip(reason)), class_="why") if reason else Html(""),
        ),
        _element("td", _level(row["level"])),
        _element("td", _text(row["iut"]), data_label="binds"),
        _element("td", *(_folded(links) if links else [_text("no case")]), class_="case-links"),
        id=f"requirement={row['id']}",
        data_requirement=row["id"],
        data_verdict=row["verdict"],
        data_service=row["service"],
        data_cases=page.positions_of(row["cases"]),
    )


def _case_link(case: Mapping[str, Any], service: str) -> Html:
    label = _mark(case["verdict"]) + _text(f" {case['id'].removeprefix(service + '/')}")
    return _link("case", case["id"], Html(label), title=case["title"])


def _level(level: str) -> Html:
    return _element("span", _text(level), class_=f"level {level.lower()}") if level else Html("")


def _cases(page: _Page) -> Iterator[Html]:
    services: dict[str, list[Mapping[str, Any]]] = {}
    for case in page.cases.values():
        services.setdefault(case["service"], []).append(case)
    for service, cases in services.items():
        heading = _element("h3", _text(f"{service} "), _element("small", _text(_count(len(cases), "case"))))
        many = " many" if len(page.cases) > _MANY else ""
        yield _element("div", heading, *(_case(page, case) for case in cases), class_=f"group{many}")


def _case(page: _Page, case: Mapping[str, Any]) -> Html:
    number = len(page.exchanges(case))
    severities = [word for word in _SEVERITIES if any(finding["severity"] == word for finding in case["findings"])]
    tags = [_badge(word) for word in severities if not (word == "violation" and case["verdict"] == "fail")]
    tags += [_element("span", _text("known"), class_="known", title=case["known"])] if case.get("known") else []
    summary = _element(
        "summary",
        _badge(case["verdict"]),
        _element("h4", _text(case["title"])),
        _element("span", *tags, _text(_count(number, "exchange")), class_="size"),
        _element("code", _text(case["id"])),
    )
    return _element(
        "details",
        summary,
        _element("p", _text(_clip(case["reason"])), class_="reason") if case["reason"] else Html(""),
        _element("p", _joined(_about_case(case)), class_="about"),
        *_commands(case),
        class_=f"case {case['verdict']}",
        id=f"case={case['id']}",
        data_case=case["id"],
        data_verdict=case["verdict"],
        data_service=case["service"],
        data_kind=case["kind"],
        data_severity=" ".join(severities) or None,
    )


def _commands(case: Mapping[str, Any]) -> Iterator[Html]:
    """Yield the commands that send what shows a failure, with variables for credentials."""
    lines = case.get("counterexample", {}).get("curl", ())
    if lines:
        yield _element("p", _text("The same by hand:"), class_="about")
        yield _element("pre", _text(_clip("\n".join(lines[-_MOST_COMMANDS:]))), class_="commands")


def _about_case(case: Mapping[str, Any]) -> Iterator[Html]:
    yield _text(case["kind"])
    yield _text(case["origin"])
    yield _text(f"{_count(case['checks_evaluated'], 'check')} evaluated")
    yield _text(_lasting(case["duration_s"]))
    if case.get("known"):
        yield _text(f"known failure: {case['known']}")


# -------------------------------------------------------------------------------------------- data


def _data(page: _Page) -> Iterator[Html]:
    """Yield what the script shows on demand, one block of JSON text a case, an exchange, a long body."""
    for case in page.cases.values():
        findings = [{key: _clip(value) for key, value in finding.items()} for finding in case["findings"]]
        yield _data_block(
            f"data={case['id']}",
            {
                "requirements": list(case["requirements"]),
                "evaluated": case.get("evaluated", {}),
                "findings": findings,
                "probe": page.probe(case),
                "deciding": list(case.get("deciding", ())),
                "exchanges": page.exchanges(case),
            },
        )
        yield Html("\n")
    for block in page.embedded.blocks:
        yield block
        yield Html("\n")
