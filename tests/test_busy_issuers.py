"""Tests of token endpoints and STS that are busy, slow or reset and come back, on real sockets; waits take no time."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from conformance.credentials.assertions import Callers
from conformance.credentials.jwt_claims import claims
from conformance.credentials.tokens import PATIENCE, AccessTokens
from conformance.model.errors import BudgetError, CredentialRefusedError
from conformance.model.exchange import Request, Response, TransportFailure
from conformance.soap.markup import parse
from conformance.traffic.ledger import open_ledger
from conformance.traffic.limits import Limits
from conformance.traffic.transport import Transport
from conformance.traffic.waiting import Patience
from tests import issuers
from tests.issuers import Issuer, busy, hang, http, playing, reset, token
from tests.test_callers import ASKING, assertion, callers, folder
from tests.test_tokens import Clock, asking, tokens

__all__ = ["folder"]
AMPLE, SHORT = 30.0, 0.5
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
TOO_MANY = "429 Too Many Requests"


def machine(
    issuer: Issuer,
    tmp_path: Path,
    pauses: list[float],
    seconds: float = AMPLE,
    **changes: Any,  # noqa: ANN401 - those of the tokens
) -> AccessTokens:
    """Return tokens that are asked for at an issuer, and write down how long they would wait."""
    reference = {"monitoring": asking(tmp_path, {"token_url": issuer.address})}
    send = changes.pop("send", Transport(seconds).send)
    return tokens(reference, tmp_path, send=send, pause=pauses.append, **changes)


def assertions_of(issuer: Issuer) -> list[str]:
    """Return the ids of the assertions with which a token endpoint was asked."""
    read = (claims(parse_qs(body.decode())["client_assertion"][0]) for body in issuer.bodies)
    return [str(said["jti"]) for said in read if said is not None]


def refused(held: AccessTokens) -> str:
    """Return why there is no token."""
    with pytest.raises(CredentialRefusedError) as caught:
        held.get("monitoring")
    return str(caught.value)


@pytest.mark.parametrize(
    "status", [TOO_MANY, "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout", "408 Request Timeout"]
)
def test_busy_token_endpoint_is_asked_again(tmp_path: Path, status: str) -> None:
    """After an answer that tells of load comes another try, a second later."""
    pauses: list[float] = []
    with playing([busy(status), token("opaque")]) as issuer:
        assert machine(issuer, tmp_path, pauses).get("monitoring") == "opaque"
    assert pauses == [1.0]


def test_each_try_proves_the_client_anew(tmp_path: Path) -> None:
    """No assertion is sent twice, since a token endpoint takes each once."""
    with playing([busy(), busy(), reset, token("opaque")]) as issuer:
        machine(issuer, tmp_path, []).get("monitoring")
    assert len(set(assertions_of(issuer))) == 4


def test_token_endpoint_that_resets_is_asked_again(tmp_path: Path) -> None:
    """A connection that is reset twice is no refusal."""
    pauses: list[float] = []
    with playing([reset, reset, token("opaque")]) as issuer:
        assert machine(issuer, tmp_path, pauses).get("monitoring") == "opaque"
    assert pauses == [1.0, 1.0]


def test_answer_that_is_cut_short_is_asked_for_again(tmp_path: Path) -> None:
    """A connection that ends in the middle of the token is no token and no refusal."""
    with playing([token("opaque")[:-5], token("opaque")]) as issuer:
        assert machine(issuer, tmp_path, []).get("monitoring") == "opaque"


def test_token_endpoint_that_is_too_slow_is_asked_once_more(tmp_path: Path) -> None:
    """A time-out has taken its time, so that it is repeated once."""
    with playing([hang, token("opaque")]) as issuer:
        assert machine(issuer, tmp_path, [], AMPLE / 30).get("monitoring") == "opaque"
    with playing([hang]) as issuer:
        assert "gives no answer: 'the peer did not answer in time'" in refused(machine(issuer, tmp_path, [], SHORT))
    assert len(issuer.bodies) == 2


def test_token_endpoint_that_always_resets_is_given_up(tmp_path: Path) -> None:
    """Three resets in a row are a failure of the network, told with its remedy."""
    with playing([reset]) as issuer:
        reason = refused(machine(issuer, tmp_path, []))
    assert len(issuer.bodies) == 3
    assert reason.endswith("; check address and network")


def test_nobody_at_home_is_asked_once_more(tmp_path: Path) -> None:
    """A connection that is refused may be a restart, more often it is a wrong address."""
    pauses: list[float] = []
    assert "gives no answer" in refused(machine(Issuer("http://127.0.0.1:9/token"), tmp_path, pauses))
    assert pauses == [1.0]


def moments() -> Sequence[tuple[str, Callable[[float], bool]]]:
    """Return values of Retry-After with what the wait has to be."""
    ahead = format_datetime(datetime.now(UTC) + timedelta(seconds=6), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    return [
        ("3", lambda wait: wait == 3.0),
        (ahead, lambda wait: wait <= 6.0),
        (past, lambda wait: wait == 0.1),
        ("soon", lambda wait: wait == 1.0),
        ("-3", lambda wait: wait == 1.0),
    ]


@pytest.mark.parametrize(("value", "fits"), moments(), ids=["seconds", "date", "past date", "word", "negative"])
def test_wait_is_what_the_token_endpoint_asks_for(tmp_path: Path, value: str, fits: Callable[[float], bool]) -> None:
    """Retry-After in seconds or as a date is kept, anything else is a second."""
    pauses: list[float] = []
    with playing([busy(TOO_MANY, value), token("opaque")]) as issuer:
        machine(issuer, tmp_path, pauses).get("monitoring")
    assert len(pauses) == 1
    assert fits(pauses[0])


@pytest.mark.parametrize("value", ["11", "3600", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_wait_beyond_all_patience_is_not_begun(tmp_path: Path, value: str) -> None:
    """A token endpoint that wants to be left alone for long is left alone, and the reason says so at once."""
    pauses: list[float] = []
    with playing([busy(TOO_MANY, value)]) as issuer:
        reason = refused(machine(issuer, tmp_path, pauses))
    assert reason.endswith("answered with status 429; it is busy or down: try again later")
    assert (pauses, len(issuer.bodies)) == ([], 1)


def test_issuer_is_left_alone_for_as_long_as_it_asked(tmp_path: Path) -> None:
    """A Retry-After that is longer than the usual pause after a refusal is kept across cases."""
    clock = Clock()
    with playing([busy(TOO_MANY, "60"), token("opaque")]) as issuer:
        held = machine(issuer, tmp_path, [], clock=clock)
        refused(held)
        clock.now += PATIENCE + 29
        refused(held)
        assert len(issuer.bodies) == 1
        clock.now += 1
        assert held.get("monitoring") == "opaque"


@pytest.mark.parametrize(("wait", "tries"), [("4", 3), ("0", 11), (None, 11)])
def test_patience_is_bounded(tmp_path: Path, wait: str | None, tries: int) -> None:
    """However an endpoint asks to wait, it is asked ten times more at most, and waited for ten seconds in all."""
    pauses: list[float] = []
    with playing([busy(wait=wait)]) as issuer:
        refused(machine(issuer, tmp_path, pauses))
    assert len(issuer.bodies) == tries
    assert sum(pauses) <= 10.0


def test_patience_is_shared_with_the_service(tmp_path: Path) -> None:
    """What a run has waited for its service, it does not wait once more for the token endpoint."""
    pauses: list[float] = []
    with playing([busy(), busy(), busy(), token("opaque")]) as issuer:
        refused(machine(issuer, tmp_path, pauses, patience=Patience(2.5)))
    assert pauses == [1.0, 1.0]


def test_each_try_counts_within_the_limits(tmp_path: Path) -> None:
    """A budget of two requests is used up by two tries."""
    ledger, transport = open_ledger(Limits(None, 2, AMPLE), tmp_path), Transport(AMPLE)

    def counted(request: Request) -> Response | TransportFailure:
        ledger.take()
        return transport.send(request)

    with playing([busy()]) as issuer, pytest.raises(BudgetError):
        machine(issuer, tmp_path, [], send=counted).get("monitoring")
    assert len(issuer.bodies) == 2


def test_refusal_is_no_load(tmp_path: Path) -> None:
    """An answer that refuses the client is not asked for again."""
    pauses: list[float] = []
    with playing([http("401 Unauthorized", b'{"error": "invalid_client"}')]) as issuer:
        assert "'invalid_client'" in refused(machine(issuer, tmp_path, pauses))
    assert (pauses, len(issuer.bodies)) == ([], 1)


# --------------------------------------------------------------------------------------------------------------- STS


def given() -> bytes:
    """Return the answer of an STS that gives an assertion."""
    inside = b"<t:RequestedSecurityToken xmlns:t='urn:x'>" + assertion() + b"</t:RequestedSecurityToken>"
    start = b"<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body>"
    return http("200 OK", start + inside + b"</e:Body></e:Envelope>", {"Content-Type": "text/xml"})


def asking_at(issuer: Issuer, place: Path, seconds: float = AMPLE, patience: float = 10.0) -> Callers:
    """Return a caller whose assertion an issuer gives, with a clock that goes on by a second at each look."""
    clock = Clock()

    def later() -> datetime:
        clock.now += 1
        return datetime(2026, 3, 24, 12, tzinfo=UTC) + timedelta(seconds=clock.now % 60)

    row = {**ASKING, "sts": issuer.address}
    return callers(place, row, send=Transport(seconds).send, clock=later, patience=patience)


def created(body: bytes) -> str:
    """Return when a message to an STS says that it was made."""
    return str(next(parse(body).iter(f"{{{WSU}}}Created")).text)


@pytest.mark.parametrize(
    "move", [busy(), busy(TOO_MANY, "2"), busy("502 Bad Gateway"), reset], ids=["503", "429", "502", "reset"]
)
def test_sts_that_comes_back_is_asked_again(folder: Path, move: issuers.Move) -> None:
    """A busy STS, or one that resets, gives the assertion at the next try."""
    with playing([move, given()]) as issuer:
        assert asking_at(issuer, folder).assertion("physician").id == "_a1"
    assert len(issuer.bodies) == 2


def test_slow_sts_is_asked_once_more(folder: Path) -> None:
    """A time-out of an STS may be the last one."""
    with playing([hang, given()]) as issuer:
        assert asking_at(issuer, folder, AMPLE / 30).assertion("physician").id == "_a1"


def test_each_message_to_an_sts_is_a_new_one(folder: Path) -> None:
    """A second try has a timestamp and ids of its own: a copy would be taken for a replay."""
    with playing([busy(), given()]) as issuer:
        asking_at(issuer, folder).assertion("physician")
    first, second = issuer.bodies
    assert created(first) != created(second)
    ids = [{element.get(f"{{{WSU}}}Id") for element in parse(body).iter()} - {None} for body in issuer.bodies]
    assert not ids[0] & ids[1]


def test_sts_that_stays_busy_is_given_up_with_the_reason(folder: Path) -> None:
    """The reason says that the STS is busy, and nothing of the XML that it did not send."""
    with playing([busy(TOO_MANY, "3600")]) as issuer, pytest.raises(CredentialRefusedError) as caught:
        asking_at(issuer, folder).assertion("physician")
    assert str(caught.value).endswith("answered with status 429; it is busy or down: try again later")
    assert len(issuer.bodies) == 1
