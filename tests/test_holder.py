"""Tests of the holder of credentials, with texts for credentials and a clock that the test turns."""

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from conformance.credentials.holder import Fetched, Holder, LapsedError
from conformance.model.errors import CredentialRefusedError, SecretError

LIFETIME = 100.0
MARGIN = 10.0
PATIENCE = 30.0


@dataclass(slots=True)
class Clock:
    """A clock that shows what it is set to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Issuer:
    """Gives numbered credentials that hold for a while, or raises the error it is given."""

    clock: Clock
    error: SecretError | CredentialRefusedError | None = None
    asked: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> Fetched[str]:
        self.asked.append(name)
        if self.error is not None:
            raise self.error
        return Fetched(f"{name} {len(self.asked)}", self.clock.now + LIFETIME)


def before_end(ends: float, now: float) -> float:
    """Return when to renew: a margin before the end, in the middle of what is left where that is later."""
    return max(ends - MARGIN, (ends + now) / 2)


@pytest.fixture
def clock() -> Clock:
    """Return a clock at zero."""
    return Clock()


@pytest.fixture
def issuer(clock: Clock) -> Issuer:
    """Return an issuer that gives what it is asked for."""
    return Issuer(clock)


@pytest.fixture
def holder(clock: Clock) -> Holder[str]:
    """Return a holder that has nothing yet."""
    return Holder(clock=clock, due=before_end, patience=PATIENCE)


def asking(holder: Holder[str], issuer: Issuer) -> Callable[[str], Fetched[str]]:
    """Return a way to fetch that asks the issuer, minding its refusals."""
    return lambda name: holder.ask(name, "the issuer", lambda: issuer(name))


def test_credential_is_fetched_once(holder: Holder[str], issuer: Issuer) -> None:
    """The second use of a credential needs no request."""
    assert holder.get("a", issuer) == holder.get("a", issuer) == "a 1"
    assert issuer.asked == ["a"]


def test_each_name_has_its_credential(holder: Holder[str], issuer: Issuer) -> None:
    """Names share nothing."""
    assert (holder.get("a", issuer), holder.get("b", issuer)) == ("a 1", "b 2")


@pytest.mark.parametrize(("now", "credential"), [(LIFETIME - MARGIN - 1, "a 1"), (LIFETIME - MARGIN, "a 2")])
def test_credential_is_renewed_before_its_end(
    holder: Holder[str], issuer: Issuer, clock: Clock, now: float, credential: str
) -> None:
    """From the moment it is due on, a credential is fetched again."""
    holder.get("a", issuer)
    clock.now = now
    assert holder.get("a", issuer) == credential


def test_credential_without_end_is_never_renewed(holder: Holder[str], issuer: Issuer, clock: Clock) -> None:
    """An end in infinity is never near."""
    holder.get("a", lambda _: Fetched("lasting", math.inf))
    clock.now = 1e12
    assert holder.get("a", issuer) == "lasting"


@pytest.mark.parametrize("error", [SecretError("gone"), CredentialRefusedError("no")])
def test_old_credential_serves_while_it_holds(
    holder: Holder[str], issuer: Issuer, clock: Clock, error: SecretError | CredentialRefusedError
) -> None:
    """A renewal that fails before the end does not hurt."""
    holder.get("a", issuer)
    clock.now, issuer.error = LIFETIME - 4, error
    assert holder.get("a", issuer) == "a 1"


def test_failed_renewal_is_tried_again_in_the_middle_of_what_is_left(
    holder: Holder[str], issuer: Issuer, clock: Clock
) -> None:
    """An old credential that was kept gets a new time to be renewed at."""
    holder.get("a", issuer)
    clock.now, issuer.error = LIFETIME - 4, SecretError("gone")
    holder.get("a", issuer)
    clock.now, issuer.error = LIFETIME - 3, None
    assert holder.get("a", issuer) == "a 1"
    clock.now = LIFETIME - 2
    assert holder.get("a", issuer) == "a 3"


def test_credential_that_has_ended_is_not_given(holder: Holder[str], issuer: Issuer, clock: Clock) -> None:
    """At its end a credential that cannot be renewed raises an error with the reason of the renewal."""
    holder.get("a", issuer)
    clock.now, issuer.error = LIFETIME, SecretError("gone")
    with pytest.raises(LapsedError) as caught:
        holder.get("a", issuer)
    assert caught.value.reason is issuer.error


def test_first_failure_is_raised_as_it_is(holder: Holder[str], issuer: Issuer) -> None:
    """Where nothing is held, the error of fetching goes to the caller."""
    issuer.error = SecretError("gone")
    with pytest.raises(SecretError, match="gone"):
        holder.get("a", issuer)


def test_prepared_credential_is_not_fetched_again(holder: Holder[str], issuer: Issuer) -> None:
    """What was prepared before the run serves in it."""
    holder.prepare("a", issuer)
    holder.prepare("a", issuer)
    assert holder.get("a", issuer) == "a 1"
    assert issuer.asked == ["a"]


def test_issuer_is_spared_after_a_refusal(holder: Holder[str], issuer: Issuer, clock: Clock) -> None:
    """For a while after a refusal the same error comes without a request; then the issuer is asked again."""
    issuer.error = CredentialRefusedError("refused")
    for now in (0.0, PATIENCE - 1, PATIENCE):
        clock.now = now
        with pytest.raises(CredentialRefusedError, match=r"^the issuer refused$"):
            holder.get("a", asking(holder, issuer))
    assert issuer.asked == ["a", "a"]


def test_refusal_concerns_one_name(holder: Holder[str], issuer: Issuer) -> None:
    """Who is refused does not keep others from asking."""
    issuer.error = CredentialRefusedError("refused")
    with pytest.raises(CredentialRefusedError):
        holder.get("a", asking(holder, issuer))
    issuer.error = None
    assert holder.get("b", asking(holder, issuer)) == "b 2"


def test_own_mistake_is_no_refusal(holder: Holder[str], issuer: Issuer) -> None:
    """A secret that is missing is looked for again at once, since no issuer was bothered."""
    issuer.error = SecretError("gone")
    with pytest.raises(SecretError):
        holder.get("a", asking(holder, issuer))
    issuer.error = None
    assert holder.get("a", asking(holder, issuer)) == "a 2"


def test_threads_share_one_request(holder: Holder[str], issuer: Issuer) -> None:
    """Threads that want the same credential at once wait for the one that fetches it."""
    together = threading.Barrier(4)

    def wanted(_: int) -> str:
        together.wait()
        return holder.get("a", issuer)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(wanted, range(4))) == ["a 1"] * 4
    assert issuer.asked == ["a"]


def test_no_credential_is_shown(holder: Holder[str]) -> None:
    """The text of a holder tells no secret."""
    holder.get("a", lambda _: Fetched("hunter2", 1.0))
    assert "hunter2" not in repr(holder)
    assert "hunter2" not in repr(Fetched("hunter2", 1.0))
