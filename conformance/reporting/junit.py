"""Writes junit.xml: one test suite a service, one test case a case, requirement ids as properties.

`fail` is a failure; `inconclusive` and `error` are errors with their type; the rest is skipped. Security findings of a
service that is not one's own are withheld, since this file becomes annotations of others' making.
Must not judge.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.evidence.reproduction import name_of, reproducing_lines
from conformance.evidence.results_document import is_confidential
from conformance.model.result import WITHHELD
from conformance.model.wording import place_words, printable_lines

_TAGS = {
    "fail": "failure",
    "inconclusive": "error",
    "error": "error",
    "not_applicable": "skipped",
    "not_run": "skipped",
}


def junit_text(results: Mapping[str, Any]) -> str:
    """Return the JUnit form of a results document."""
    root = ET.Element(
        "testsuites", {"name": "ehealth-conformance"} | _totals(results["cases"])
    )
    # Tests of one's own may ask a service whose suite was not run.
    asked = (case["service"] for case in results["cases"])
    for service in dict.fromkeys([*results["run"]["services"], *asked]):
        cases = [case for case in results["cases"] if case["service"] == service]
        about = {"name": service, "timestamp": results["run"]["started"]}
        suite = ET.SubElement(root, "testsuite", about | _totals(cases))
        for case in cases:
            _add_case(suite, case, results["run"])
    ET.indent(root)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        + ET.tostring(root, encoding="unicode")
        + "\n"
    )


def _totals(cases: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    tags = [_TAGS.get(case["verdict"]) for case in cases]
    return {
        "tests": str(len(cases)),
        "failures": str(tags.count("failure")),
        "errors": str(tags.count("error")),
        "skipped": str(tags.count("skipped")),
        "time": f"{sum(case['duration_s'] for case in cases):.3f}",
    }


def _add_case(
    suite: ET.Element, case: Mapping[str, Any], run: Mapping[str, Any]
) -> None:
    element = ET.SubElement(
        suite,
        "testcase",
        classname=case["service"],
        name=case["id"],
        time=f"{case['duration_s']:.3f}",
    )
    properties = ET.SubElement(element, "properties")
    rows = [("requirement", requirement) for requirement in case["requirements"]]
    rows += [
        ("verdict", case["verdict"]),
        ("kind", case["kind"]),
        ("title", case["title"]),
    ]
    for name, value in rows:
        ET.SubElement(properties, "property", name=name, value=_text(value))
    tag = _TAGS.get(case["verdict"])
    if is_confidential(case, run):
        outcome = ET.SubElement(
            element, str(tag), message=WITHHELD, type=case["verdict"]
        )
        outcome.text = WITHHELD
    elif tag is not None:
        _add_outcome(element, tag, case, name_of(run))
    elif case["findings"]:
        ET.SubElement(element, "system-out").text = _findings(case)


def _add_outcome(
    element: ET.Element, tag: str, case: Mapping[str, Any], run: str
) -> None:
    """Add why a case did not pass; of a failure its findings and how to reproduce it."""
    reason = _text(case["reason"])
    outcome = ET.SubElement(element, tag, message=reason)
    if tag == "skipped":
        return
    outcome.set("type", case["verdict"])
    commands = reproducing_lines(case, run)
    lines = [_findings(case) or reason, *map(_text, commands)]
    outcome.text = "\n".join(lines)


def _findings(case: Mapping[str, Any]) -> str:
    return "\n".join(_finding(finding) for finding in case["findings"])


def _finding(finding: Mapping[str, Any]) -> str:
    where = place_words(finding["location"], finding.get("count", 1))
    return _text(
        f"{finding['severity']} {finding['requirement']} at {where}: {finding['message']}; "
        f"expected {finding['expected']}; actual {finding['actual']}"
    )


def _text(text: str) -> str:
    """Return a text in lines that XML 1.0 (section 2.2) has a place for, and that no console obeys that prints them."""
    return printable_lines(text)
