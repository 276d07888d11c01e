"""Writes report.html: a run folder as one page that opens offline, reads well and can be passed on.

Verdict, findings, requirements and cases are HTML; exchanges are JSON text that the page's script
shows on demand. All foreign text is escaped by `_text` and `_json`, and nowhere else. Must not
judge, nor contact anything.
"""

import contextlib
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance.evidence.results_document import partial_selection
from conformance.evidence.store import (
    FILE,
    Record,
    broken_lines,
    read_exchanges,
    skipped_words,
)
from conformance.model.errors import UsageError
from conformance.model.wording import count_of, kind_words
from conformance.reporting.embedding import ReportPage, is_case
from conformance.reporting.html_facts import run_facts
from conformance.reporting.html_findings import finding_groups, occurrences
from conformance.reporting.html_matrix import case_list, requirement_matrix
from conformance.reporting.markup import (
    SEVERITIES,
    VERDICTS,
    Html,
    asset,
    badge,
    clipped,
    content_policy,
    data_block,
    item_list,
    make_element,
    make_link,
    text_node,
)

REPORT = "report.html"
_UNDECIDED = {
    "error": "could not be judged because the harness erred",
    "inconclusive": "stayed inconclusive",
}
_EXITS = {
    0: (
        "pass",
        "Conformant",
        "every service has a case that passed, and none failed, erred or stayed inconclusive",
    ),
    1: (
        "fail",
        "Not conformant",
        "at least one case failed: a requirement is shown to be broken",
    ),
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
    130: (
        "unfinished",
        "Interrupted",
        "the run was interrupted; this page shows the part that was completed",
    ),
}
_PARTIAL = "nothing that was selected failed or stayed undecided; whether a service conforms takes all its cases"
_NO_SUITE = "no suite was run, so that nothing is said of a service's conformance"
_EXITS_OF_OWN_TESTS = {
    0: ("pass", "Tests of one's own: no answer broke the contract", _NO_SUITE),
    1: ("fail", "Tests of one's own: an answer broke the contract", _NO_SUITE),
    3: ("inconclusive", "Tests of one's own: inconclusive", _NO_SUITE),
}


def write_report(folder: Path) -> Path:
    """Write report.html (mode 0600) into a run folder, whole or not at all, and return its path.

    Raises UsageError where the folder has no results.json.
    """
    try:
        results = json.loads((folder / "results.json").read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{folder}: there is no results.json, so that no run has ended here"
        ) from None
    handle, name = tempfile.mkstemp(prefix=".report-", dir=folder)
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - an open file descriptor
            skipped = skipped_words(broken_lines(folder))
            file.writelines(render(results, read_exchanges(folder), skipped))
        os.replace(name, folder / REPORT)  # noqa: PTH105 - the name is a string already
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 - as above
        raise
    return folder / REPORT


def render(
    results: Mapping[str, Any], exchanges: Iterable[Record], skipped: str = ""
) -> Iterator[str]:
    """Yield the page in pieces, from the content of results.json and of exchanges.jsonl.

    `skipped` is the sentence on lines of the latter that are broken.
    """
    page = ReportPage.of(results, exchanges)
    style, script = asset("report.css"), asset("report.js")
    title = (
        f"{_exit(page)[1]}: {results['run']['target']['name']}, {results['run']['id']}"
    )
    parts: dict[str, Iterable[Html]] = {
        "policy": [content_policy(style, script)],
        "style": [style],
        "script": [script],
        "title": [text_node(f"{title} \N{EN DASH} eHealth conformance report")],
        "masthead": _masthead(page),
        "summary": _summary(page, skipped),
        "findings": finding_groups(page),
        "requirements": requirement_matrix(page),
        "cases": case_list(page),
        "footer": _footer(page),
        "data": _data(page),
    }
    for number, piece in enumerate(re.split(r"\{\{ (\w+) \}\}", asset("report.html"))):
        if number % 2:
            yield from parts[piece]
        else:
            yield piece


def _exit(page: ReportPage) -> tuple[str, str, str]:
    run = page.results["run"]
    code = run["exit_code"]
    # Tests of one's own never make a service conformant, nor do they show that it is not (interface, section 5).
    exits = _EXITS if run["services"] else _EXITS | _EXITS_OF_OWN_TESTS
    if code == 0 and run["services"]:
        partial = partial_selection(page.results)
        if partial:
            return ("pass", f"{partial[:1].upper()}{partial[1:]}", _PARTIAL)
    unknown = f"Ended with exit code {code}"
    meaning = "see the interface for its meaning"
    return exits.get(code, ("unfinished", unknown, meaning))


def _masthead(page: ReportPage) -> Iterator[Html]:
    run = page.results["run"]
    yield make_element("h1", text_node(run["target"]["name"]))
    yield make_element(
        "p",
        text_node(f"{run['target']['environment']} environment · "),
        *_services(page),
        class_="lead",
    )


def _services(page: ReportPage) -> Iterator[Html]:
    run = page.results["run"]
    if not run["services"]:
        yield text_node("tests of one's own, and no suite")
    for number, service in enumerate(run["services"]):
        version = run.get("specs", {}).get(service, "")
        yield text_node((", " if number else "") + f"{service} {version}".rstrip())


def _summary(page: ReportPage, skipped: str) -> Iterator[Html]:
    tone, title, meaning = _exit(page)
    code = page.results["run"]["exit_code"]
    yield make_element(
        "div",
        make_element(
            "span", text_node(VERDICTS[tone][0]), class_="sign", aria_hidden="true"
        ),
        make_element(
            "div",
            make_element("p", text_node(title), class_="outcome"),
            *(make_element("p", text_node(row)) for row in _why(page, skipped)),
            make_element(
                "p",
                make_element("b", text_node(f"Exit code {code}")),
                text_node(f": {meaning}."),
                class_="meaning",
            ),
        ),
        class_=f"verdict {tone}",
    )
    yield make_element("div", *_counts(page), class_="counts")
    yield make_element("dl", *run_facts(page), class_="facts")


def _why(page: ReportPage, skipped: str) -> Iterator[str]:
    """Yield the sentences that give the reasons of the exit code."""
    verdicts = Counter(case["verdict"] for case in page.results["cases"])
    left_out = verdicts["not_run"] + verdicts["not_applicable"]
    judged = count_of(verdicts.total() - left_out, "judged case")
    yield f"{verdicts['pass']:,} of {judged} passed."
    yield from _failures(page, verdicts["fail"])
    for verdict, sentence in _UNDECIDED.items():
        if verdicts[verdict]:
            yield f"{count_of(verdicts[verdict], 'case')} {sentence}."
    for service in _services_without_pass(page):
        yield f"No case of {service} passed, so this run does not show that it conforms."
    if verdicts["not_run"]:
        yield f"{count_of(verdicts['not_run'], 'case')} not run."
    for note in page.results["run"].get("notes", ()):
        yield f"Note: {note}"
    if skipped:
        yield f"{skipped}."


def _failures(page: ReportPage, failed: int) -> Iterator[str]:
    verdicts = Counter(row["verdict"] for row in page.results["requirements"])
    broken = count_of(verdicts["fail"], "requirement")
    if failed:
        yield f"{count_of(failed, 'case')} failed, breaking {broken}."
    known = sum(1 for case in page.results["cases"] if case.get("known"))
    if known:
        yield f"{count_of(known, 'known failure')} among them: accepted for now, and not counted by the exit code."


def _services_without_pass(page: ReportPage) -> Iterator[str]:
    passed = set()
    for case in page.results["cases"]:
        if case["verdict"] == "pass" or case.get("known"):
            passed.add(case["service"])
    for service in page.results["run"]["services"]:
        if service not in passed:
            yield service


def _counts(page: ReportPage) -> Iterator[Html]:
    cases = Counter(case["verdict"] for case in page.cases.values() if is_case(case))
    requirements = Counter(row["verdict"] for row in page.results["requirements"])
    findings: Counter[str] = Counter()
    places = 0
    for (severity, _), group in occurrences(page).items():
        findings[severity] += len(group)
        places += sum(kind.count for kind in group.values())
    yield _figure(
        count_of(cases.total(), "case"),
        "verdict",
        _ordered(cases, VERDICTS),
        goto="cases",
    )
    title = count_of(requirements.total(), "requirement")
    yield _figure(
        title, "verdict", _ordered(requirements, VERDICTS), goto="requirements"
    )
    title = kind_words(findings.total(), places, "finding")
    yield _figure(title, "severity", _ordered(findings, SEVERITIES), goto="findings")


def _ordered(counts: Counter[str], words: Iterable[str]) -> dict[str, int]:
    return {
        word: counts[word] for word in dict.fromkeys([*words, *counts]) if counts[word]
    }


def _figure(title: str, key: str, counts: Mapping[str, int], *, goto: str) -> Html:
    number, _, noun = title.partition(" ")
    legend = (
        make_link(
            key,
            word,
            Html(make_element("b", text_node(f"{number:,}")) + badge(word)),
            data_goto=goto,
        )
        for word, number in counts.items()
    )
    caption = make_element(
        "figcaption", make_element("b", text_node(number)), text_node(f" {noun}")
    )
    return make_element("figure", caption, _bar(counts), item_list(legend))


def _bar(counts: Mapping[str, int]) -> Html:
    """Return a stacked bar, in which every part is thick enough to be visible."""
    shares = {
        word: max(number / sum(counts.values()), 0.012)
        for word, number in counts.items()
    }
    parts, at = [], 0.0
    for word, share in shares.items():
        width = 1000 * share / sum(shares.values())
        parts.append(
            make_element(
                "rect", class_=word, x=f"{at:.1f}", y=0, width=f"{width:.1f}", height=8
            )
        )
        at += width
    return make_element(
        "svg",
        *parts,
        viewBox="0 0 1000 8",
        preserveAspectRatio="none",
        aria_hidden="true",
        class_="bar",
    )


def _footer(page: ReportPage) -> Iterator[Html]:
    run = page.results["run"]
    words = f"Run {run['id']}, written by ehealth-conformance {run['harness']}. This page loads and sends nothing. "
    yield make_element(
        "p",
        text_node(
            f"{words}For machines, in the same folder: results.json, junit.xml and {FILE}."
        ),
    )


def _data(page: ReportPage) -> Iterator[Html]:
    """Yield what the script shows on demand, one block of JSON text a case, an exchange, a long body."""
    for case in page.cases.values():
        findings = [
            {
                key: clipped(value) if isinstance(value, str) else value
                for key, value in finding.items()
            }
            for finding in case["findings"]
        ]
        yield data_block(
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
