"""I.AM Connect of the local platform: two OpenID Connect realms for fictitious citizens and for machines.

Keys are made at start and never leave the process. Must not know what a service does with a token,
nor show a form: whoever asks is logged in as the fictitious person of his choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from joserfc.jwk import KeySet
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from conformance.mock.iam_connect.clients import Client
from conformance.mock.iam_connect.forms import (
    NO_STORE,
    form_fields,
    json_object,
    refusal,
)
from conformance.mock.iam_connect.people import Clock, Form, Person
from conformance.mock.iam_connect.realm import Realm
from conformance.mock.iam_connect.tokens import (
    HEALTHCARE,
    LOCAL_CLIENT,
    MACHINES,
    Issuer,
    OAuthError,
    Verifier,
)

_FORM_BYTES = 65_536
_DRAINED_BYTES = 16_777_216


@dataclass(frozen=True, slots=True)
class IamConnect:
    """Both realms, their HTTP endpoints, and the verifier of the tokens that they issue."""

    healthcare: Realm
    machines: Realm

    @classmethod
    def at(
        cls,
        address: str,
        service: str,
        people: Sequence[Person],
        machine_roles: tuple[str, ...],
        clock: Clock,
    ) -> "IamConnect":
        """Return I.AM Connect on a platform that answers at an address; the first of the people is the default."""
        base = f"{address}/auth/realms/"
        known = {person.ssin: person for person in people}
        local = {LOCAL_CLIENT: Client(LOCAL_CLIENT)}
        return cls(
            Realm(Issuer(base + HEALTHCARE, clock), service, known, clients=local),
            Realm(Issuer(base + MACHINES, clock), service, machine_roles=machine_roles),
        )

    def verifier(self) -> Verifier:
        """Return what a service verifies the access tokens of both realms with."""
        realms = (self.healthcare, self.machines)
        keys = {realm.issuer.url: KeySet([realm.issuer.key]) for realm in realms}
        return Verifier(keys, self.healthcare.service, self.healthcare.issuer.clock)

    def routes(self) -> list[Route]:
        """Return the endpoints of both realms with full paths."""
        return [*_realm_routes(self.healthcare), *_realm_routes(self.machines)]


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body of a request.

    Raises HTTPException: 413 for one of more bytes than the limit, 400 for one that breaks off.
    """
    body = await read_beginning(request, limit)
    if len(body) > limit:
        raise HTTPException(413, f"a body of more than {limit} bytes is not accepted")
    return body


async def read_beginning(request: Request, limit: int) -> bytes:
    """Return the body of a request, of one of more bytes than the limit the first byte beyond it and those before.

    Raises HTTPException 400 for a body that breaks off.
    """
    body, size = bytearray(), 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            body += chunk[: limit + 1 - len(body)]
            # Up to here it is read, so that a client that only sends hears the answer.
            if size > limit and size > _DRAINED_BYTES:
                break
    except ClientDisconnect:
        raise HTTPException(400, "the body breaks off") from None
    return bytes(body)


def _realm_routes(realm: Realm) -> list[Route]:
    async def configuration(request: Request) -> Response:
        del request
        return JSONResponse(realm.discovery())

    async def certificates(request: Request) -> Response:
        del request
        return JSONResponse(realm.issuer.public_keys())

    async def token(request: Request) -> Response:
        try:
            return JSONResponse(realm.token(await _form(request)), headers=NO_STORE)
        except OAuthError as error:
            return refusal(error, request)

    async def authorize(request: Request) -> Response:
        try:
            url = realm.authorize(
                await _form(request)
                if request.method == "POST"
                else form_fields(request.url.query)
            )
        except OAuthError as error:
            return refusal(error, request)
        return RedirectResponse(url, 302, NO_STORE)

    async def register(request: Request) -> Response:
        try:
            return JSONResponse(
                realm.register(json_object(await read_body(request, _FORM_BYTES))),
                201,
                NO_STORE,
            )
        except OAuthError as error:
            return refusal(error, request)

    path = urlsplit(realm.issuer.url).path
    return [
        Route(
            path + "/.well-known/openid-configuration", configuration, methods=["GET"]
        ),
        Route(path + "/protocol/openid-connect/certs", certificates, methods=["GET"]),
        Route(path + "/protocol/openid-connect/token", token, methods=["POST"]),
        Route(
            path + "/protocol/openid-connect/auth", authorize, methods=["GET", "POST"]
        ),
        Route(
            path + "/clients-registrations/openid-connect", register, methods=["POST"]
        ),
    ]


async def _form(request: Request) -> Form:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise OAuthError(
            "invalid_request", "the body must be application/x-www-form-urlencoded"
        )
    try:
        return form_fields((await read_body(request, _FORM_BYTES)).decode("ascii"))
    except UnicodeDecodeError:
        raise OAuthError("invalid_request", "the body is not a form") from None
