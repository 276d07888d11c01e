"""One service under review, with all that its remarks need.

What a service's tokens and test data are held against is data (review.yaml of its spec folder). Must not send anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from conformance.contracts.loading import Spec
from conformance.credentials.alterations import MALFORMED
from conformance.credentials.tokens import AccessTokens
from conformance.evidence.redaction import Redactor
from conformance.formats import documents
from conformance.formats.schemas import format_problems, load_format
from conformance.model.case import Case
from conformance.model.contract import CallerRule
from conformance.model.errors import SpecError
from conformance.model.exchange import ErrorKind, Request, Response, TransportFailure
from conformance.review.remarks import Remark, Severity, at
from conformance.target.target import ServiceTarget, Target

RULES = "review.yaml"
CALLERS = "callers"
"""The part of a service's settings that says who calls a SOAP service."""


@dataclass(slots=True)
class ReviewSubject:
    """One service under review: `cases` are those to be run, `seconds` the expected length of the run."""

    target: Target
    service: ServiceTarget
    rules: Mapping[str, Any]
    now: datetime
    redactor: Redactor
    cases: tuple[Case, ...]
    send: Callable[[Request], Response | TransportFailure]
    everything: bool = True
    seconds: float = 0.0
    network: bool = False
    tokens: AccessTokens | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        references = self.service.settings.get("tokens")
        if references:
            self.tokens = AccessTokens(
                references=references,
                folder=self.target.folder,
                where=f"{self.target.file or self.target.name}: services.{self.name}.tokens",
                environment=self.target.environment,
                send=self.send,
                headers=self.target.identity.headers,
                clock=self.now.timestamp,
                redactor=self.redactor,
            )

    @property
    def name(self) -> str:
        """Return the service's id."""
        return self.service.service

    @property
    def spec(self) -> Spec:
        """Return the service's spec."""
        return self.service.spec

    @property
    def data(self) -> Mapping[str, Any]:
        """Return the test data, empty where the file gives none."""
        return self.service.settings.get("data") or {}

    @property
    def firm(self) -> Severity:
        """Return how severe a breach of the platform's own customs is: a local service may have others."""
        return "warning" if self.target.local else "error"

    @property
    def roles(self) -> tuple[str, ...]:
        """Return the roles under review: all that the file gives, or those that the chosen cases need."""
        given = self.tokens.roles if self.tokens is not None else frozenset()
        needed = (
            given
            if self.everything
            else {role for case in self.cases for role in roles_of(case)}
        )
        return tuple(sorted(given & needed))

    @property
    def callers(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the SOAP callers under review: all that the file gives, or those that the chosen cases may need."""
        given: Mapping[str, Mapping[str, Any]] = (
            self.service.settings.get(CALLERS) or {}
        )
        kinds = {case.caller for case in self.cases}
        return {
            name: row
            for name, row in given.items()
            if self.everything or "" in kinds or row["kind"] in kinds
        }

    def caller_rule(self, kind: str) -> CallerRule:
        """Return the rule of a kind of caller; raises SpecError where the spec has none."""
        rules = self.spec.contract.soap
        if rules is None or kind not in rules.callers:
            raise SpecError(
                f"{self.spec.folder}: there is no rule for callers of the kind {kind}"
            )
        return rules.callers[kind]

    def remark(
        self, severity: Severity, topic: str, message: str, remedy: str
    ) -> Remark:
        """Return a remark on this service."""
        return Remark(severity, topic, f"{self.name}: {message}", remedy, self.network)

    def identity(self, place: str) -> str:
        """Return the test identity at a place of `data`, "" where the file gives none."""
        return next((str(value) for _, value in at(self.data, place)), "")


def load_rules(spec: Spec) -> Mapping[str, Any]:
    """Return what a spec folder's review.yaml says, nothing where there is none.

    Raises SpecError, with one line per mistake, where it breaks its format.
    """
    path = spec.folder / RULES
    if not path.exists():
        return {}
    document = documents.read(path)
    schema = load_format("review", spec.folder.parent.parent)
    problems = [
        f"{path}:{document.line(where)}: {text}"
        for where, text in format_problems(document, schema)
    ]
    if problems:
        raise SpecError(problems)
    rules: Mapping[str, Any] = document.data
    return rules


def send_nothing(request: Request) -> TransportFailure:
    """Refuse to send a request."""
    return TransportFailure(
        ErrorKind.CONNECT,
        f"nothing is sent to {urlsplit(request.url).hostname} before a run",
    )


def roles_of(case: Case) -> set[str]:
    """Return the roles of the access tokens that a case sends."""
    return {request.token.partition("!")[0] for request in case.requests} - {
        "",
        MALFORMED,
    }


def callers_of_case(subject: ReviewSubject, case: Case) -> list[Mapping[str, Any]]:
    """Return the callers that play a case: all of its kind, or the first of the file."""
    given: Mapping[str, Mapping[str, Any]] = subject.service.settings.get(CALLERS) or {}
    fitting = [row for row in given.values() if case.caller in ("", row["kind"])]
    return fitting if case.caller else fitting[:1]
