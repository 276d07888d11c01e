"""The Therapeutic Exclusion service of the local platform, over HTTP, with an I.AM Connect beside it.

Source: Therapeutic Exclusion cookbook 1.2, chapters 5 and 8. Must not know the suites, nor open any way
to its state but the four operations.
"""

import asyncio
import functools
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conformance.checks.request_problem import RequestProblem
from conformance.contracts.loading import Spec
from conformance.mock.exclusion_access import (
    CHALLENGES,
    MONITORING,
    OTHER,
    PATIENT,
    PEOPLE,
    REST_ACCESS,
    SERVICE,
    TokenHolder,
    token_holder,
    token_problems,
    tokens_by_role,
)
from conformance.mock.exclusion_checks import (
    BODY_BYTES,
    CONSULTATION,
    DECLARATION,
    HEALTH,
    HISTORY,
    REVOCATION,
    Code,
    ExclusionRequest,
    catalogue_problem,
    holder_problems,
    page_size,
    read_declaration,
    wanted_party,
)
from conformance.mock.exclusions import (
    HISTORY_LIMIT,
    RULES,
    AlreadyExcludedError,
    Change,
    Exclusions,
    Name,
    NotExcludedError,
    Party,
    PartyIdentity,
    Scheme,
    published_name,
    rules_without,
)
from conformance.mock.iam_connect.routes import IamConnect, read_beginning
from conformance.mock.iam_connect.tokens import Verifier
from conformance.mock.service import (
    RequestContext,
    Served,
    demand_known,
    exchange_request,
    operation_of,
    operation_problems,
)
from conformance.model.exchange import Request

BASE_PATH = "/therapeuticExclusion/v2"
AUTHENTIC_NAMES: Final[Mapping[str, frozenset[Scheme]]] = {
    "authentic-names": frozenset(Scheme),
    "authentic-practitioner-names": frozenset({Scheme.SSIN}),
    "authentic-organisation-names": frozenset({Scheme.NIHII}),
    "authentic-names-in-history": frozenset(),
}
"""The checks that names are those of the authentic source, whatever a declaration says (5.3): of which parties."""


def _practitioner(ssin: str, qualification: str) -> dict[str, str | None]:
    """Return a practitioner of the test data, with the names that the authentic source has."""
    name = published_name(PartyIdentity(Scheme.SSIN, ssin))
    row = {"ssin": ssin, "qualification": qualification}
    return row | {"name": name.name, "first_name": name.first_name}


def _pharmacy(nihii: str) -> dict[str, str]:
    """Return a pharmacy of the test data, with the name that the authentic source has."""
    name = published_name(PartyIdentity(Scheme.NIHII, nihii))
    return {"nihii": nihii, "name": name.name}


_DATA: Mapping[str, Any] = {
    "patient": PATIENT.ssin,
    "other_patient": OTHER.ssin,
    "practitioners": [
        _practitioner("70020299541", "persphysician"),
        _practitioner("77082499654", "persnurse"),
    ],
    "pharmacies": [_pharmacy("61234516")],
}


_OPERATIONS: Final[Mapping[str, ExclusionRequest]] = {
    "declareExclusion": DECLARATION,
    "revokeExclusion": REVOCATION,
    "getExclusions": CONSULTATION,
    "getHistory": HISTORY,
    "getHealth": HEALTH,
}
"""What is checked of a request, by the contract's operation."""


_HESITATION_S = 0.05


class ExclusionRefusalError(Exception):
    """A request is refused for a problem."""

    def __init__(self, problem: RequestProblem) -> None:
        """Keep the problem."""
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class TherapeuticExclusion:
    """The service: what it knows, how it verifies who asks, and where it has a party's names from."""

    exclusions: Exclusions
    verifier: Verifier
    named: Callable[[Party], Name]
    named_in_history: Callable[[Party], Name]

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
            Route(f"{BASE_PATH}/health", _told(self._health), methods=["GET"]),
        ]

    async def _change(self, http: HttpRequest) -> Response:
        if http.method == "POST":
            request = exchange_request(http, await read_beginning(http, BODY_BYTES))
            return await self._declare(request, self._admitted(request, DECLARATION))
        request = exchange_request(http, b"")
        return await self._revoke(request, self._admitted(request, REVOCATION))

    async def _seen(
        self, patient: str, identity: PartyIdentity
    ) -> tuple[Party, ...] | None:
        """Return what is active before a change, and hesitate, where a seeded fault wants it; else None at once."""
        if not self.exclusions.rules.hesitates:
            return None
        seen = self.exclusions.active(patient, identity)
        await asyncio.sleep(_HESITATION_S)
        return seen

    async def _declare(self, request: Request, holder: TokenHolder) -> Response:
        patient, party = read_declaration(json.loads(request.body))
        seen = await self._seen(patient, party.identity)
        try:
            self.exclusions.declare(patient, party, holder.author, seen)
        except AlreadyExcludedError:
            raise _refusal("new_exclusion", Code.EXISTS, HTTPStatus.CONFLICT) from None
        return Response(status_code=HTTPStatus.CREATED)

    async def _revoke(self, request: Request, holder: TokenHolder) -> Response:
        patient, identity = REVOCATION.patient(request), wanted_party(request)
        if patient is None or identity is None:
            raise _refusal("party_given", Code.NO_PARTY, HTTPStatus.BAD_REQUEST)
        seen = await self._seen(patient, identity)
        try:
            self.exclusions.revoke(patient, identity, holder.author, seen)
        except NotExcludedError:
            raise _absent() from None
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _consult(self, http: HttpRequest) -> Response:
        request = exchange_request(http, b"")
        self._admitted(request, CONSULTATION)
        patient = CONSULTATION.patient(request) or ""
        parties = self.exclusions.active(patient, wanted_party(request))
        if not parties:
            raise _absent()
        of = {"identifier": [{"type": Scheme.SSIN.value, "value": patient}]}
        return JSONResponse(
            [
                {"patient": of, "hcParty": _party_json(party, self.named(party))}
                for party in parties
            ]
        )

    async def _history(self, http: HttpRequest) -> Response:
        request = exchange_request(http, b"")
        self._admitted(request, HISTORY)
        patient = HISTORY.patient(request) or ""
        changes = self.exclusions.history(patient, page_size(request))
        if not changes:
            raise _absent()
        entries = ",".join(_entry(change, self.named_in_history) for change in changes)
        return Response(f"[{entries}]", media_type="application/json")

    async def _health(self, http: HttpRequest) -> Response:
        request = exchange_request(http, b"")
        for problem in content_and_access_problems(request, HEALTH, self.verifier):
            raise ExclusionRefusalError(problem)
        return JSONResponse({"status": "UP"})

    def _admitted(self, request: Request, kind: ExclusionRequest) -> TokenHolder:
        """Return who asks; raises ExclusionRefusalError for the first problem of the request."""
        for problem in content_and_access_problems(request, kind, self.verifier):
            raise ExclusionRefusalError(problem)
        holder = token_holder(request, self.verifier)
        if holder is None:
            raise LookupError("a request without problems has a token of a person")
        return holder


def serve(spec: Spec, address: str, without: Sequence[str] = ()) -> Served:
    """Return the service without any exclusion, and its I.AM Connect."""
    demand_known(without, [*AUTHENTIC_NAMES, *RULES])
    del spec
    connect = IamConnect.at(address, SERVICE, PEOPLE, (MONITORING,), _now)
    service = TherapeuticExclusion(
        Exclusions(_now, rules_without(without)),
        connect.verifier(),
        _naming(without),
        _given_name if "authentic-names-in-history" in without else _naming(without),
    )
    realm = connect.healthcare.discovery()
    settings = {
        "base_url": address + BASE_PATH,
        "tokens": tokens_by_role(connect.healthcare.issuer),
        "data": dict(_DATA),
        "trust": {"issuer": realm["issuer"], "jwks": realm["jwks_uri"]},
    }
    return Served([*service.routes(), *connect.routes()], settings)


def request_problems(
    request: Request, context: RequestContext
) -> Iterator[RequestProblem]:
    """Yield every problem of a request: its path and method, who asks, its content, then whom that is about.

    Without a verifier of tokens nothing is said about who asks.
    """
    yield from operation_problems(request, context)
    operation = operation_of(request, context)
    if operation is not None:
        kind = _OPERATIONS[operation.id]
        yield from content_and_access_problems(request, kind, context.tokens)


def content_and_access_problems(
    request: Request, kind: ExclusionRequest, verifier: Verifier | None
) -> Iterator[RequestProblem]:
    """Yield every problem of a kind of request, in the order in which the service refuses."""
    role = MONITORING if kind is HEALTH else REST_ACCESS
    if verifier is not None:
        yield from token_problems(request, verifier, role)
    yield from kind.problems(request)
    holder = token_holder(request, verifier) if verifier is not None else None
    patient = kind.patient(request)
    if holder is not None and patient is not None:
        yield from holder_problems(holder, patient)


def _authentic_name(party: Party) -> Name:
    return published_name(party.identity)


def _naming(without: Sequence[str]) -> Callable[[Party], Name]:
    """Return what names parties: the authentic source, but for those whose check is left out."""
    left_out = (AUTHENTIC_NAMES.get(check, frozenset()) for check in without)
    given = frozenset[Scheme]().union(*left_out)
    if not given:
        return _authentic_name

    def named(party: Party) -> Name:
        publishes = party.identity.scheme in given
        return (_given_name if publishes else _authentic_name)(party)

    return named


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
    endpoint: Callable[[HttpRequest], Coroutine[Any, Any, Response]],
) -> Callable[[HttpRequest], Coroutine[Any, Any, Response]]:
    """Return an endpoint that tells its refusals as an array of codes (section 8.1.3), or by HTTP alone."""

    async def answer(request: HttpRequest) -> Response:
        try:
            return await endpoint(request)
        except ExclusionRefusalError as refusal:
            return _refused(refusal.problem)

    return answer


def _refused(problem: RequestProblem) -> Response:
    """Return the answer to a request with a problem; raises HTTPException where its status alone refuses it."""
    if problem.code is not None:
        entry = {"code": problem.code, "message": problem.reason}
        return JSONResponse([entry], problem.status)
    raise HTTPException(problem.status, problem.reason, _challenge(problem.check))


def _challenge(check: str) -> dict[str, str] | None:
    """Return the header that challenges who has no right token (RFC 6750, section 3), None for other problems."""
    if check not in CHALLENGES:
        return None
    error = f', error="{CHALLENGES[check]}"' if CHALLENGES[check] else ""
    return {"WWW-Authenticate": f'Bearer realm="{SERVICE}"{error}'}


def _absent() -> ExclusionRefusalError:
    return _refusal("known_exclusion", Code.ABSENT, HTTPStatus.NOT_FOUND)


def _refusal(check: str, code: Code, status: int) -> ExclusionRefusalError:
    return ExclusionRefusalError(catalogue_problem(check, code, status))


def _now() -> datetime:
    return datetime.now(UTC)
