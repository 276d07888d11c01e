"""The callers that the local platform lends for DossierNumberGeneration: who they are, and their key stores on disk.

Names and numbers are nobody's. Must not know how a request is checked.
"""

import atexit
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from conformance.mock import sts
from conformance.mock.authority import (
    ALIAS,
    Authority,
    CertificateOwner,
    KeyKind,
    write_private,
)
from conformance.mock.sts import TokenService
from conformance.soap.message import RequestedAttribute

_STORED_FOR: Final = timedelta(days=365)
"""How long the assertions of a target file hold: longer than any local platform runs, which alone accepts them."""
_CENTER: Final = "urn:be:fgov:ehealth:1.0:sortingcenter:nihii-number"
_HOLDER: Final = "urn:be:fgov:ehealth:1.0:certificateholder:"


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller that the local platform lends: who it is, which key it has, and which attributes are stored for it.

    `identity` is its member of a target file's `requester`; without stored `claims` it asks the STS itself.
    """

    kind: str
    identity: str
    owner: CertificateOwner
    key: KeyKind
    claims: tuple[RequestedAttribute, ...] = ()


_NAMES: Final[Mapping[str, str]] = {
    "ssin": "urn:be:fgov:person:ssin",
    "cbe": "urn:be:fgov:kbo-bce:organization:cbe-number",
    "nihii": _CENTER,
    "ehp": "urn:be:fgov:ehealth:1.0:organization:ehp-number",
}
"""The attribute that names a caller, by kind of number."""
_RIGHTS: Final[Mapping[str, str]] = {
    "ssin": "urn:be:fgov:person:ssin:doctor:boolean",
    "cbe": "urn:be:fgov:kbo-bce:organization:cbe-number:ehealth:1.0:recognisedorganization:boolean",
}
"""The attribute that admits a caller for which none are stored, by kind of number."""
_LONG_AGO: Final = timedelta(days=2)

ACTORS: Final[Mapping[str, Actor]] = {
    "physician": Actor(
        "person",
        "ssin",
        CertificateOwner("SSIN", "70020299541", "CORNELIA NEVELSTREEK"),
        KeyKind.P384,
    ),
    "center": Actor(
        "nihii_institution",
        "nihii",
        CertificateOwner("NIHII-SORTINGCENTER", "99551296", "TRIAGEPOST WOLKENVELD"),
        KeyKind.P256,
        (
            RequestedAttribute(_CENTER, "99551296"),
            RequestedAttribute(f"{_HOLDER}sortingcenter:nihii-number", "99551296"),
            RequestedAttribute(f"{_CENTER}:recognisedsortingcenter:nihii11"),
            RequestedAttribute(f"{_CENTER}:recognisedsortingcenter:boolean"),
        ),
    ),
    "company": Actor(
        "cbe_institution",
        "cbe",
        CertificateOwner("CBE", "1800471240", "DENKBEELD SOFTWARE"),
        KeyKind.P384,
    ),
    "hub": Actor(
        "ehp_institution",
        "ehp",
        CertificateOwner("EHP", "1990904709", "HUB LUCHTKASTEEL"),
        KeyKind.RSA,
        (
            RequestedAttribute(
                "urn:be:fgov:ehealth:1.0:organization:ehp-number", "1990904709"
            ),
            RequestedAttribute(f"{_HOLDER}organization:ehp-number", "1990904709"),
            RequestedAttribute(
                "urn:be:fgov:ehealth:1.0:organization:ehp-number:recognisedehp:boolean"
            ),
        ),
    ),
}
"""Nobody's names and numbers."""


def private_folder() -> tuple[Path, Callable[[], None]]:
    """Return a new folder for this user alone, and what removes it, which the end of the process does too."""
    folder = Path(tempfile.mkdtemp(prefix="ehealth-conformance-"))

    def close() -> None:
        atexit.unregister(close)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(close)
    return folder, close


def lend_callers(
    folder: Path, authority: Authority, tokens: TokenService, address: str
) -> dict[str, Any]:
    """Write what callers need into a folder, and return what a target file says of it."""
    trust = folder / "sts-ca.pem"
    trust.write_bytes(authority.pem)
    callers = {
        name: _caller(folder / name, actor, authority, tokens, address)
        for name, actor in ACTORS.items()
    }
    return {"callers": callers, "trust": {"sts_ca": str(trust)}}


def _caller(
    place: Path, actor: Actor, authority: Authority, tokens: TokenService, address: str
) -> dict[str, Any]:
    credential = authority.issue(actor.owner, actor.key)
    password = secrets.token_urlsafe()
    store, assertion = place.with_suffix(".p12"), place.with_suffix(".saml.xml")
    credential.write(store, password)
    settings: dict[str, Any] = {
        "kind": actor.kind,
        "keystore": str(store),
        "alias": ALIAS,
        "password": password,
        "requester": {actor.identity: actor.owner.number},
    }
    past = replace(tokens, clock=lambda: tokens.clock() - _LONG_AGO)
    expired = place.with_suffix(".expired.saml.xml")
    claims = actor.claims or (
        RequestedAttribute(_NAMES[actor.identity], actor.owner.number),
        RequestedAttribute(_RIGHTS[actor.identity]),
    )
    write_private(expired, past.issue(credential.certificate, claims))
    denied = place.with_suffix(".denied.saml.xml")
    write_private(
        denied,
        tokens.issue(credential.certificate, claims, _STORED_FOR, admitted=False),
    )
    settings |= {"expired_assertion": str(expired), "denied_assertion": str(denied)}
    if not actor.claims:
        return settings | {"sts": address + sts.PATH}
    write_private(
        assertion, tokens.issue(credential.certificate, actor.claims, _STORED_FOR)
    )
    return settings | {"assertion": str(assertion)}
