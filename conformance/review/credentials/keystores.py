"""Reviews the key stores that a target names: whether they open, and how long their certificates hold.

Must not use a key.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.x509 import Certificate

from conformance.credentials.keystore import KeyStore, keystore_password, open_keystore
from conformance.credentials.secrets import demand_length
from conformance.model.errors import SecretError
from conformance.review.remarks import (
    CLOCK_TOLERANCE,
    SOON,
    Remark,
    Severity,
    split,
)
from conformance.review.subject import CALLERS, ReviewSubject

_RENEW = "ask for a new certificate and put its key store here"


def keystores(subject: ReviewSubject) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield where the settings name key stores, as far as they are under review."""
    for place, settings in _keystore_settings(subject.service.settings):
        if place[0] == "tokens":
            wanted = place[1] in subject.roles
        elif place[0] == CALLERS:
            wanted = place[1] in subject.callers
        else:
            wanted = subject.everything
        if wanted:
            yield ".".join(place), settings


def _keystore_settings(
    settings: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if "keystore" in settings and "password" in settings:
        yield path, settings
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _keystore_settings(value, (*path, name))


def keystore_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield what is wrong with the key stores, but for those of SOAP callers."""
    for place, settings in keystores(subject):
        if place.startswith(f"{CALLERS}."):
            continue
        try:
            certificate = opened(subject, place, settings).certificate
        except SecretError as error:
            if not place.startswith(
                "tokens."
            ):  # the check of all credentials reports those
                yield from (
                    subject.remark("error", "certificate", *split(problem))
                    for problem in error.problems
                )
        else:
            yield from validity_remarks(subject, place, certificate)


def validity_remarks(
    subject: ReviewSubject,
    place: str,
    certificate: Certificate,
    soon: timedelta = SOON,
    remedy: str = _RENEW,
) -> Iterator[Remark]:
    """Yield whether a key store's certificate holds now, and that it ends within some time."""
    for found in certificate_time(
        certificate, place, subject.now, soon, local=subject.target.local
    ):
        yield subject.remark(
            found.severity, found.topic, found.message, found.remedy or remedy
        )


def certificate_time(
    certificate: Certificate,
    place: str,
    now: datetime,
    soon: timedelta = SOON,
    *,
    local: bool,
) -> Iterator[Remark]:
    """Yield the remarks on a certificate's time, with "" as remedy where it is to be renewed."""
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    firm: Severity = "warning" if local else "error"
    store = f"{place}.keystore: the certificate"
    if ends <= now:
        yield Remark(firm, "certificate", f"{store} expired on {ends:%Y-%m-%d}", "")
    elif ends - now < soon and not local:
        message = f"{store} ends on {ends:%Y-%m-%d}, in {(ends - now).days} days"
        yield Remark("warning", "certificate", message, "")
    if starts > now + CLOCK_TOLERANCE:
        message = f"{store} is valid only from {starts:%Y-%m-%d}"
        remedy = "wait until then, or set this machine's clock"
        yield Remark(firm, "certificate", message, remedy)


def opened(subject: ReviewSubject, place: str, settings: Mapping[str, Any]) -> KeyStore:
    """Return the key store of some settings; the redactor learns its password. Raises SecretError."""
    folder = subject.target.folder
    path = folder / settings["keystore"]
    where = f"{place}.password"
    password = keystore_password(settings["password"], path, folder, where)
    subject.redactor.learn(password, {"password": place})
    store = open_keystore(path, password, settings.get("alias"))
    demand_length(password, subject.target.environment, where)
    return store
