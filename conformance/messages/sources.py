"""Where requests get their parts from: access tokens by role, SOAP messages by case.

Protocols only.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from conformance.model.case import Case, Template
from conformance.model.exchange import Request
from conformance.strategies.xsd import Drawing


class TokenSource(Protocol):
    """Where access tokens come from, by role."""

    @property
    def roles(self) -> frozenset[str]:
        """Return the roles that have a token."""

    def get(self, role: str) -> str:
        """Return a valid token of a role."""

    def check_before_run(self, roles_needed: Iterable[str]) -> list[str]:
        """Return what is wrong with the tokens of some roles, as far as it shows before any request."""


@dataclass(frozen=True, slots=True)
class Post:
    """A SOAP message as it goes over HTTP; a header set to None is left out."""

    body: bytes
    headers: Mapping[str, str | None]
    method: str = "POST"


class MessageSource(Protocol):
    """Where the messages of a SOAP service come from."""

    def variants_by_caller(self, case: Case) -> list[Case]:
        """Return a case once for each caller that plays it."""

    def request(self, template: Template) -> Post:
        """Return the signed message that a template stands for."""

    def sweep(self, case: Case) -> Iterator[Template]:
        """Yield a case's request once for each way that the case names to change it."""

    def drawing(self, case: Case) -> Drawing | None:
        """Return the messages of a case whose strategy draws them from a WSDL's types, None for any other case."""

    def availability_probes(self, case: Case) -> list[Template]:
        """Return requests like a case's, by other callers."""

    def again(self, operation: str, caller: str, body: str) -> Template:
        """Return a template of a request element that was sent before."""

    def recorded(self, reference: Mapping[str, str]) -> bytes:
        """Return the assertion that a record refers to, got again."""


class RecordedSource(Protocol):
    """What a recorded request is completed by: the address it goes to, and the credentials that it refers to."""

    @property
    def address(self) -> str:
        """Return the address of the service."""

    def recorded(self, reference: Mapping[str, str]) -> bytes:
        """Return the credential that a record refers to, got again; raises MissingDataError."""

    def request(self, template: Template) -> Request:
        """Return the request that a template stands for; raises MissingDataError."""
