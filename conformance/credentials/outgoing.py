"""Makes the transport of a target: trust, proxy and client certificate, with the secrets that they need.

Every secret is given to the redactor before anything is sent. Must not send anything.
"""

import os
import secrets
import ssl
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from conformance.credentials.keystore import (
    KeyStore,
    keystore_password,
    open_keystore,
)
from conformance.credentials.secrets import demand_length, resolve
from conformance.evidence.redaction import Redactor
from conformance.model.errors import SecretError, TargetError
from conformance.target.network import EnvironmentProxy, NamedProxy
from conformance.target.target import Target
from conformance.traffic.connecting import ClientCertificate
from conformance.traffic.proxy import (
    NamedByEnvironment,
    Proxy,
    basic,
    named_by_environment,
    read_proxy_url,
)
from conformance.traffic.transport import Transport

PROXY, CLIENT = "proxy", "tls.client"
"""Where a target file says them."""


def make_transport(
    target: Target,
    redactor: Redactor,
    environment: Mapping[str, str] = os.environ,
) -> Transport:
    """Return a transport that reaches a target's hosts as its file says.

    Raises SecretError or TargetError where a secret, a key store or the environment's proxy cannot be used.
    """
    return Transport(
        target.limits.timeout,
        target.ca_file,
        proxy_of(target, redactor, environment),
        client_certificate(target, redactor),
    )


def proxy_of(
    target: Target, redactor: Redactor, environment: Mapping[str, str] = os.environ
) -> Proxy | None:
    """Return the proxy of a target, None for none; errors as for `make_transport`."""
    match target.proxy:
        case NamedProxy(address, exempt, credential):
            authorization = ""
            if credential is not None:
                place = f"{target.file or target.name}: {PROXY}.password"
                password = resolve(credential.password, target.folder, place)
                demand_length(password, target.environment, place)
                authorization = _learnt(credential.user, password, redactor)
            return Proxy(address.host, address.port, exempt, authorization)
        case EnvironmentProxy():
            return _named(target, named_by_environment(environment), redactor)
        case None:
            return None


def _named(
    target: Target, named: NamedByEnvironment | None, redactor: Redactor
) -> Proxy | None:
    """Return the proxy that the environment names, with the credential that its URL may hold."""
    if named is None:
        return None
    try:
        address = read_proxy_url(named.url)
    except ValueError as error:
        raise TargetError(
            f"{target.file or target.name}: {PROXY}: the environment variable {named.variable}: {error}"
        ) from None
    authorization = ""
    if address.user or address.password:
        redactor.learn(named.url.rpartition("@")[0].rpartition("/")[2], _REFERENCE)
        authorization = _learnt(address.user, address.password, redactor)
    return Proxy(
        address.host, address.port, named.exempt, authorization, named.variable
    )


_REFERENCE: Mapping[str, Any] = {"password": PROXY}


def _learnt(user: str, password: str, redactor: Redactor) -> str:
    """Return a proxy's credential, once the redactor knows it as it is and as it goes over the wire."""
    authorization = basic(user, password)
    redactor.learn(password, _REFERENCE)
    redactor.learn(authorization.partition(" ")[2], _REFERENCE)
    return authorization


def client_keystore(target: Target, redactor: Redactor) -> KeyStore | None:
    """Return the opened key store of a target's client certificate, None for none; raises SecretError."""
    client = target.client
    if client is None:
        return None
    place = f"{target.file or target.name}: {CLIENT}"
    where, path = f"{place}.password", target.folder / client.keystore
    password = keystore_password(client.password, path, target.folder, where)
    redactor.learn(password, {"password": CLIENT})
    try:
        store = open_keystore(path, password, client.alias)
    except SecretError as error:
        raise SecretError(f"{place}.keystore: {error}") from None
    demand_length(password, target.environment, where)
    return store


def client_certificate(target: Target, redactor: Redactor) -> ClientCertificate | None:
    """Return what a target shows to gateways, None for nothing; raises SecretError."""
    store = client_keystore(target, redactor)
    return None if store is None else shown_certificate(target, store)


def shown_certificate(target: Target, store: KeyStore) -> ClientCertificate:
    """Return what a target's key store shows to gateways; the key is under a password of this process alone."""
    password = secrets.token_bytes(32).hex().encode("ascii")
    key = store.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password)
    )
    chain = (store.certificate, *store.chain)
    shown = ClientCertificate(
        b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain),
        key,
        password,
    )
    try:
        shown.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except OSError as error:  # a key too short for TLS, or no room for the file
        reason = getattr(error, "reason", None) or error.strerror or error
        raise SecretError(
            f"{target.file or target.name}: {CLIENT}.keystore: TLS cannot use its key or certificate "
            f"({reason}); ask for a certificate on an RSA key of 2048 bits or more, or an EC key"
        ) from None
    return shown
