"""Where requests come from: what every builder of requests offers, whatever the protocol of its service.

Protocols only.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from conformance.model.case import Case, Forgery, Template
from conformance.model.contract import Operation
from conformance.model.exchange import Request
from conformance.strategies.drawing import Drawing


class TokenSource(Protocol):
    """Where access tokens come from, by role."""

    @property
    def roles(self) -> frozenset[str]:
        """Return the roles that have a token."""

    def get(self, role: str) -> str:
        """Return a valid token of a role."""

    def give_up(self, role: str) -> bool:
        """Forget a token that a service refused, where the harness got it itself; tell whether a new one can be had."""

    def check_before_run(self, roles_needed: Iterable[str]) -> list[str]:
        """Return what is wrong with the tokens of some roles, as far as it shows before any request."""


class RequestBuilder(Protocol):
    """Makes the requests of one service of a target; raises MissingDataError where the target lacks data."""

    @property
    def address(self) -> str:
        """Return the address of the service."""

    @property
    def identity(self) -> Mapping[str, str | None]:
        """Return the headers that say who asks (User-Agent, From); one that is None is left out."""

    def request(self, template: Template, repeated: bytes | None = None) -> Request:
        """Return the request that a template stands for.

        `repeated` is the message sent before, which a mutation that replays a message sends once more.
        """

    def variants_by_caller(self, case: Case) -> list[Case]:
        """Return a case once for each caller that plays it: itself alone where there are no callers."""

    def by_each_caller(self, template: Template) -> list[Template]:
        """Return a request once for each sort of caller: itself alone where there are no callers."""

    def mutations(self, case: Case) -> Iterator[Template]:
        """Yield a case's request once for each mutation that its probe names."""

    def forged(self, case: Case, pair: Forgery) -> Template:
        """Return a case's request with what is signed and what is forged in its place."""

    def drawing(self, case: Case) -> Drawing:
        """Return the messages of a case whose probe draws them from a WSDL's types."""

    def availability_probes(self, case: Case) -> list[Template]:
        """Return requests, by other callers than the case's, that show whether the service is there at all."""

    def operation_of(self, request: Request) -> Operation | None:
        """Return the operation that a request asks for, whoever made it; None where it asks for none."""

    def again(self, operation: str, caller: str, body: str) -> Template:
        """Return a template of a request element that was sent before."""

    def value(self, text: str) -> str:
        """Return a text, or the test data that it stands for."""

    def token(self, role: str) -> str:
        """Return the access token of a role."""

    def give_up_token(self, role: str) -> bool:
        """Forget a role's token that was refused; tell whether the next request of that role has a new one."""

    def recorded(self, reference: Mapping[str, str]) -> bytes:
        """Return the credential that a record refers to, got again from the target."""
