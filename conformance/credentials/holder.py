"""Keeps credentials that end: gets each once, renews it before its end, waits after a refusal before asking again.

Must not know what a credential is nor where it comes from.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from conformance.model.errors import CredentialRefusedError, SecretError

Credential = TypeVar("Credential")


class LapsedError(Exception):
    """A credential has ended and could not be renewed; `reason` is the error of the renewal."""

    def __init__(self, reason: SecretError | CredentialRefusedError) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fetched(Generic[Credential]):
    """A credential as it came; `ends` is in epoch seconds, math.inf where it never ends or is never renewed."""

    credential: Credential = field(repr=False)
    ends: float


@dataclass(frozen=True, slots=True)
class _Lease(Generic[Credential]):
    """A credential that is held, and the time in epoch seconds from which it is renewed."""

    fetched: Fetched[Credential]
    due: float


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why an issuer gave nothing, and until when it is not asked again, in epoch seconds."""

    until: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder(Generic[Credential]):
    """Holds one credential a name; threads may share it, since one fetches while the others wait.

    `clock` gives epoch seconds; `due` takes the end of a credential and the present time, and returns when to renew it;
    an issuer that has refused is not asked again for `patience` seconds, or for as long as it asked itself.
    """

    clock: Callable[[], float]
    due: Callable[[float, float], float]
    patience: float
    _leases: dict[str, _Lease[Credential]] = field(default_factory=dict, repr=False)
    _refusals: dict[str, _Refusal] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def get(self, name: str, fetch: Callable[[str], Fetched[Credential]]) -> Credential:
        """Return the credential of a name that holds now, fetched where there is none or where it is due.

        Raises what `fetch` raises, and LapsedError where the credential has ended and `fetch` gives no other.
        """
        with self._lock:
            lease = self._leases.get(name)
            if lease is None:
                lease = self._leased(fetch(name))
            elif lease.due <= self.clock():
                lease = self._renewed(name, lease, fetch)
            self._leases[name] = lease
            return lease.fetched.credential

    def prepare(self, name: str, fetch: Callable[[str], Fetched[Credential]]) -> None:
        """Fetch the credential of a name unless it is held already, whether it is due or not."""
        with self._lock:
            if name not in self._leases:
                self._leases[name] = self._leased(fetch(name))

    def drop(self, name: str) -> None:
        """Forget the credential of a name, so that it is fetched anew when it is needed next."""
        with self._lock:
            self._leases.pop(name, None)

    def ask(
        self, name: str, issuer: str, request: Callable[[], Fetched[Credential]]
    ) -> Fetched[Credential]:
        """Return what an issuer gives; for a while after a refusal raise the same one without a request.

        To be called by `fetch`. `issuer` begins the message of the CredentialRefusedError.
        """
        refusal = self._refusals.get(name)
        if refusal is not None and self.clock() < refusal.until:
            raise CredentialRefusedError(refusal.reason)
        try:
            return request()
        except CredentialRefusedError as error:
            reason = f"{issuer} {error}"
            left_alone = max(self.patience, error.wait)
            self._refusals[name] = _Refusal(self.clock() + left_alone, reason)
            raise CredentialRefusedError(reason) from None

    def _leased(self, fetched: Fetched[Credential]) -> _Lease[Credential]:
        return _Lease(fetched, self.due(fetched.ends, self.clock()))

    def _renewed(
        self,
        name: str,
        lease: _Lease[Credential],
        fetch: Callable[[str], Fetched[Credential]],
    ) -> _Lease[Credential]:
        """Return a new lease; where there is none, the old one for as long as it holds."""
        try:
            return self._leased(fetch(name))
        except (SecretError, CredentialRefusedError) as error:
            if lease.fetched.ends <= self.clock():
                raise LapsedError(error) from None
            return self._leased(lease.fetched)
