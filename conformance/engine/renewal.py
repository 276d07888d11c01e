"""One new token after a 401 to one that the harness got itself: its end may have come before it was told.

Only for plain requests: what a case has to see refused is left as it is. Must not send anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from conformance.credentials.alterations import MALFORMED
from conformance.messages.sources import RequestBuilder
from conformance.model.case import Case, Template
from conformance.model.exchange import Exchange, Purpose

_REFUSED: Final = str(HTTPStatus.UNAUTHORIZED.value)


@dataclass(slots=True)
class Renewals:
    """Which roles' tokens a service has refused, so that no more than one new one is asked for in vain.

    A 401 comes before the work (RFC 9110, 15.5.2), so that a change may be sent again too.
    """

    _in_vain: set[str] = field(default_factory=set)
    _served: set[str] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)

    def give_up(
        self,
        case: Case,
        template: Template,
        purpose: Purpose,
        exchange: Exchange,
        requests: RequestBuilder,
    ) -> bool:
        """Forget the token of a plain request that was refused; tell whether it is to be sent with a new one."""
        if not is_refused(exchange):
            self._accept(template.token, exchange)
            return False
        wants_refusal = purpose is Purpose.PROBE and _tests_tokens(case)
        if wants_refusal or not _is_plain(template) or template.token in self._in_vain:
            return False
        return requests.give_up_token(template.token)

    def note(self, role: str, exchange: Exchange) -> None:
        """Remember what became of the request with the new token."""
        if is_refused(exchange):
            self._in_vain.add(role)
        elif exchange.response is not None:
            self._served.add(role)

    def _accept(self, role: str, exchange: Exchange) -> None:
        """Remember that a role's token was not refused, so that the next refusal tells of its end."""
        if exchange.response is not None:
            self._in_vain.discard(role)

    def take_notes(self) -> Iterator[str]:
        """Yield once for each role what the summary should say of new tokens that were accepted."""
        for role in sorted(self._served - self._told):
            self._told.add(role)
            yield (
                f"a token {role!r} that the harness had got was refused with 401, and a new one was not: "
                "it ended before the time that its issuer told, or the issuer told none"
            )


def is_refused(exchange: Exchange) -> bool:
    """Tell whether an answer refuses a token as such."""
    response = exchange.response
    return response is not None and response.status == HTTPStatus.UNAUTHORIZED


def _is_plain(template: Template) -> bool:
    """Tell whether a request carries the token of a role as it was issued, and nothing in its place."""
    named = {name.lower() for name in template.headers}
    altered = "!" in template.token or template.token == MALFORMED
    return bool(template.token) and not altered and "authorization" not in named


def _tests_tokens(case: Case) -> bool:
    """Tell whether a case accepts that a token is refused, so that a refusal is what it is about."""
    return any(_REFUSED in clause.statuses for clause in case.expectation.clauses)
