"""The part of report.html that says what a run is of: target, who asked, when, with which options and selection.

Must not judge.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from conformance.evidence.results_document import (
    exchange_counts,
    exchange_words,
    partial_selection,
)
from conformance.model.wording import option_words
from conformance.reporting.embedding import ReportPage
from conformance.reporting.markup import (
    Html,
    clipped,
    code_span,
    duration_words,
    make_element,
    moment_words,
    text_node,
)
from conformance.reporting.mutation_score import in_words


def run_facts(page: ReportPage) -> Iterator[Html]:
    """Yield the terms and descriptions of a run: target, addresses, who asked, cookbooks, times, options."""
    run = page.results["run"]
    lasted = datetime.fromisoformat(run["finished"]) - datetime.fromisoformat(
        run["started"]
    )
    purposes = Counter(page.embedded.purposes.values())
    sources = [row["source"] for row in page.results["requirements"]]
    documents = dict.fromkeys(
        f"{source['document']} {source['version']}" for source in sources
    )
    rows: list[tuple[str, Iterable[Html]]] = [
        (
            "Target",
            [text_node(f"{run['target']['name']} ({run['target']['environment']})")],
        ),
        (
            "Addresses",
            [
                text_node(
                    clipped(", ".join(page.embedded.origins)) or "no request was sent"
                )
            ],
        ),
        *_identity(run),
        ("Under test", [text_node(run["iut"])]),
        ("Cookbooks", [text_node(", ".join(documents))]),
        ("Started", [text_node(moment_words(run["started"]))]),
        (
            "Finished",
            [
                text_node(
                    f"{moment_words(run['finished'])}, after {duration_words(lasted.total_seconds())}"
                )
            ],
        ),
        ("Run", [code_span(run["id"])]),
        ("Exchanges", [text_node(exchange_words(exchange_counts(purposes)))]),
        ("Harness", [text_node(f"ehealth-conformance {run['harness']}")]),
        ("Seed", [text_node(run["seed"])]),
        ("Selection", [text_node(_selection_words(page))]),
        ("Options", [code_span(clipped(option_words(run.get("options", {}))))]),
        ("Suites", [text_node(in_words(run))]),
    ]
    for name, value in rows:
        yield make_element(
            "div", make_element("dt", text_node(name)), make_element("dd", *value)
        )


def _identity(run: Mapping[str, Any]) -> Iterator[tuple[str, Iterable[Html]]]:
    """Yield who asked: what User-Agent and From told the service."""
    who = run.get("identity")
    if who:
        yield "Product (User-Agent)", [text_node(clipped(who["user_agent"]))]
        yield "Sender (From)", [text_node(clipped(who["from"]) or "none")]


def _selection_words(page: ReportPage) -> str:
    if not page.results["run"]["services"]:
        return "requests of one's own, and no case"
    partial = partial_selection(page.results)
    return partial.partition(":")[0] or "all cases of the services"
