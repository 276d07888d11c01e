"""The outputs of a run that is over: results.json, junit.xml, report.html, counterexamples.

Must not judge.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance.engine.campaign import Campaign
from conformance.engine.probes.counterexamples import (
    add_commands,
    update_counterexamples,
)
from conformance.evidence.results_document import results_document
from conformance.evidence.run_folder import JUNIT, RESULTS
from conformance.evidence.store import count_exchanges
from conformance.files.writing import write_atomically
from conformance.model.errors import NotKeptError, not_kept
from conformance.model.result import EXIT_ERROR, EXIT_INTERRUPTED
from conformance.reporting.html import REPORT, write_report
from conformance.reporting.junit import junit_text
from conformance.reporting.mutation_score import score_of


def write_outputs(campaign: Campaign) -> Mapping[str, Any]:
    """Write the outputs of a campaign that is over into its folder, and return the results document.

    Where only the reports cannot be written, the results say so, and that the harness erred. Raises NotKeptError, which
    has the notes of the run as its own, where the results themselves cannot be written.
    """
    document = _document(campaign)
    try:
        _write_results(campaign, document)
    except NotKeptError as error:
        for note in document["run"]["notes"]:
            error.add_note(note)
        campaign.finish(EXIT_ERROR)
        raise
    try:
        _write_reports(campaign, document)
    except NotKeptError as error:
        document["run"]["notes"].append(str(error))
        if document["run"]["exit_code"] != EXIT_INTERRUPTED:
            document["run"]["exit_code"] = EXIT_ERROR
        _write_results(campaign, document)
    campaign.finish(document["run"]["exit_code"])
    return document


def _document(campaign: Campaign) -> dict[str, Any]:
    tested = campaign.plan.tested
    specs = [row.spec for row in campaign.plan.services if row.service in tested]
    run = replace(campaign.ended(), mutation_score=score_of(specs))
    document = results_document(
        run,
        campaign.in_order(),
        campaign.plan.requirements,
        count_exchanges(campaign.folder),
    )
    add_commands(document, campaign.folder)
    return document


def _write_results(campaign: Campaign, document: Mapping[str, Any]) -> None:
    text = json.dumps(document, indent=1) + "\n"
    with _kept(campaign.folder / RESULTS):
        write_atomically(campaign.folder / RESULTS, text)


def _write_reports(campaign: Campaign, document: Mapping[str, Any]) -> None:
    """Write what is made of the results; the counterexamples, which the next run tries first, come last."""
    junit = junit_text(document)
    for path in filter(None, (campaign.folder / JUNIT, campaign.plan.junit)):
        with _kept(path):
            write_atomically(path, junit)
    with _kept(campaign.folder / REPORT):
        write_report(campaign.folder)
    parent = campaign.plan.counterexamples
    with _kept(parent or campaign.folder):
        update_counterexamples(document, parent)


@contextmanager
def _kept(path: Path) -> Iterator[None]:
    """Say in one line which file could not be written, and why."""
    try:
        yield
    except OSError as error:
        raise not_kept(path, error) from error
