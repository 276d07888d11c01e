"""The client credentials grant: a signed JWT assertion, the request to a token endpoint, and its response.

Must not send anything nor keep what it reads.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from conformance.credentials.asking import BUSY_REMEDY, is_busy, wait_wanted
from conformance.credentials.jwt_claims import json_object
from conformance.credentials.keystore import KeyStore
from conformance.model.errors import CredentialRefusedError, SecretError
from conformance.model.exchange import Headers, Request, Response, TransportFailure

GRANT = "client_credentials"

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 60
_SMALLEST_RSA_BITS = 2048
_REALM = re.compile(r"https?://[^/]+/(?:[^/]+/)*?realms/[^/]+")
_REMEDIES = dict.fromkeys(
    (400, 401, 403), "check client_id, and that it has the certificate in the key store"
)
_RSA_ALGORITHMS = ("RS256", "PS256", "RS384", "RS512", "PS384", "PS512")
_CURVES = {
    "secp256r1": "ES256",
    "secp384r1": "ES384",
    "secp521r1": "ES512",
}  # RFC 7518, section 3.4


@dataclass(frozen=True, slots=True)
class ConfidentialClient:
    """An application that I.AM Connect knows by its key."""

    token_url: str
    id: str
    store: KeyStore
    algorithm: str

    @property
    def realm(self) -> str:
        """Return the audience of the assertion: the realm's URL, not the token endpoint's as on other platforms."""
        match = _REALM.match(self.token_url)
        return match.group() if match else self.token_url

    def assertion(self, now: int) -> str:
        """Return a signed JWT that proves who the client is (RFC 7523, section 3), good for a minute and once.

        It names no key, since Keycloak knows no `kid` but its own.
        """
        names = {"iss": self.id, "sub": self.id, "aud": self.realm, "jti": str(uuid4())}
        times = {"iat": now, "exp": now + _ASSERTION_SECONDS}
        kind = RSAKey if isinstance(self.store.key, RSAPrivateKey) else ECKey
        key = kind.import_key(self.store.key)  # type: ignore[arg-type]  # the kind is that of the key
        return jwt.encode({"alg": self.algorithm}, names | times, key, [self.algorithm])

    def token_request(self, assertion: str, headers: Headers) -> Request:
        """Return the request of RFC 6749, section 4.4.2, with the client's proof of RFC 7523, section 2.2."""
        form = {
            "grant_type": GRANT,
            "client_id": self.id,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        media_types = (
            ("Accept", "application/json"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        )
        body = urlencode(form).encode()
        return Request("POST", self.token_url, (*headers, *media_types), body)


def signature_algorithm(store: KeyStore, wanted: str = "") -> str:
    """Return the signature algorithm for a key: the `wanted` one, or without it the usual one of its type and curve.

    Raises SecretError where there is none, or where the wanted one does not fit.
    """
    fitting = _fitting_algorithms(store)
    if not wanted:
        return fitting[0]
    if wanted not in fitting:
        kind = "RSA" if isinstance(store.key, RSAPrivateKey) else store.key.curve.name
        raise SecretError(
            f"{wanted!r} does not fit the key in the key store ({kind}); "
            f"leave it out, or write {' or '.join(fitting)}"
        )
    return wanted


def _fitting_algorithms(store: KeyStore) -> tuple[str, ...]:
    """Return the algorithms that a key can sign with, the usual one first; raises SecretError where there is none."""
    if not isinstance(store.key, RSAPrivateKey):
        name = store.key.curve.name
        if name not in _CURVES:
            raise SecretError(
                f"nothing can be signed with a key on the curve {name}; use {', '.join(_CURVES)} or RSA"
            )
        return (_CURVES[name],)
    # RFC 7518, sections 3.3 and 3.5
    if store.key.key_size < _SMALLEST_RSA_BITS:
        raise SecretError(
            f"its RSA key has {store.key.key_size} bits; {_SMALLEST_RSA_BITS} are needed"
        )
    return _RSA_ALGORITHMS


def token_response(
    outcome: Response | TransportFailure, quote: Callable[[str], str]
) -> Mapping[str, Any]:
    """Return the members of a token endpoint's response (RFC 6749, section 5.1).

    Raises CredentialRefusedError for any other response; `quote` makes the endpoint's text fit for its message.
    """
    if isinstance(outcome, TransportFailure):
        raise CredentialRefusedError(
            f"gives no answer: {quote(outcome.message)}; check address and network"
        )
    members = json_object(outcome.body)
    if outcome.status != HTTPStatus.OK:
        refusal = _refusal(outcome, members or {}, quote)
        raise CredentialRefusedError(refusal, wait_wanted(outcome))
    if outcome.cut:
        why = quote(outcome.cut)
        raise CredentialRefusedError(
            f"gives no whole answer: {why}; check address and network"
        )
    if members is None:
        raise CredentialRefusedError(
            "answered with something else than a JSON object; check token_url"
        )
    return members


def _refusal(
    outcome: Response, members: Mapping[str, Any], quote: Callable[[str], str]
) -> str:
    """Return a refusal in words, with the endpoint's reasons (RFC 6749, section 5.2)."""
    reasons = (members.get(name) for name in ("error", "error_description"))
    quoted = "".join(f", {quote(text)}" for text in reasons if isinstance(text, str))
    remedy = _REMEDIES.get(outcome.status, "check token_url, or try again later")
    if is_busy(outcome):
        remedy = BUSY_REMEDY
    return f"answered with status {outcome.status}{quoted}; {remedy}"
