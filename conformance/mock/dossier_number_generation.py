"""The DossierNumberGeneration service of the local platform, over HTTP, with an STS and callers beside it.

Source: CBSS DossierNumberGeneration cookbook 1.2, chapters 5 and 8. Must not know the suites, nor verify
what the gateway is there for.
"""

import atexit
import functools
import secrets
import shutil
import tempfile
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Final

from lxml import etree
from starlette.routing import Route

from conformance.checks.soap_request import UNAUTHORISED, SoapRefusalError
from conformance.contracts.loading import Spec
from conformance.contracts.platform_rules import bundled_schemas
from conformance.mock import gateway, sts
from conformance.mock.authority import (
    ALIAS,
    Authority,
    CertificateOwner,
    KeyKind,
    make_authority,
    write_private,
)
from conformance.mock.gateway import CHECKS, Accepted, Endpoint, Gateway, name_of
from conformance.mock.service import Served, demand_known
from conformance.mock.sts import TokenService
from conformance.model.errors import SpecError
from conformance.soap.markup import Element
from conformance.soap.message import RequestedAttribute
from conformance.soap.security.saml import Assertion
from conformance.soap.security.wss import instant
from conformance.soap.xsd.contract import Steps, read_value
from conformance.soap.xsd.wsdl import read_contract

PATH: Final = "/DossierNumberGeneration/v1"
CORE: Final = "urn:be:fgov:ehealth:commons:core:v2"
SUCCESS: Final = "urn:be:fgov:ehealth:2.0:status:Success"
REQUESTER: Final = "urn:be:fgov:ehealth:2.0:status:Requester"

_STORED_FOR: Final = timedelta(days=7)
_PLATFORM: Final = CertificateOwner("CBE", "0809394427", "EHEALTH-PLATFORM LOCAL TEST")
_LAST_NAME = ("Criteria", "Person", "LastName")
_PERSON = ("Criteria", "Requester", "PersonIdentifier")
_NIHII = ("Criteria", "Requester", "InstitutionIdentifier", "Nihii")
_CBE = ("Criteria", "Requester", "InstitutionIdentifier", "Cbe")
_OTHER = (
    "does not correspond to the security information provided in the Envelope header"
)
_CENTER: Final = "urn:be:fgov:ehealth:1.0:sortingcenter:nihii-number"
_HOLDER: Final = "urn:be:fgov:ehealth:1.0:certificateholder:"


class CallerKind(Enum):
    """Kinds of caller (Table 2); the value is how the attributes end that name one in an assertion."""

    PERSON = ":person:ssin"
    NIHII = ":nihii-number"
    CBE = ":cbe-number"
    EHP = ":ehp-number"


@dataclass(frozen=True, slots=True)
class AssertionHolder:
    """Who asks, by the assertion; without a kind nobody is named."""

    kind: CallerKind | None = None
    number: str = ""


Rule = Callable[[AssertionHolder, Element], str]
"""Says of a caller's request why it is refused, "" where it is not; raises RefusalError where it is not even read."""


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


def serve(spec: Spec, address: str, without: Sequence[str] = ()) -> Served:
    """Return the service with an STS, and callers whose keys lie in a private folder until it is closed.

    Checks that may be left out are those of the gateway and the RULES.
    """
    rules = spec.contract.soap
    if rules is None:
        raise SpecError(f"{spec.folder}: has no soap.yaml")
    contract = read_contract(rules.wsdl, bundled_schemas(spec.folder.parent.parent))
    authority = make_authority()
    tokens = TokenService(authority, authority.issue_sts(_PLATFORM), gateway.utc_now)
    trusted = (tokens.credential.certificate,)
    door = Gateway(
        tuple(contract.operations.values()),
        contract.problems,
        trusted,
        sts.ISSUER,
        gateway.utc_now,
        CHECKS,
    )
    demand_known(without, (*RULES, *map(name_of, CHECKS)))
    door = door.without(*(name for name in without if name not in RULES))
    generate = functools.partial(
        generate_covid_id,
        rules=tuple(RULES[name] for name in RULES if name not in without),
    )
    tell = functools.partial(gateway.error_fault, spec.contract.errors)
    endpoint = Endpoint(gateway.answering(door, generate, tell))
    folder, close = _private_folder()
    try:
        settings = {
            "endpoint": address + PATH,
            **_lent(folder, authority, tokens, address),
        }
    except BaseException:
        close()
        raise
    return Served([Route(PATH, endpoint), tokens.route()], settings, close)


def generate_covid_id(accepted: Accepted, rules: Sequence[Rule] | None = None) -> bytes:
    """Return the answer to a request: a new identifier, or why there is none (sections 5.2.1.2 and 8)."""
    caller = caller_of(accepted.assertion)
    for rule in RULES.values() if rules is None else rules:
        if problem := rule(caller, accepted.request):
            return _response(accepted, REQUESTER, message=problem)
    return _response(accepted, SUCCESS, identifier=str(uuid.uuid4()))


def caller_of(assertion: Assertion | None) -> AssertionHolder:
    """Return who asks, as far as the assertion identifies one of those who may."""
    for kind in CallerKind:
        number = assertion.identity(kind.value) if assertion is not None else ""
        if number:
            return AssertionHolder(kind, number)
    return AssertionHolder()


def caller_known(caller: AssertionHolder, request: Element) -> str:
    """Demand a caller who is a person or an institution."""
    del request
    if caller.kind is None:
        raise SoapRefusalError(
            UNAUTHORISED, "the assertion identifies neither a person nor an institution"
        )
    return ""


def last_name(caller: AssertionHolder, request: Element) -> str:
    """Demand a last name (section 5.2.2.2)."""
    del caller
    return (
        ""
        if (read_value(request, _LAST_NAME) or "").strip()
        else "The last name of the person is missing."
    )


def person_number(caller: AssertionHolder, request: Element) -> str:
    """Demand of a person the own number, where one is given."""
    return _different(
        caller, request, {CallerKind.PERSON}, _PERSON, "person", "PersonIdentifier"
    )


def no_nihii_of_person(caller: AssertionHolder, request: Element) -> str:
    """Refuse an institution's NIHII number from a person."""
    return _unexpected(caller, request, CallerKind.PERSON, _NIHII, "NIHII", "person")


def nihii_number(caller: AssertionHolder, request: Element) -> str:
    """Demand of a NIHII institution the own number, where one is given."""
    return _different(
        caller,
        request,
        {CallerKind.NIHII},
        _NIHII,
        "institution",
        "InstitutionIdentifier.Nihii",
    )


def no_cbe_of_nihii(caller: AssertionHolder, request: Element) -> str:
    """Refuse a CBE number from a NIHII institution."""
    return _unexpected(
        caller, request, CallerKind.NIHII, _CBE, "CBE", "NIHII institution"
    )


def cbe_number(caller: AssertionHolder, request: Element) -> str:
    """Demand of a CBE or EHP institution the own number, where one is given."""
    kinds = {CallerKind.CBE, CallerKind.EHP}
    return _different(
        caller, request, kinds, _CBE, "institution", "InstitutionIdentifier.Cbe"
    )


RULES: Final[Mapping[str, Rule]] = {
    rule.__name__: rule
    for rule in (
        caller_known,
        last_name,
        person_number,
        no_nihii_of_person,
        nihii_number,
        no_cbe_of_nihii,
        cbe_number,
    )
}
"""Who may ask, the last name and Table 2, in this order, by name.

What has no row there is allowed: a person's CBE number, an institution's person, a NIHII number of a CBE one.
"""


def _different(  # noqa: PLR0913, PLR0917 - whom it concerns, where the number stands, and the words for both
    caller: AssertionHolder,
    request: Element,
    kinds: Collection[CallerKind],
    place: Steps,
    what: str,
    element: str,
) -> str:
    """Say of callers of some kinds that the number at a place is not their own, "" where it is or none is there."""
    given = read_value(request, place)
    if caller.kind not in kinds or given in {None, caller.number}:
        return ""
    said = f"The {what} identifier defined in your request (Criteria.Requester.{element} : {given})"
    return f"{said} {_OTHER} ({caller.number})"


def _unexpected(  # noqa: PLR0913, PLR0917 - whom it concerns, where the number stands, and the words for both
    caller: AssertionHolder,
    request: Element,
    kind: CallerKind,
    place: Steps,
    what: str,
    called: str,
) -> str:
    """Say of callers of a kind that they may give no number at a place, "" where they do not."""
    given = read_value(request, place)
    if caller.kind is not kind or given is None:
        return ""
    return (
        f"No institution {what} identifier ({given}) may be defined in your request, "
        f"as the WS-security is connecting as a {called} ({caller.number})."
    )


def _response(
    accepted: Accepted, status: str, *, message: str = "", identifier: str = ""
) -> bytes:
    """Return a GenerateCovidIdResponse in an envelope."""
    tag = etree.QName(accepted.operation.response)
    root = etree.Element(
        tag,
        {"Id": f"_{uuid.uuid4()}"},
        nsmap={"dng": tag.namespace or "", "core": CORE},
    )
    answered = accepted.request.get("Id")
    if answered is not None:
        root.set("InResponseTo", answered)
    root.set("IssueInstant", instant(gateway.utc_now()))
    told = etree.SubElement(root, f"{{{CORE}}}Status")
    etree.SubElement(told, f"{{{CORE}}}StatusCode", Value=status)
    if message:
        etree.SubElement(told, f"{{{CORE}}}StatusMessage").text = message
    if identifier:
        etree.SubElement(root, "CovidDossierIdentifier").text = identifier
    return gateway.envelope(root)


def _private_folder() -> tuple[Path, Callable[[], None]]:
    """Return a new folder for this user alone, and what removes it, which the end of the process does too."""
    folder = Path(tempfile.mkdtemp(prefix="ehealth-conformance-"))

    def close() -> None:
        atexit.unregister(close)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(close)
    return folder, close


def _lent(
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
