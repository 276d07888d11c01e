"""The requirements and the cases of a report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conformance.evidence.reproduction import LONGEST, name_of, recipes
from conformance.model.wording import count_of
from conformance.reporting.embedding import ReportPage, is_case
from conformance.reporting.html_findings import folded
from conformance.reporting.markup import (
    SEVERITIES,
    VERDICTS,
    Html,
    badge,
    clipped,
    code_span,
    duration_words,
    joined,
    level_badge,
    make_element,
    make_link,
    text_node,
    verdict_mark,
)

_MANY = 300
"""Number of cases above which a browser lays out only those in sight."""


def requirement_matrix(page: ReportPage) -> Iterator[Html]:
    """Yield the requirements of each service by section, with their cases."""
    note = "The sign beside a case is its own verdict; a failed case breaks only the requirements its findings name."
    yield make_element("p", text_node(note), class_="quiet")
    services: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for row in page.results["requirements"]:
        services.setdefault(row["service"], {}).setdefault(
            row["source"]["section"], []
        ).append(row)
    for service, sections in services.items():
        source = next(iter(sections.values()))[0]["source"]
        head = "".join(
            f'<th scope="col">{name}</th>'
            for name in ("Verdict", "Requirement", "Level", "Binds", "Cases")
        )
        caption = make_element(
            "span", text_node(f"{source['document']} {source['version']}")
        )
        yield make_element(
            "table",
            make_element("caption", make_element("h3", text_node(service)), caption),
            Html(f"<thead><tr>{head}</tr></thead>"),
            *(
                _matrix_section(page, name, sections[name])
                for name in sorted(sections, key=_natural)
            ),
            class_="matrix",
        )


def _natural(section: str) -> list[tuple[int, str]]:
    return [
        (int(part), "") if part.isdecimal() else (0, part)
        for part in section.split(".")
    ]


def _matrix_section(
    page: ReportPage, section: str, rows: Sequence[Mapping[str, Any]]
) -> Html:
    heading = make_element(
        "tr",
        make_element(
            "th", text_node(f"Section {section}"), colspan=5, scope="rowgroup"
        ),
        class_="section",
    )
    return make_element("tbody", heading, *(_matrix_row(page, row) for row in rows))


def _matrix_row(page: ReportPage, row: Mapping[str, Any]) -> Html:
    cases = [page.cases[case] for case in row["cases"] if case in page.cases]
    cases.sort(
        key=lambda case: list(VERDICTS).index(case["verdict"])
    )  # the worst first
    links = [_case_link(case, row["service"]) for case in cases]
    reason = row.get("reason", "")
    return make_element(
        "tr",
        make_element("td", badge(row["verdict"])),
        make_element(
            "td",
            make_element("p", text_node(row["statement"]), class_="statement"),
            make_element(
                "p",
                make_link("requirement", row["id"], code_span(row["id"])),
                class_="id",
            ),
            make_element("p", text_node(clipped(reason)), class_="why")
            if reason
            else Html(""),
        ),
        make_element("td", level_badge(row["level"])),
        make_element("td", text_node(row["iut"]), data_label="binds"),
        make_element(
            "td",
            *(folded(links) if links else [text_node("no case")]),
            class_="case-links",
        ),
        id=f"requirement={row['id']}",
        data_requirement=row["id"],
        data_verdict=row["verdict"],
        data_service=row["service"],
        data_cases=page.positions_of(row["cases"]),
    )


def _case_link(case: Mapping[str, Any], service: str) -> Html:
    label = verdict_mark(case["verdict"]) + text_node(
        f" {case['id'].removeprefix(service + '/')}"
    )
    return make_link("case", case["id"], Html(label), title=case["title"])


def case_list(page: ReportPage) -> Iterator[Html]:
    """Yield the cases of each service."""
    services: dict[str, list[Mapping[str, Any]]] = {}
    for case in page.cases.values():
        services.setdefault(case["service"], []).append(case)
    for service, cases in services.items():
        heading = make_element(
            "h3",
            text_node(f"{service} "),
            make_element(
                "small", text_node(count_of(sum(map(is_case, cases)), "case"))
            ),
        )
        many = " many" if len(page.cases) > _MANY else ""
        yield make_element(
            "div",
            heading,
            *(_case(page, case) for case in cases),
            class_=f"group{many}",
        )


def _case(page: ReportPage, case: Mapping[str, Any]) -> Html:
    number = len(page.exchanges(case))
    present = {finding["severity"] for finding in case["findings"]}
    severities = [word for word in SEVERITIES if word in present]
    tags = list(_tags(case, severities))
    summary = make_element(
        "summary",
        badge(case["verdict"]),
        make_element("h4", text_node(case["title"])),
        make_element(
            "span", *tags, text_node(count_of(number, "exchange")), class_="size"
        ),
        make_element("code", text_node(case["id"])),
    )
    return make_element(
        "details",
        summary,
        make_element("p", text_node(clipped(case["reason"])), class_="reason")
        if case["reason"]
        else Html(""),
        make_element("p", joined(_about_case(case)), class_="about"),
        *_commands(page, case),
        class_=f"case {case['verdict']}",
        id=f"case={case['id']}",
        data_case=case["id"],
        data_verdict=case["verdict"],
        data_service=case["service"],
        data_kind=case["kind"],
        data_severity=" ".join(severities) or None,
    )


def _tags(case: Mapping[str, Any], severities: Sequence[str]) -> Iterator[Html]:
    """Yield the severities that the verdict of a case does not imply, and whether its failure is known."""
    for word in severities:
        implied = word == "violation" and case["verdict"] == "fail"
        if not implied:
            yield badge(word)
    if case.get("known"):
        yield make_element(
            "span", text_node("known"), class_="known", title=case["known"]
        )


def _commands(page: ReportPage, case: Mapping[str, Any]) -> Iterator[Html]:
    """Yield how to reproduce a failure: each heading, and the commands under it."""
    for heading, lines in recipes(case, name_of(page.results["run"])):
        yield make_element("p", text_node(heading), class_="about")
        text = clipped("\n".join(lines), LONGEST * 2)
        yield make_element("pre", text_node(text), class_="commands")


def _about_case(case: Mapping[str, Any]) -> Iterator[Html]:
    yield text_node(case["kind"])
    yield text_node(case["origin"])
    yield text_node(f"{count_of(case['checks_evaluated'], 'check')} evaluated")
    yield text_node(duration_words(case["duration_s"]))
    if case.get("known"):
        yield text_node(f"known failure: {case['known']}")
