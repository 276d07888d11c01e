# mypy: disable-error-code="no-untyped-call"
"""Describes cases to allure-pytest, the one writer of allure-results: its labels, links and one attachment a case.

With `allure_writer` the home of Allure's libraries; without them every function here does nothing. What is attached
are redacted records, never exchanges. Must not write results itself, judge, nor read secrets.
"""

import hashlib
import html
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from conformance.evidence.reading import (
    EXTENSION,
    MIME,
    attachment,
    main_exchange,
    summary,
)
from conformance.evidence.store import Record
from conformance.formats.documents import report_file
from conformance.model.case import Case, CaseKind
from conformance.model.contract import Contract, Level, Requirement
from conformance.model.result import CaseResult
from conformance.model.verdict import Finding, Severity
from conformance.model.wording import place_words, printable_lines

try:
    import allure
    import allure_commons
    from allure_pytest.listener import AllureListener  # type: ignore[import-untyped]

    from conformance.reporting.allure_writer import PrivateWriter
except ModuleNotFoundError:
    _INSTALLED = False
else:
    _INSTALLED = True

if TYPE_CHECKING:
    import pytest

FOLDER = "allure-results"
CATEGORIES, ENVIRONMENT = "categories.json", "environment.properties"
LONGEST_MESSAGE = 16 * 2**10

CASE_LABEL, REQUIREMENT_LABEL = "case", "requirement"
KNOWN_TAG = "known failure"

_PLUGIN = "allure_pytest.plugin"
_LISTENER, _TIDY = "allure_listener", "conformance_allure"
_MASTER = "main"
_SEVERITIES = {Level.MUST: "critical", Level.SHOULD: "normal", Level.MAY: "minor"}
_LEVELS = (Level.MUST, Level.SHOULD, Level.MAY)
_TROUBLE = ("failed", "broken")
_LONGEST_NAME = 100
_LONGEST_VALUE = 500
_MOST_FINDINGS = 20
_OURS = re.compile(r"^conformance\.plugin\.(?=Case)")


def plugin_arguments() -> list[str]:
    """Return the pytest arguments that load allure-pytest where plugins are not loaded by themselves."""
    return ["-p", _PLUGIN] if _INSTALLED else []


def configure(
    config: "pytest.Config",
    folder: Path,
    redacted: Callable[[str], str],
    unkept: Callable[[Path, OSError], None],
) -> None:
    """Make allure-pytest write into a run folder, unless the user's own --alluredir has it write elsewhere.

    `redacted` takes the secrets out of what tests that are no cases say of their failure; `unkept` is told where
    something cannot be written, which ends the run.

    May be called late, in any process, and more than once.
    """
    if not _active(config) or allure_commons.plugin_manager.has_plugin(_TIDY):
        return
    worker = getattr(config, "workerinput", {}).get("workerid", _MASTER)
    tidy = _Tidy(worker, redacted, ours=not config.option.allure_report_dir)
    for hook in (_Tidy.report_result, _Tidy.report_container):
        allure_commons.hookimpl(tryfirst=True)(hook)
    _register(config, tidy, _TIDY)
    if not config.pluginmanager.has_plugin(_LISTENER):
        results = folder / FOLDER
        try:
            results.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            unkept(results, error)
            return
        listener = AllureListener(config)
        config.pluginmanager.register(listener, _LISTENER)
        _register(config, listener)
        _register(config, PrivateWriter(results, unkept))


def write_context(
    config: "pytest.Config", folder: Path, document: Mapping[str, Any]
) -> None:
    """Write Allure's categories and environment beside the results; a user's own files stay."""
    if not _active(config):
        return
    chosen = config.option.allure_report_dir
    results = Path(chosen) if chosen else folder / FOLDER
    if results.is_dir():
        _write_new(results / CATEGORIES, categories_file().read_text("utf-8"))
        _write_new(results / ENVIRONMENT, _properties(_environment(document)))


def categories_file() -> Path:
    """Return the file with Allure's categories."""
    return report_file("allure-categories.json")


def describe(
    case: Case,
    result: CaseResult,
    contract: Contract,
    exchanges: Sequence[Record],
    reproducing: Sequence[str] = (),
) -> None:
    """Describe the running test to allure-pytest; to be called before its outcome is raised.

    `exchanges` are the deciding ones, `reproducing` the lines that send a failure again.
    """
    if not _INSTALLED or not allure_commons.plugin_manager.has_plugin(_TIDY):
        return
    named = _requirements(case, result, contract)
    service = f"{contract.title} {contract.version}"
    allure.dynamic.title(_clean(case.title))
    allure.dynamic.description("")
    description = _description(result, named, exchanges)
    if reproducing:
        description += f"\n<pre>{html.escape(chr(10).join(reproducing))}</pre>"
    allure.dynamic.description_html(_clean(description))
    allure.dynamic.epic(service)
    allure.dynamic.feature(
        f"Section {named[0].source.section}" if named else case.origin
    )
    allure.dynamic.story(named[0].id if named else case.id)
    allure.dynamic.parent_suite(service)
    allure.dynamic.suite(case.kind.value)
    allure.dynamic.severity(severity(case, named))
    allure.dynamic.tag(case.kind.value, *([KNOWN_TAG] if result.known else []))
    allure.dynamic.label("service", case.service)
    allure.dynamic.label(REQUIREMENT_LABEL, *[requirement.id for requirement in named])
    # What makes a result ours comes last: an interruption on the way here leaves pytest's own.
    allure.dynamic.label(CASE_LABEL, case.id)
    for requirement in named:
        allure.dynamic.link(
            _address(requirement.id), link_type="tms", name=requirement.id
        )
    if exchanges:
        name = _clean(summary(main_exchange(exchanges)))[:_LONGEST_NAME]
        allure.attach(
            attachment(exchanges), name=name, attachment_type=MIME, extension=EXTENSION
        )


def severity(case: Case, requirements: Iterable[Requirement]) -> str:
    """Return a case's severity: blocker for security, else by the most binding of its requirements."""
    levels = {requirement.level for requirement in requirements}
    if case.kind is CaseKind.SECURITY and Level.MUST in levels:
        return "blocker"
    return next((_SEVERITIES[level] for level in _LEVELS if level in levels), "trivial")


class _Tidy:
    """Takes this machine out of each result before it is written, and gives a case's result its own identity.

    The identity is the case's id instead of a test's path, so that history holds wherever the
    suites are installed.
    """

    def __init__(
        self, worker: str, redacted: Callable[[str], str], *, ours: bool
    ) -> None:
        self._worker = worker
        self._redacted = redacted
        self._ours = ours

    def report_result(self, result: Any) -> None:  # noqa: ANN401 - Allure's own class
        """Change a result in place; allure-pytest's own writer comes after."""
        labels = {label.name: label.value for label in result.labels}
        if CASE_LABEL in labels:
            self._identify(result, labels)
        else:
            self._redact(result.statusDetails)
        if CASE_LABEL in labels or self._ours:
            self._rename(
                result, {"host": "ehealth-conformance", "thread": self._worker}
            )
            _shorten(result.statusDetails)

    def report_container(self, container: Any) -> None:  # noqa: ANN401 - Allure's own class
        """Keep only the failed fixtures of a run folder's results, without secrets."""
        for fixture in (*container.befores, *container.afters):
            self._redact(fixture.statusDetails)
        if self._ours:
            container.befores = _failed(container.befores)
            container.afters = _failed(container.afters)

    def _redact(self, details: Any) -> None:  # noqa: ANN401 - Allure's own class
        if details is not None:
            details.message = self._redacted(details.message or "") or None
            details.trace = self._redacted(details.trace or "") or None

    def _identify(self, result: Any, labels: Mapping[str, str]) -> None:  # noqa: ANN401 - Allure's own class
        case = labels[CASE_LABEL]
        result.fullName = case
        result.historyId = result.testCaseId = hashlib.sha256(
            case.encode()
        ).hexdigest()[:32]
        result.titlePath = [labels["parentSuite"], labels["suite"]]
        result.parameters = []
        self._rename(result, {"package": labels["service"]})
        if result.statusDetails is not None:
            result.statusDetails.trace = None
            result.statusDetails.known = (
                KNOWN_TAG in {label.value for label in result.labels} or None
            )

    @staticmethod
    def _rename(result: Any, values: Mapping[str, str]) -> None:  # noqa: ANN401 - Allure's own class
        for label in result.labels:
            label.value = values.get(label.name, label.value)


def _failed(fixtures: Iterable[Any]) -> list[Any]:
    return [fixture for fixture in fixtures if fixture.status in _TROUBLE]


def _active(config: "pytest.Config") -> bool:
    loaded = _INSTALLED and hasattr(config.option, "allure_report_dir")
    return loaded and not config.option.collectonly


def _register(config: "pytest.Config", plugin: object, name: str | None = None) -> None:
    registered = allure_commons.plugin_manager.register(plugin, name)
    config.add_cleanup(
        lambda: allure_commons.plugin_manager.unregister(name=registered)
    )


def _shorten(details: Any) -> None:  # noqa: ANN401 - Allure's own class
    """Make a message fit for a file: no lone surrogates, no module names, a stated length at most."""
    if details is not None and details.message:
        details.message = _cut(_OURS.sub("", _clean(details.message)), LONGEST_MESSAGE)


def _requirements(
    case: Case, result: CaseResult, contract: Contract
) -> list[Requirement]:
    """Return the requirements that a case names, then those that a violation names besides."""
    violated = [
        finding.requirement
        for finding in result.findings
        if finding.severity is Severity.VIOLATION
    ]
    names = dict.fromkeys((*case.requirements, *violated))
    return [
        contract.requirements[name] for name in names if name in contract.requirements
    ]


def _address(requirement: str) -> str:
    """Return the place of a requirement in report.html, which stands beside the results' folder."""
    return f"report.html#requirement={quote(requirement, safe='/')}"


def _description(
    result: CaseResult, requirements: Sequence[Requirement], exchanges: Sequence[Record]
) -> str:
    case = result.case
    known = f" (known: {_text(result.known)})" if result.known else ""
    verdict = result.verdict.value.replace("_", " ")
    findings = result.findings[:_MOST_FINDINGS]
    main = main_exchange(exchanges) if exchanges else None
    lines = [_exchange_line(record, shown=record is main) for record in exchanges]
    title = f"Deciding exchanges ({len(exchanges)} of {len(result.exchanges)}), all in the attachment"
    parts = [
        f"<p><b>{verdict}</b>{known} {_text(result.reason)}</p>",
        f"<p>From {_text(case.origin)}; run it again with <code>--case {_text(case.id)}</code></p>",
        _listed("Requirements", "ul", list(map(_requirement_line, requirements))),
        _listed("Findings", "ul", list(map(_finding_line, findings))),
        _listed(title, "ol", lines),
    ]
    return "\n".join(parts).rstrip("\n")


def _listed(title: str, tag: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f"<h4>{title}</h4><{tag}>{items}</{tag}>" if lines else ""


def _requirement_line(requirement: Requirement) -> str:
    source = f"{requirement.level.value}, section {_text(requirement.source.section)}"
    return (
        f"<code>{_text(requirement.id)}</code> {source}: {_text(requirement.statement)}"
    )


def _finding_line(finding: Finding) -> str:
    values = {
        "at": place_words(finding.location, finding.count),
        "expected": finding.expected,
        "actual": finding.actual,
    }
    rest = "".join(
        f"<br>{name} <code>{_text(value)}</code>"
        for name, value in values.items()
        if value
    )
    return f"<b>{finding.severity.value}</b> {_text(finding.requirement)}: {_text(finding.message)}{rest}"


def _exchange_line(record: Record, *, shown: bool) -> str:
    note = ", the one shown there" if shown else ""
    return f"<code>{_text(record['id'])}</code> {_text(record['purpose'])}{note}: {_text(summary(record))}"


def _environment(document: Mapping[str, Any]) -> dict[str, str]:
    run = document["run"]
    return {
        "target": run["target"]["name"],
        "environment": run["target"]["environment"],
        "run": run["id"],
        "harness": run["harness"],
        "seed": str(run["seed"]),
        "exit code": str(run["exit_code"]),
        **run.get("specs", {}),
    }


def _properties(values: Mapping[str, str]) -> str:
    """Return values in the format of Java's property files, which is ASCII."""
    return "".join(
        f"{_property(key)}={_property(value)}\n" for key, value in values.items()
    )


def _property(text: str) -> str:
    units = text.encode("utf-16-be", "surrogatepass")
    codes = [
        int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)
    ]
    return "".join(_property_character(code) for code in codes)


def _property_character(code: int) -> str:
    character = chr(code)
    if not " " <= character <= "~":
        return f"\\u{code:04x}"
    return f"\\{character}" if character in " \\=:#!" else character


def _write_new(path: Path, text: str) -> None:
    """Write a private file, unless there is one already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _text(text: str) -> str:
    """Return foreign text as HTML, with a stated length at most."""
    return html.escape(_cut(text, _LONGEST_VALUE))


def _cut(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    return f"{text[:length]} … ({len(text)} characters)"


def _clean(text: str) -> str:
    """Return text that can be written as UTF-8 (a lone surrogate is written out), in which nothing is invisible."""
    written = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return printable_lines(written)
