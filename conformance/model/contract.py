"""What a cookbook says, as values: contract, operations, requirements, error codes, errata.

Must not read files, send anything or judge anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Level(StrEnum):
    """How binding a requirement is (RFC 2119)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


class Role(StrEnum):
    """Which implementation under test a requirement binds (ISO/IEC 9646: the IUT)."""

    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Source:
    """The document, its version and the section that a requirement comes from."""

    document: str
    version: str
    section: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """One normative statement of a cookbook, in our own words.

    `printed` is the modal word as printed ("indicative" where the document only states a fact);
    `untested` is the reason why no case verifies it, empty where cases do.
    """

    id: str
    service: str
    level: Level
    printed: str
    iut: Role
    source: Source
    statement: str
    untested: str = ""


@dataclass(frozen=True, slots=True)
class Erratum:
    """A slip of the document or a doubt: what is printed, the reading taken, what else is accepted, why."""

    id: str
    section: str
    printed: str
    reading: str
    accepted: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """An entry of a cookbook's error catalogue; `meaning` says in our own words what it tells the reader."""

    code: str
    message: str
    section: str
    component: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a service: method, path below the base URL, documented statuses, schema name by status.

    `parameters` says by name where each stands (path, query, header); `body` names the schema of the request's body,
    "" where it has none.
    """

    id: str
    method: str
    path: str
    statuses: tuple[int, ...]
    schemas: Mapping[int, str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def successes(self) -> tuple[int, ...]:
        """Return the documented statuses that tell of success."""
        return tuple(status for status in self.statuses if 200 <= status < 300)  # noqa: PLR2004 - RFC 9110, 15.3


@dataclass(frozen=True, slots=True)
class Rule:
    """A check that a JSON Schema cannot express, bound to the places of a document it applies to.

    `at` is a path such as `groups[].items[].order`; `severity` overrides what the requirement's
    level would give ("" leaves it to the level); `options` are the rule's own parameters.
    """

    name: str
    schema: str
    at: str
    requirement: str
    severity: str = ""
    note: str = ""
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CallerRule:
    """What a kind of SOAP caller is: which number it has, which role of a request that plays, what names it elsewhere.

    `attributes` are ends of the names by which an assertion names the caller; `asserted` and `certified` what an
    STS is asked for.
    """

    identity: str
    role: str
    attributes: tuple[str, ...]
    asserted: tuple[str, ...]
    certified: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckRule:
    """A check of SOAP answers, bound to a requirement, to the places it looks at, and to words of its own.

    `check` is its name in the table of checks; `places` maps what the check calls a place to a role of names.yaml;
    `words` replaces texts of its findings; `options` are the check's own parameters.
    """

    check: str
    requirement: str
    places: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SoapRules:
    """What a cookbook says of a SOAP service beyond its WSDL.

    `names` maps a section (operations, request, parts, answer) to the spellings of each role; `outcomes` names status
    codes; `checks` has the checks of an answer by their key in soap.yaml, `further_checks` those that its elements,
    details and same_person stand for, `messages` the words printed for a refusal, `message_values` what is filled in
    there; `details` names the elements of a status detail; `gates` are codes of a gateway that does not know the
    caller, `unavailable` codes of an outage, `busy` those of them that say when to ask again: after a while.
    """

    wsdl: Path
    names: Mapping[str, Mapping[str, tuple[str, ...]]]
    outcomes: Mapping[str, str]
    callers: Mapping[str, CallerRule]
    defaults: Mapping[str, str]
    checks: Mapping[str, CheckRule]
    further_checks: tuple[CheckRule, ...]
    messages: Mapping[str, CheckRule]
    details: frozenset[str]
    gates: frozenset[str]
    unavailable: frozenset[str]
    busy: frozenset[str] = frozenset()
    message_values: Mapping[str, CheckRule] = field(default_factory=dict)

    @property
    def answer_checks(self) -> tuple[CheckRule, ...]:
        """Return the checks that answers are held against, whatever the case."""
        return (*self.checks.values(), *self.further_checks)

    @property
    def requirements(self) -> tuple[str, ...]:
        """Return the requirements that answers are held against, whatever the case."""
        return tuple(dict.fromkeys(rule.requirement for rule in self.answer_checks))

    def rule_of(self, check: str) -> CheckRule | None:
        """Return the first binding of a check, None where soap.yaml does not bind it."""
        return next((rule for rule in self.answer_checks if rule.check == check), None)


@dataclass(frozen=True, slots=True)
class Contract:
    """Everything one version of one cookbook says about one service.

    `schemas` maps a schema's name to the JSON Schema document (2020-12) itself; `environments` maps
    an environment to the service's address there. A `stateful` service
    remembers what cases do to it; one that `wants_sender` wants From with every request. `soap` is None for REST.
    """

    service: str
    title: str
    version: str
    source: Source
    protocol: str
    public: bool
    stateful: bool
    wants_sender: bool
    environments: Mapping[str, str]
    address_key: str
    operations: Mapping[str, Operation]
    requirements: Mapping[str, Requirement]
    schemas: Mapping[str, Any]
    rules: tuple[Rule, ...]
    errors: Mapping[str, ErrorCode]
    errata: Mapping[str, Erratum]
    soap: SoapRules | None = None
