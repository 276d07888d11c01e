"""What every oracle offers, whatever the protocol of its service.

Protocols only.
"""

from collections.abc import Iterable
from typing import Protocol

from conformance.judging.likely_cause import ForeignAnswer
from conformance.model.case import Case, Step
from conformance.model.exchange import Exchange, Response
from conformance.model.verdict import Judgement


class Oracle(Protocol):
    """What judges the exchanges of one service: by JSON and OpenAPI, or by SOAP and a WSDL."""

    def judge(
        self, exchange: Exchange, case: Case, *, unclaimed: bool = False
    ) -> Judgement:
        """Return what an exchange says about the case."""

    def judge_step(
        self, exchange: Exchange, case: Case, step: Step, *, body: bool = False
    ) -> Judgement:
        """Return what an exchange says about a request that a case needs to succeed."""

    def refuses_credential(self, exchange: Exchange) -> bool:
        """Tell whether an answer refuses who asks, and not what is asked."""

    def tells_of_outage(self, exchange: Exchange) -> bool:
        """Tell whether an answer says in the service's own words that it is not available."""

    def foreign_refusal(
        self, exchange: Exchange, operation: str
    ) -> ForeignAnswer | None:
        """Return what an answer tells of the way to the service, None where it may be the service's own.

        Only an answer without anything of the contract is foreign: no document of it, nor the shape of its errors.
        """

    def asks_to_wait(self, response: Response) -> bool:
        """Tell whether an answer asks to wait in the service's own words, as 503 does in those of HTTP."""

    def values(
        self, exchange: Exchange, operation: str, places: Iterable[str]
    ) -> list[object] | None:
        """Return the values at places of an answer, for comparing two answers; None where it is not read whole."""
