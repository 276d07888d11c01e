"""Reviews offline how a target's hosts are to be reached: the proxy, and the certificate for gateways that ask for one.

Must not send anything, nor name a secret.
"""

from collections.abc import Iterator
from datetime import datetime

from conformance.credentials.outgoing import (
    CLIENT,
    client_keystore,
    proxy_of,
    shown_certificate,
)
from conformance.evidence.redaction import Redactor
from conformance.model.errors import UsageError
from conformance.review.credentials.keystores import certificate_time
from conformance.review.remarks import Remark, split
from conformance.target.network import EnvironmentProxy
from conformance.target.target import Target

_RENEW = "ask the gateway's operator for a new certificate and put its key store here"


def outgoing_remarks(
    target: Target, now: datetime, redactor: Redactor
) -> Iterator[Remark]:
    """Yield what is wrong with `proxy` and `tls.client`."""
    yield from _proxy_remarks(target, redactor)
    yield from _client_remarks(target, now, redactor)


def _proxy_remarks(target: Target, redactor: Redactor) -> Iterator[Remark]:
    try:
        proxy = proxy_of(target, redactor)
    except UsageError as error:
        yield from (Remark("error", "proxy", *split(row)) for row in error.problems)
        return
    if proxy is None and isinstance(target.proxy, EnvironmentProxy):
        message = "proxy: the environment names none (HTTPS_PROXY, ALL_PROXY): hosts are connected to directly"
        remedy = "set HTTPS_PROXY, or take `proxy` out of the target file"
        yield Remark("note", "proxy", message, remedy)


def _client_remarks(
    target: Target, now: datetime, redactor: Redactor
) -> Iterator[Remark]:
    try:
        store = client_keystore(target, redactor)
        if store is not None:
            shown_certificate(target, store)
    except UsageError as error:
        yield from (
            Remark("error", "certificate", *split(row)) for row in error.problems
        )
        return
    if store is None:
        return
    for found in certificate_time(store.certificate, CLIENT, now, local=target.local):
        yield Remark(found.severity, found.topic, found.message, found.remedy or _RENEW)
