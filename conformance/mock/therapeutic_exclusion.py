"""The Therapeutic Exclusion service of the local platform, over HTTP, with an I.AM Connect beside it.

Source: Therapeutic Exclusion cookbook 1.2, chapters 5 and 8. Must not know the suites, nor open any way
to its state but the four operations.
"""

import functools
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conformance.contracts.loading import Spec
from conformance.mock import iam, iam_tokens
from conformance.mock.exclusion_checks import (
    Code,
    ExclusionRefusalError,
    page_size,
    read_declaration,
    valid_patient,
    wanted_party,
)
from conformance.mock.exclusions import (
    HISTORY_LIMIT,
    AlreadyExcludedError,
    Author,
    Change,
    Exclusions,
    Name,
    NotExcludedError,
    Party,
    Scheme,
    published_name,
)
from conformance.mock.iam import IamConnect
from conformance.mock.iam_people import Claims, Mandate, Person, Profile
from conformance.mock.iam_tokens import TokenError, Verifier
from conformance.mock.service import Served, demand_known

BASE_PATH = "/therapeuticExclusion/v2"
SERVICE = "ehealth-exclusion-backend"
REST_ACCESS, MONITORING = "rest-access", "monitoring"
MANDATE = "medicaldatamanagement"
"""The only type of mandate with which a mandatary may use the service (section 5.1.1)."""

AUTHENTIC_NAMES: Final = "authentic-names"
"""The check that names are published as the authentic source has them, whatever a declaration says (section 5.3)."""

_BODY_BYTES = 65_536
_TOKEN_LIFETIME = timedelta(hours=1)

_PATIENT = Person("90010199794", "Alphonsine", "Sterrenveld", (REST_ACCESS,))
_OTHER = Person("85061599690", "Godelieve", "Wolkenberg", (REST_ACCESS,))
_PARENT = Person(
    "64031799653", "Theofiel", "Sterrenveld", (REST_ACCESS,), children=(_PATIENT.ssin,)
)
_MANDATARY = Person(
    "71110599535",
    "Hortense",
    "Vuurdoorn",
    (REST_ACCESS,),
    mandates=(Mandate(_PATIENT.ssin, (MANDATE,)),),
)
_WRONG_MANDATARY = Person(
    "58091299721",
    "Isidoor",
    "Nevelrots",
    (REST_ACCESS,),
    mandates=(Mandate(_PATIENT.ssin, ("recipe",)),),
)
_PEOPLE = (_PATIENT, _OTHER, _PARENT, _MANDATARY, _WRONG_MANDATARY)
_DATA: Mapping[str, Any] = {
    "patient": _PATIENT.ssin,
    "other_patient": _OTHER.ssin,
    "practitioners": [
        {"ssin": "70020299541", "qualification": "persphysician"},
        {"ssin": "77082499654", "qualification": "persnurse"},
    ],
    "pharmacies": [{"nihii": "61234516"}],
}


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Who asks, as the token tells; `unfit` are those who gave a mandate, but not one for this service."""

    author: Author
    patients: frozenset[str]
    unfit: frozenset[str] = frozenset()

    def require(self, patient: str) -> None:
        """Raise RefusalError or HTTPException 403 unless the caller may act for the patient."""
        if patient in self.unfit:
            raise _forbidden(f"the mandate is not of the type {MANDATE}")
        if patient not in self.patients:
            raise ExclusionRefusalError(Code.OTHER_PATIENT)


@dataclass(frozen=True, slots=True)
class TherapeuticExclusion:
    """The service: what it knows, how it verifies who asks, and where it has a party's names from."""

    exclusions: Exclusions
    verifier: Verifier
    named: Callable[[Party], Name]

    def routes(self) -> list[Route]:
        """Return the four operations and the monitoring's one with full paths."""
        consult, history = _told(self._consult), _told(self._history)
        return [
            Route(
                f"{BASE_PATH}/therapeuticExclusions",
                _told(self._change),
                methods=["POST", "DELETE"],
            ),
            Route(f"{BASE_PATH}/therapeuticExclusions/", consult, methods=["GET"]),
            Route(
                f"{BASE_PATH}/therapeuticExclusions/{{patientSsin}}",
                consult,
                methods=["GET"],
            ),
            Route(f"{BASE_PATH}/histories", history, methods=["GET"]),
            Route(f"{BASE_PATH}/histories/", history, methods=["GET"]),
            Route(f"{BASE_PATH}/histories/{{patientSsin}}", history, methods=["GET"]),
            Route(f"{BASE_PATH}/health", self._health, methods=["GET"]),
        ]

    async def _change(self, request: Request) -> Response:
        caller = _caller(self._claims(request, REST_ACCESS))
        return (
            await self._declare(request, caller)
            if request.method == "POST"
            else self._revoke(request, caller)
        )

    async def _declare(self, request: Request, caller: TokenHolder) -> Response:
        patient, party = read_declaration(await _json_body(request))
        caller.require(patient)
        try:
            self.exclusions.declare(patient, party, caller.author)
        except AlreadyExcludedError:
            raise ExclusionRefusalError(Code.EXISTS, HTTPStatus.CONFLICT) from None
        return Response(status_code=HTTPStatus.CREATED)

    def _revoke(self, request: Request, caller: TokenHolder) -> Response:
        patient = valid_patient(request.query_params.get("patientSsin"))
        identity = wanted_party(request)
        if identity is None:
            raise ExclusionRefusalError(Code.NO_PARTY)
        caller.require(patient)
        try:
            self.exclusions.revoke(patient, identity, caller.author)
        except NotExcludedError:
            raise ExclusionRefusalError(Code.ABSENT, HTTPStatus.NOT_FOUND) from None
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _consult(self, request: Request) -> Response:
        caller = _caller(self._claims(request, REST_ACCESS))
        patient = valid_patient(request.path_params.get("patientSsin"))
        identity = wanted_party(request)
        caller.require(patient)
        parties = self.exclusions.active(patient, identity)
        if not parties:
            raise ExclusionRefusalError(Code.ABSENT, HTTPStatus.NOT_FOUND)
        of = {"identifier": [{"type": Scheme.SSIN.value, "value": patient}]}
        return JSONResponse(
            [
                {"patient": of, "hcParty": _party_json(party, self.named(party))}
                for party in parties
            ]
        )

    async def _history(self, request: Request) -> Response:
        caller = _caller(self._claims(request, REST_ACCESS))
        patient = valid_patient(request.path_params.get("patientSsin"))
        caller.require(patient)
        changes = self.exclusions.history(
            patient, page_size(request.query_params.get("pageSize", ""))
        )
        if not changes:
            raise ExclusionRefusalError(Code.ABSENT, HTTPStatus.NOT_FOUND)
        entries = ",".join(_entry(change, self.named) for change in changes)
        return Response(f"[{entries}]", media_type="application/json")

    async def _health(self, request: Request) -> Response:
        self._claims(request, MONITORING)
        return JSONResponse({"status": "UP"})

    def _claims(self, request: Request, role: str) -> Claims:
        """Return the claims of the request's token; raises HTTPException 401 or 403 (RFC 6750, section 3.1)."""
        credentials = request.headers.getlist("authorization")
        if not credentials:
            _deny("an access token is needed", "")
        scheme, _, token = credentials[0].partition(" ")
        if len(credentials) > 1 or scheme.lower() != "bearer":
            _deny(
                "one Authorization header with a Bearer token is needed",
                ', error="invalid_request"',
            )
        try:
            claims = self.verifier.verify(token.strip(" "))
        except TokenError as error:
            _deny(
                f"the access token is not accepted: {error}", ', error="invalid_token"'
            )
        if role not in iam_tokens.roles(claims, SERVICE):
            raise _forbidden(f"the role {role} is missing")
        return claims


def serve(spec: Spec, address: str, without: Sequence[str] = ()) -> Served:
    """Return the service without any exclusion, and its I.AM Connect."""
    demand_known(without, [AUTHENTIC_NAMES])
    del spec
    connect = IamConnect.at(address, SERVICE, _PEOPLE, (MONITORING,), _now)
    named = _given_name if AUTHENTIC_NAMES in without else _authentic_name
    service = TherapeuticExclusion(Exclusions(_now), connect.verifier(), named)
    realm = connect.healthcare.discovery()
    settings = {
        "base_url": address + BASE_PATH,
        "tokens": _tokens(connect.healthcare.issuer),
        "data": dict(_DATA),
        "trust": {"issuer": realm["issuer"], "jwks": realm["jwks_uri"]},
    }
    return Served([*service.routes(), *connect.routes()], settings)


def _caller(claims: Claims) -> TokenHolder:
    """Return who asks: a token whose `sub` is that of a may_act entry acts in that profile, any other as a citizen.

    Raises HTTPException 403 for a token that is no person's.
    """
    if not isinstance(claims.get("ssin"), str):
        raise _forbidden("the token is no citizen's")
    author = Author(str(claims.get("azp")), claims["ssin"])
    entries = [
        entry["userProfile"]
        for entry in claims.get("may_act", ())
        if entry["sub"] == claims["sub"]
    ]
    if not entries:
        return TokenHolder(author, frozenset({author.ssin}))
    children = frozenset(
        child["ssin"] for child in entries[0].get(Profile.PARENT.value, ())
    )
    mandators = entries[0].get(Profile.MANDATARY.value, ())
    fit = frozenset(
        mandator["ssin"]
        for mandator in mandators
        if MANDATE in mandator["serviceNames"]
    )
    return TokenHolder(
        author,
        children | fit,
        frozenset(mandator["ssin"] for mandator in mandators) - fit,
    )


async def _json_body(request: Request) -> object:
    """Return the request's JSON; raises HTTPException 415 or 413, or RefusalError where it is no JSON.

    A body that cannot be read names no patient: the catalogue has no nearer code for it.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "the body must be application/json")
    try:
        data: object = json.loads(
            (await iam.read_body(request, _BODY_BYTES)).decode(),
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        raise ExclusionRefusalError(Code.NO_PATIENT) from None
    return data


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _authentic_name(party: Party) -> Name:
    return published_name(party.identity)


def _given_name(party: Party) -> Name:
    return party.given or published_name(party.identity)


def _party_json(party: Party, name: Name) -> dict[str, Any]:
    identifier = {"type": party.identity.scheme.value, "value": party.identity.value}
    return _actor_json(identifier, name.name, name.first_name, party.qualification)


def _actor_json(
    identifier: Mapping[str, str], name: str | None, first: str | None, code: str
) -> dict[str, Any]:
    return {
        "identifier": [identifier],
        "name": name,
        "firstName": first,
        "qualificationCode": code,
    }


@functools.lru_cache(maxsize=4 * HISTORY_LIMIT)
def _entry(change: Change, named: Callable[[Party], Name]) -> str:
    """Return an entry of a history as JSON; made once, since a long history is mostly what it was the time before."""
    application, person = change.author.application, change.author.ssin
    entry = {
        "author": [
            _actor_json(
                {"type": "local", "value": application},
                application,
                None,
                "application",
            ),
            _actor_json(
                {"type": Scheme.SSIN.value, "value": person}, None, None, "patient"
            ),
        ],
        "target": _party_json(change.party, named(change.party)),
        "timestamp": change.moment.isoformat(timespec="seconds"),
        "operation": change.operation.value,
    }
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))


def _told(
    endpoint: Callable[[Request], Coroutine[Any, Any, Response]],
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Return an endpoint that tells its refusals as an array of codes (section 8.1.3)."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ExclusionRefusalError as refusal:
            code, message = refusal.code.value
            return JSONResponse([{"code": code, "message": message}], refusal.status)

    return answer


def _deny(reason: str, error: str) -> NoReturn:
    raise HTTPException(
        HTTPStatus.UNAUTHORIZED,
        reason,
        {"WWW-Authenticate": f'Bearer realm="{SERVICE}"{error}'},
    )


def _forbidden(reason: str) -> HTTPException:
    challenge = f'Bearer realm="{SERVICE}", error="insufficient_scope"'
    return HTTPException(HTTPStatus.FORBIDDEN, reason, {"WWW-Authenticate": challenge})


def _tokens(issuer: iam_tokens.Issuer) -> dict[str, str]:
    """Return a token for each role that a target file knows."""
    past = replace(issuer, clock=lambda: issuer.clock() - 2 * _TOKEN_LIFETIME)

    def token(
        person: Person,
        profile: Profile = Profile.CITIZEN,
        by: iam_tokens.Issuer = issuer,
    ) -> str:
        return by.issue(
            iam_tokens.person_claims(person, iam_tokens.LOCAL_CLIENT, SERVICE, profile),
            _TOKEN_LIFETIME,
        )

    machine = iam_tokens.machine_claims("local-monitoring", SERVICE, (MONITORING,))
    return {
        "citizen": token(_PATIENT),
        "parent": token(_PARENT, Profile.PARENT),
        "mandatary": token(_MANDATARY, Profile.MANDATARY),
        "mandatary_wrong_type": token(_WRONG_MANDATARY, Profile.MANDATARY),
        "without_role": token(replace(_PATIENT, roles=())),
        "expired": token(_PATIENT, by=past),
        "other_citizen": token(_OTHER),
        "monitoring": issuer.issue(machine, _TOKEN_LIFETIME),
    }


def _now() -> datetime:
    return datetime.now(UTC)
