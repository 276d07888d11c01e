"""The outputs of a run that is over: results.json, junit.xml, report.html, counterexamples.

Must not judge.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conformance.engine.campaign import Campaign
from conformance.engine.probes.counterexamples import (
    add_commands,
    update_counterexamples,
)
from conformance.evidence.results_document import results_document
from conformance.evidence.run_folder import JUNIT, RESULTS, write_atomically
from conformance.reporting.html import write_report
from conformance.reporting.junit import junit_text
from conformance.reporting.mutation_score import score_of


def write_outputs(campaign: Campaign) -> Mapping[str, Any]:
    """Write the outputs of a campaign that is over into its folder, and return the results document.

    Raises OSError where a file cannot be written.
    """
    tested = campaign.plan.tested
    specs = [row.spec for row in campaign.plan.services if row.service in tested]
    run = replace(campaign.ended(), mutation_score=score_of(specs))
    document = results_document(run, campaign.in_order(), campaign.plan.requirements)
    add_commands(document, campaign.folder)
    update_counterexamples(document, campaign.plan.counterexamples)
    write_atomically(campaign.folder / RESULTS, json.dumps(document, indent=1) + "\n")
    junit = junit_text(document)
    for path in filter(None, (campaign.folder / JUNIT, campaign.plan.junit)):
        write_atomically(path, junit)
    write_report(campaign.folder)
    campaign.finish(document["run"]["exit_code"])
    return document
