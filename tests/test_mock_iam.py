"""Tests of the local platform's I.AM Connect: its rules without HTTP, then over sockets with clients from elsewhere."""

import asyncio
import hashlib
import hmac
import json
import shutil
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]
from authlib.oauth2.rfc7523 import PrivateKeyJWT  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from starlette.exceptions import HTTPException
from starlette.requests import Request

from conformance.contracts.loading import load_spec
from conformance.mock.iam_connect.clients import ASSERTION_TYPE, Client
from conformance.mock.iam_connect.people import Mandate, Person, Profile
from conformance.mock.iam_connect.realm import (
    ACCESS_TOKEN_TYPE,
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    TOKEN_EXCHANGE,
    Realm,
)
from conformance.mock.iam_connect.routes import IamConnect, read_body
from conformance.mock.iam_connect.tokens import (
    LOCAL_CLIENT,
    Issuer,
    OAuthError,
    TokenError,
    machine_claims,
    person_claims,
    roles,
)
from conformance.mock.platform import LocalPlatform

START = datetime(2026, 3, 24, 12, tzinfo=UTC)
SERVICE = "ehealth-exclusion-backend"
PARENT = Person(
    "64031799653",
    "Theofiel",
    "Sterrenveld",
    ("rest-access",),
    children=("90010199794",),
    mandates=(Mandate("85061599690", ("medicaldatamanagement",)),),
)
CITIZEN = Person("90010199794", "Alphonsine", "Sterrenveld", ("rest-access",))
CALLBACK = "http://127.0.0.1:9/callback"
VERIFIER = "v" * 64


def base64(raw: bytes) -> str:
    """Return bytes in the alphabet of RFC 7515, section 2."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


DEEP = base64(b"[" * 100_000)
CHALLENGE = base64(hashlib.sha256(VERIFIER.encode()).digest())
MACHINE_KEY = RSAKey.generate_key(2048)
OTHER_KEY = RSAKey.generate_key(2048)
NODE = Path(__file__).with_name("node")


class Clock:
    """A clock that shows what it is set to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def connect(clock: Clock) -> IamConnect:
    """Return I.AM Connect with two citizens, and a machine known by its key."""
    made = IamConnect.at("http://127.0.0.1", SERVICE, (CITIZEN, PARENT), ("monitoring",), clock)
    made.machines.clients["machine"] = Client("machine", (MACHINE_KEY,))
    return made


def token_for(connect: IamConnect, **changes: object) -> str:
    """Return the citizen's access token with some claims changed, None meaning left out."""
    claims = person_claims(CITIZEN, LOCAL_CLIENT, SERVICE) | changes
    whole = {"iss": connect.healthcare.issuer.url, "exp": int(START.timestamp()) + 60} | claims
    return signed(connect.healthcare.issuer.key, {name: value for name, value in whole.items() if value is not None})


def signed(key: RSAKey, claims: dict[str, Any], **header: str) -> str:
    """Return a token with these claims exactly."""
    return jwt.encode({"alg": "RS256", **header}, claims, key, ["RS256", "RS512", "PS256"])


def test_a_token_has_the_shape_of_the_platforms(connect: IamConnect) -> None:
    """A citizen's token carries every claim that clients of the real platform read."""
    claims = connect.verifier().verify(
        connect.healthcare.issuer.issue(person_claims(CITIZEN, LOCAL_CLIENT, SERVICE), timedelta(minutes=5))
    )
    assert set(claims) >= {"typ", "iss", "aud", "azp", "sub", "sid", "jti", "iat", "exp", "ssin", "userProfile"}
    assert (claims["typ"], claims["aud"], claims["azp"]) == ("Bearer", [SERVICE], LOCAL_CLIENT)
    assert claims["userProfile"] == {"ssin": CITIZEN.ssin, "firstName": "Alphonsine", "lastName": "Sterrenveld"}
    assert claims["resource_access"] == {SERVICE: {"roles": ["rest-access"]}}
    assert claims["exp"] - claims["iat"] == 300
    assert "may_act" not in claims


def test_profiles_are_listed_until_one_is_chosen() -> None:
    """A login lists all profiles; a token in a profile has that one's subject and no other entry."""
    login = person_claims(PARENT, LOCAL_CLIENT, SERVICE)
    assert [set(entry["userProfile"]) for entry in login["may_act"]] == [{"children"}, {"mandators"}]
    assert login["sub"] not in [entry["sub"] for entry in login["may_act"]]
    for profile, entry in zip((Profile.PARENT, Profile.MANDATARY), login["may_act"], strict=True):
        claims = person_claims(PARENT, LOCAL_CLIENT, SERVICE, profile)
        assert claims["may_act"] == [entry]
        assert claims["sub"] == entry["sub"]
        assert claims["ssin"] == PARENT.ssin


def test_roles_are_read_without_trust_in_their_form() -> None:
    """Roles of another service, or of a form that is none, are no roles."""
    assert roles(machine_claims("machine", SERVICE, ("monitoring",)), SERVICE) == {"monitoring"}
    assert roles(machine_claims("machine", SERVICE, ()), SERVICE) == frozenset()
    assert roles(machine_claims("machine", "another", ("monitoring",)), SERVICE) == frozenset()
    forms: tuple[object, ...] = (None, [], {SERVICE: None}, {SERVICE: {"roles": "x"}}, {SERVICE: {"roles": [1]}})
    for access in forms:
        assert roles({"resource_access": access}, SERVICE) == frozenset()


def test_public_keys_hold_no_private_member(connect: IamConnect) -> None:
    """The key set that is published verifies, and cannot sign."""
    (key,) = connect.healthcare.issuer.public_keys()["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}
    assert connect.healthcare.issuer.key.kid != connect.machines.issuer.key.kid
    assert "key" not in repr(connect.healthcare.issuer)


BAD_CLAIMS: Mapping[str, Mapping[str, object]] = {
    "expired": {"exp": int(START.timestamp())},
    "without expiry": {"exp": None},
    "expiry is text": {"exp": "tomorrow"},
    "expiry is true": {"exp": True},
    "not yet": {"nbf": int(START.timestamp()) + 1},
    "issued later": {"iat": int(START.timestamp()) + 1},
    "other issuer": {"iss": "http://127.0.0.1/auth/realms/other"},
    "without issuer": {"iss": None},
    "issuer of another key": {"iss": "http://127.0.0.1/auth/realms/M2M"},
    "issuer is a list": {"iss": ["http://127.0.0.1/auth/realms/healthcare"]},
    "other audience": {"aud": ["another"]},
    "without audience": {"aud": None},
    "ID token": {"typ": "ID"},
    "without type": {"typ": None},
    "without subject": {"sub": None},
}


@pytest.mark.parametrize("changes", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_token_with_a_wrong_claim_is_refused(connect: IamConnect, changes: Mapping[str, object]) -> None:
    """Each claim that a service relies on is really looked at."""
    assert connect.verifier().verify(token_for(connect))
    with pytest.raises(TokenError):
        connect.verifier().verify(token_for(connect, **changes))


def test_token_of_another_key_or_algorithm_is_refused(connect: IamConnect) -> None:
    """Only RS256 by a key of the issuer counts: no other key, hash, padding, shared secret, nor none at all."""
    own = connect.healthcare.issuer
    claims = person_claims(CITIZEN, LOCAL_CLIENT, SERVICE) | {"iss": own.url, "exp": int(START.timestamp()) + 60}
    header, payload, signature = signed(own.key, claims).split(".")
    none, shared = base64(b'{"alg":"none"}'), base64(b'{"alg":"HS256"}')
    code = hmac.digest(own.key.as_pem(private=False), f"{shared}.{payload}".encode(), "sha256")
    forged = [
        signed(OTHER_KEY, claims),
        signed(OTHER_KEY, claims, kid=str(own.key.kid)),
        signed(own.key, claims, kid="unknown"),
        signed(own.key, claims, alg="RS512"),
        signed(own.key, claims, alg="PS256"),
        f"{shared}.{payload}.{base64(code)}",
        f"{none}.{payload}.",
        f"{none}.{payload}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[4:]}AAAA",
    ]
    for token in forged:
        with pytest.raises(TokenError):
            connect.verifier().verify(token)
    assert connect.verifier().verify(signed(own.key, claims))


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64(raw) + ".e30.x")))
def test_whatever_is_no_token_is_refused(text: str) -> None:
    """No text makes the verification fail in any other way."""
    verifier = IamConnect(MACHINES_ONLY, MACHINES_ONLY).verifier()
    with pytest.raises(TokenError):
        verifier.verify(text)


MACHINES_ONLY = Realm(Issuer("http://127.0.0.1/auth/realms/M2M", lambda: START, MACHINE_KEY), SERVICE)


def test_deeply_nested_claims_are_refused() -> None:
    """A token that would exhaust the stack is refused like any other nonsense."""
    with pytest.raises(TokenError):
        IamConnect(MACHINES_ONLY, MACHINES_ONLY).verifier().verify(f"{DEEP}.{DEEP}.x")


def assertion(key: RSAKey = MACHINE_KEY, **changes: object) -> dict[str, str]:
    """Return a token request of the machine with some claims of its assertion changed, None meaning left out."""
    own = {"iss": "machine", "sub": "machine", "aud": "http://127.0.0.1/auth/realms/M2M", "jti": "1"}
    claims = own | {"exp": int(START.timestamp()) + 60} | changes
    text = signed(key, {name: value for name, value in claims.items() if value is not None}, kid="authentication")
    return {
        "grant_type": CLIENT_CREDENTIALS,
        "client_id": "machine",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": text,
    }


@pytest.mark.parametrize(("curve", "algorithm"), [("P-384", "ES384"), ("P-256", "ES256")])
def test_strangers_key_proves_no_client(connect: IamConnect, curve: str, algorithm: str) -> None:
    """A good algorithm by a key that nobody registered is refused."""
    own = {"iss": "machine", "sub": "machine", "aud": "http://127.0.0.1/auth/realms/M2M", "jti": "1"}
    claims = {**own, "exp": int(START.timestamp()) + 60}
    text = jwt.encode({"alg": algorithm}, claims, ECKey.generate_key(curve), [algorithm])
    with pytest.raises(OAuthError, match="invalid_client"):
        connect.machines.token(assertion() | {"client_assertion": text})


def test_public_key_is_no_shared_secret(connect: IamConnect) -> None:
    """A code by HMAC with the client's public key as secret is refused (RFC 8725, section 2.1)."""
    header, payload = base64(b'{"alg":"HS256"}'), assertion()["client_assertion"].split(".")[1]
    code = hmac.digest(MACHINE_KEY.as_pem(private=False), f"{header}.{payload}".encode(), "sha256")
    with pytest.raises(OAuthError, match="invalid_client"):
        connect.machines.token(assertion() | {"client_assertion": f"{header}.{payload}.{base64(code)}"})


def test_client_credentials_give_the_machines_roles(connect: IamConnect) -> None:
    """A signed assertion gives a token of the machine's own, also where only the assertion names the client."""
    for form in (assertion(), {**assertion(jti="2"), "client_id": ""}):
        answer = connect.machines.token(form)
        claims = connect.verifier().verify(answer["access_token"])
        assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 300)
        assert roles(claims, SERVICE) == {"monitoring"}
        assert claims["azp"] == "machine"
        assert "ssin" not in claims


BAD_ASSERTIONS: Mapping[str, Mapping[str, object]] = {
    "other issuer": {"iss": "another"},
    "other subject": {"sub": "another"},
    "without issuer": {"iss": None},
    "without subject": {"sub": None},
    "token endpoint as audience": {"aud": "http://127.0.0.1/auth/realms/M2M/protocol/openid-connect/token"},
    "other realm as audience": {"aud": "http://127.0.0.1/auth/realms/healthcare"},
    "without audience": {"aud": None},
    "expired": {"exp": int(START.timestamp())},
    "without expiry": {"exp": None},
    "not yet": {"nbf": int(START.timestamp()) + 1},
    "without identifier": {"jti": None},
    "empty identifier": {"jti": ""},
}


@pytest.mark.parametrize("changes", BAD_ASSERTIONS.values(), ids=BAD_ASSERTIONS)
def test_assertion_with_a_wrong_claim_is_refused(connect: IamConnect, changes: Mapping[str, object]) -> None:
    """A client whose assertion says something wrong is no client, with 401."""
    with pytest.raises(OAuthError) as refusal:
        connect.machines.token(assertion(**changes))  # type: ignore[arg-type]  # no change is called key
    assert (refusal.value.error, refusal.value.status) == ("invalid_client", 401)


def test_assertion_is_good_once_only(connect: IamConnect, clock: Clock) -> None:
    """An assertion is refused the second time, and its identifier is forgotten only once it has expired."""
    connect.machines.token(assertion())
    with pytest.raises(OAuthError, match="used before"):
        connect.machines.token(assertion())
    clock.now += timedelta(seconds=61)
    connect.machines.token(assertion(exp=int(clock.now.timestamp()) + 60))


@pytest.mark.parametrize(
    "changes",
    [
        {"client_assertion": ""},
        {"client_assertion_type": ""},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_assertion": "no token"},
        {"client_assertion": jws.serialize_compact({"alg": "RS256"}, b"[" * 90_000, MACHINE_KEY)},
        {"client_assertion": assertion(OTHER_KEY)["client_assertion"]},
        {"client_id": "unknown"},
        {"client_id": "", "client_assertion": ""},
        {"client_id": "", "client_assertion": "no token"},
    ],
)
def test_client_that_does_not_prove_itself_is_refused(connect: IamConnect, changes: dict[str, str]) -> None:
    """Without an assertion by its own key a machine gets nothing."""
    with pytest.raises(OAuthError) as refusal:
        connect.machines.token({name: value for name, value in (assertion() | changes).items() if value})
    assert refusal.value.error == "invalid_client"


def test_public_client_has_no_credentials(connect: IamConnect) -> None:
    """A client without a key gets no token of its own, nor may it pretend to have a key."""
    connect.machines.clients["public"] = Client("public")
    with pytest.raises(OAuthError) as refusal:
        connect.machines.token({"grant_type": CLIENT_CREDENTIALS, "client_id": "public"})
    assert refusal.value.error == "unauthorized_client"
    with pytest.raises(OAuthError) as refusal:
        connect.machines.token(assertion() | {"client_id": "public"})
    assert refusal.value.error == "invalid_client"


@pytest.mark.parametrize(
    ("grant", "error"),
    [("", "invalid_request"), ("password", "unsupported_grant_type"), (AUTHORIZATION_CODE, "unsupported_grant_type")],
)
def test_unknown_grant_is_refused(connect: IamConnect, grant: str, error: str) -> None:
    """A realm grants only what it is for."""
    form = assertion() | {"grant_type": grant}
    with pytest.raises(OAuthError) as refusal:
        connect.machines.token({name: value for name, value in form.items() if value})
    assert refusal.value.error == error


def authorization(**changes: str) -> dict[str, str]:
    """Return an authorization request with some parameters changed, "" meaning left out."""
    form = {
        "response_type": "code",
        "client_id": LOCAL_CLIENT,
        "redirect_uri": CALLBACK,
        "scope": "openid",
        "state": "s&t",
        "nonce": "n",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in (form | changes).items() if value}


def redemption(granted: str, **changes: str) -> dict[str, str]:
    """Return the token request for a code."""
    form = {"grant_type": AUTHORIZATION_CODE, "client_id": LOCAL_CLIENT, "code": granted, "redirect_uri": CALLBACK}
    return {name: value for name, value in (form | {"code_verifier": VERIFIER} | changes).items() if value}


def query(url: str) -> dict[str, str]:
    """Return the parameters of a URL."""
    return dict(parse_qsl(urlsplit(url).query))


def log_in(connect: IamConnect, **changes: str) -> dict[str, Any]:
    """Log a citizen in and return the token endpoint's answer."""
    code = query(connect.healthcare.authorize(authorization(**changes)))["code"]
    return connect.healthcare.token(redemption(code))


def test_citizen_logs_in_by_code_and_proof(connect: IamConnect) -> None:
    """The default citizen gets an access token and an ID token with the nonce; state and issuer come back."""
    answer = query(connect.healthcare.authorize(authorization()))
    assert (answer["state"], answer["iss"]) == ("s&t", connect.healthcare.issuer.url)
    tokens = connect.healthcare.token(redemption(answer["code"]))
    assert connect.verifier().verify(tokens["access_token"])["ssin"] == CITIZEN.ssin
    identity = jwt.decode(tokens["id_token"], connect.healthcare.issuer.key, ["RS256"]).claims
    assert (identity["aud"], identity["nonce"], identity["typ"]) == (LOCAL_CLIENT, "n", "ID")
    with pytest.raises(TokenError):
        connect.verifier().verify(tokens["id_token"])


def test_login_hint_chooses_the_citizen(connect: IamConnect) -> None:
    """Another citizen is chosen by his SSIN; without the scope openid there is no ID token."""
    tokens = log_in(connect, login_hint=PARENT.ssin, scope="", state="", nonce="")
    assert connect.verifier().verify(tokens["access_token"])["ssin"] == PARENT.ssin
    assert "id_token" not in tokens
    assert "nonce" not in jwt.decode(log_in(connect, nonce="")["id_token"], connect.healthcare.issuer.key).claims


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"login_hint": "85061599690"}, "access_denied"),
    ],
)
def test_refused_login_leads_back_with_the_reason(connect: IamConnect, changes: dict[str, str], error: str) -> None:
    """A login that fails tells the client why, with its state, and gives no code."""
    answer = query(connect.healthcare.authorize(authorization(**changes)))
    assert (answer["error"], answer["state"]) == (error, "s&t")
    assert "code" not in answer


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://example.org/callback",
        "http://127.0.0.1.example.org/",
        "http://localhost@example.org/",
        "http://user@127.0.0.1/",
        "http://127.0.0.1/#fragment",
        "http://127.0.0.1/#",
        "javascript://127.0.0.1/",
        "http://[::1",
        "//127.0.0.1/",
    ],
)
def test_login_never_leads_elsewhere(connect: IamConnect, uri: str) -> None:
    """A redirect_uri that is not on this machine is refused on the spot."""
    with pytest.raises(OAuthError) as refusal:
        connect.healthcare.authorize(authorization(redirect_uri=uri))
    assert refusal.value.error == "invalid_request"


@pytest.mark.parametrize("uri", ["http://localhost/", "http://[::1]:8080/a?b=c", "https://127.0.0.2/x"])
def test_login_leads_to_any_loopback_address(connect: IamConnect, uri: str) -> None:
    """The local client may be called back anywhere on this machine, and keeps its own query."""
    url = connect.healthcare.authorize(authorization(redirect_uri=uri))
    assert url.startswith(uri)
    assert "code" in query(url)


def test_registered_redirect_is_the_only_one(connect: IamConnect) -> None:
    """A client that has named its redirect_uris is called back at no other."""
    client = connect.healthcare.register({"redirect_uris": [CALLBACK]})["client_id"]
    assert "code" in connect.healthcare.authorize(authorization(client_id=client))
    for changes in ({"client_id": client, "redirect_uri": CALLBACK + "/"}, {"client_id": "unknown"}):
        with pytest.raises(OAuthError):
            connect.healthcare.authorize(authorization(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "guessed"},
        {"code": ""},
        {"redirect_uri": "http://127.0.0.1:9/other"},
        {"redirect_uri": ""},
        {"code_verifier": "w" * 64},
        {"code_verifier": "short"},
        {"code_verifier": CHALLENGE},
        {"code_verifier": ""},
        {"client_id": "other"},
    ],
)
def test_code_is_useless_to_anybody_else(connect: IamConnect, changes: dict[str, str]) -> None:
    """A code is bound to its client, its redirect_uri and the proof, and lost once anything is wrong."""
    connect.healthcare.clients["other"] = Client("other")
    code = query(connect.healthcare.authorize(authorization()))["code"]
    with pytest.raises(OAuthError) as refusal:
        connect.healthcare.token(redemption(code, **changes))
    assert refusal.value.error == "invalid_grant"


def test_code_is_good_once_and_for_a_minute(connect: IamConnect, clock: Clock) -> None:
    """A code is refused the second time, even after a failure, and once it is a minute old."""
    code = query(connect.healthcare.authorize(authorization()))["code"]
    with pytest.raises(OAuthError):
        connect.healthcare.token(redemption(code, code_verifier="w" * 64))
    with pytest.raises(OAuthError, match="used"):
        connect.healthcare.token(redemption(code))
    late, later = (query(connect.healthcare.authorize(authorization()))["code"] for _ in range(2))
    clock.now += timedelta(seconds=59)
    assert connect.healthcare.token(redemption(late))
    clock.now += timedelta(seconds=1)
    with pytest.raises(OAuthError, match="expired"):
        connect.healthcare.token(redemption(later))


def exchange(connect: IamConnect, token: str, **changes: str) -> dict[str, Any]:
    """Ask for a token exchange."""
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "client_id": LOCAL_CLIENT,
        "subject_token": token,
        "subject_token_type": ACCESS_TOKEN_TYPE,
    }
    return connect.healthcare.token({name: value for name, value in (form | changes).items() if value})


def test_exchange_changes_the_profile_and_back(connect: IamConnect) -> None:
    """A person gets a token in each profile that the login lists, and again one as a citizen."""
    login = log_in(connect, login_hint=PARENT.ssin)["access_token"]
    for profile in (Profile.PARENT, Profile.MANDATARY):
        answer = exchange(connect, login, requested_subject=PARENT.subject(profile), audience=SERVICE)
        assert answer["issued_token_type"] == ACCESS_TOKEN_TYPE
        claims = connect.verifier().verify(answer["access_token"])
        assert [claims["sub"]] == [entry["sub"] for entry in claims["may_act"]]
        kept = connect.verifier().verify(exchange(connect, answer["access_token"])["access_token"])
        assert kept["sub"] == claims["sub"]
        citizen = PARENT.subject(Profile.CITIZEN)
        back = exchange(connect, answer["access_token"], requested_subject=citizen)["access_token"]
        assert connect.verifier().verify(back)["sub"] == citizen


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"subject_token": "x"}, "invalid_request"),
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token_type": ""}, "invalid_request"),
        ({"audience": "another"}, "invalid_target"),
        ({"requested_subject": PARENT.subject(Profile.PARENT)}, "access_denied"),
    ],
)
def test_exchange_gives_nobody_anothers_profile(connect: IamConnect, changes: dict[str, str], error: str) -> None:
    """Only one's own token is exchanged, and only for what it lists."""
    login = log_in(connect)["access_token"]
    with pytest.raises(OAuthError) as refusal:
        exchange(connect, login, **changes)
    assert refusal.value.error == error


def test_exchange_needs_a_person_of_the_realm(connect: IamConnect) -> None:
    """A token of somebody unknown, or of nobody, is not exchanged."""
    for changes in ({"ssin": "85061599690"}, {"ssin": None}):
        with pytest.raises(OAuthError, match="access_denied"):
            exchange(connect, token_for(connect, **changes))


OKP_KEY = OKPKey.generate_key("Ed25519").as_dict(private=False)
KOBLITZ_KEY = ECKey.generate_key("secp256k1").as_dict(private=False)


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({}, "invalid_client_metadata"),
        ({"jwks": None}, "invalid_client_metadata"),
        ({"jwks": []}, "invalid_client_metadata"),
        ({"jwks": {"keys": []}}, "invalid_client_metadata"),
        ({"jwks": {"keys": ["x"]}}, "invalid_client_metadata"),
        ({"jwks": {"keys": [{"kty": "RSA"}]}}, "invalid_client_metadata"),
        ({"jwks": {"keys": [{"kty": "RSA", "n": "!", "e": 3}]}}, "invalid_client_metadata"),
        ({"jwks": {"keys": [OKP_KEY]}}, "invalid_client_metadata"),
        ({"jwks": {"keys": [KOBLITZ_KEY]}}, "invalid_client_metadata"),
        ({"redirect_uris": ["https://example.org/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": [1]}, "invalid_redirect_uri"),
        ({"redirect_uris": CALLBACK}, "invalid_redirect_uri"),
    ],
)
def test_registration_of_a_useless_client_is_refused(
    connect: IamConnect, metadata: dict[str, object], error: str
) -> None:
    """A client without a usable key or a way back to this machine is not registered."""
    with pytest.raises(OAuthError) as refusal:
        connect.machines.register(metadata)
    assert refusal.value.error == error


@pytest.fixture(scope="module")
def platform() -> Iterator[LocalPlatform]:
    """Serve the platform with the service that brings I.AM Connect along."""
    spec = load_spec("status-dashboard")
    spec = replace(spec, contract=replace(spec.contract, service="therapeutic-exclusion"))
    with LocalPlatform((spec,)) as served:
        yield served


def ask(
    url: str, body: bytes | None = None, kind: str = "", headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    """Send a request, GET or with a body POST, and return status, headers and body."""
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    try:
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        sent = ({"Content-Type": kind} if kind else {}) | dict(headers or {})
        connection.request("GET" if body is None else "POST", target, body, sent)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def metadata(platform: LocalPlatform, realm: str) -> dict[str, Any]:
    """Return a realm's discovery document."""
    status, _, body = ask(f"{platform.address}/auth/realms/{realm}/.well-known/openid-configuration")
    assert status == 200
    document: dict[str, Any] = json.loads(body)
    return document


FORM = "application/x-www-form-urlencoded"


def test_discovery_names_what_the_realm_can_do(platform: LocalPlatform) -> None:
    """The document has every required member, and addresses below the issuer, which is its own address."""
    for realm in ("healthcare", "M2M"):
        document = metadata(platform, realm)
        assert document["issuer"] == f"{platform.address}/auth/realms/{realm}"
        ends = ("authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint")
        assert all(document[end].startswith(document["issuer"] + "/") for end in ends)
        assert document["response_types_supported"] == ["code"]
        assert document["subject_types_supported"] == ["public"]
        assert document["id_token_signing_alg_values_supported"] == ["RS256"]
    assert ask(f"{platform.address}/auth/realms/other/.well-known/openid-configuration")[0] == 404


def test_joserfc_verifies_every_token_of_the_settings(platform: LocalPlatform) -> None:
    """All tokens that a target file gets verify against the key set and the issuer that it gets beside them."""
    settings = platform.settings("therapeutic-exclusion")
    keys = KeySet.import_key_set(json.loads(ask(settings["trust"]["jwks"])[2]))
    now = datetime.now(UTC).timestamp()
    for role, token in settings["tokens"].items():
        read = jwt.decode(token, keys, ["RS256"])
        assert read.header["kid"] == keys.keys[0].kid
        assert read.claims["iss"] == settings["trust"]["issuer"]
        assert (read.claims["exp"] > now + 3500) == (role != "expired")


def test_token_endpoint_forbids_storing(platform: LocalPlatform) -> None:
    """Neither tokens nor refusals are kept by anything in between (RFC 6749, section 5.1)."""
    form = urlencode({"grant_type": CLIENT_CREDENTIALS, "client_id": "unknown"}).encode()
    status, headers, body = ask(metadata(platform, "M2M")["token_endpoint"], form, FORM)
    assert (status, json.loads(body)["error"]) == (401, "invalid_client")
    assert (headers["cache-control"], headers["pragma"]) == ("no-store", "no-cache")
    assert "www-authenticate" not in headers


def test_client_that_authenticates_by_header_is_told_by_header(platform: LocalPlatform) -> None:
    """A password in a header is refused with a challenge (RFC 6749, section 5.2)."""
    form = urlencode({"grant_type": CLIENT_CREDENTIALS}).encode()
    endpoint = metadata(platform, "M2M")["token_endpoint"]
    status, headers, _ = ask(endpoint, form, FORM, {"Authorization": "Basic eDp5"})
    assert status == 401
    assert headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "application/json"),
        (b"grant_type=a&grant_type=b", FORM),
        (b"grant_type=\xff", FORM),
        (b"grant_type=%FF", FORM),
        (b"&".join(b"a=b" for _ in range(200)), FORM),
        (b"", FORM),
    ],
)
def test_what_is_no_form_is_refused(platform: LocalPlatform, body: bytes, kind: str) -> None:
    """A token request that is no form, or says something twice, is an invalid request."""
    status, _, answer = ask(metadata(platform, "M2M")["token_endpoint"], body, kind)
    assert (status, json.loads(answer)["error"]) == (400, "invalid_request")


def test_large_form_is_refused(platform: LocalPlatform) -> None:
    """A form beyond the limit is refused with 413."""
    assert ask(metadata(platform, "M2M")["token_endpoint"], b"a=" + b"b" * 70_000, FORM)[0] == 413


def test_body_that_breaks_off_is_refused() -> None:
    """A client that goes away in the middle of its body is no fault of the platform's."""
    messages: list[dict[str, Any]] = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": b"a=", "more_body": True},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop()

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(HTTPException) as refusal:
        asyncio.run(read_body(request, 10))
    assert refusal.value.status_code == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 60_000])
def test_what_is_no_registration_is_refused(platform: LocalPlatform, body: bytes) -> None:
    """A registration that is no JSON object is refused."""
    status, _, answer = ask(metadata(platform, "M2M")["registration_endpoint"], body, "application/json")
    assert (status, json.loads(answer)["error"]) == (400, "invalid_client_metadata")


def test_login_by_post_and_its_refusal(platform: LocalPlatform) -> None:
    """The authorization endpoint takes a form too, and redirects nobody to an address that it does not know."""
    endpoint = metadata(platform, "healthcare")["authorization_endpoint"]
    status, headers, _ = ask(endpoint, urlencode(authorization()).encode(), FORM)
    assert (status, query(headers["location"])["state"]) == (302, "s&t")
    assert headers["cache-control"] == "no-store"
    status, headers, _ = ask(f"{endpoint}?{urlencode(authorization(redirect_uri='https://example.org/'))}")
    assert status == 400
    assert "location" not in headers


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "RS512"])
def test_authlib_gets_a_machines_token(platform: LocalPlatform, algorithm: str) -> None:
    """Authlib's signed assertion, made out to the realm, gives a token with which /health answers."""
    realm = metadata(platform, "M2M")
    registration = json.dumps({"jwks": {"keys": [MACHINE_KEY.as_dict(private=False)]}}).encode()
    status, _, body = ask(realm["registration_endpoint"], registration, "application/json")
    assert status == 201
    pem = MACHINE_KEY.as_pem(private=True).decode()
    client = json.loads(body)["client_id"]
    proof = PrivateKeyJWT(realm["issuer"], alg=algorithm)
    with OAuth2Session(client, pem, token_endpoint_auth_method=proof) as session:
        token = session.fetch_token(realm["token_endpoint"], grant_type=CLIENT_CREDENTIALS)
    health = platform.settings("therapeutic-exclusion")["base_url"] + "/health"
    assert ask(health, headers={"Authorization": f"Bearer {token['access_token']}"})[0] == 200


def test_authlib_logs_a_citizen_in(platform: LocalPlatform) -> None:
    """Authlib's authorization code with PKCE gives a token with which the citizen's history can be asked for."""
    realm = metadata(platform, "healthcare")
    options = {"redirect_uri": CALLBACK, "scope": "openid", "code_challenge_method": "S256"}
    with OAuth2Session(LOCAL_CLIENT, **options | {"token_endpoint_auth_method": "none"}) as session:
        url, state = session.create_authorization_url(realm["authorization_endpoint"], code_verifier=VERIFIER)
        callback = ask(url)[1]["location"]
        token = session.fetch_token(
            realm["token_endpoint"], authorization_response=callback, state=state, code_verifier=VERIFIER
        )
    settings = platform.settings("therapeutic-exclusion")
    history = f"{settings['base_url']}/histories/{settings['data']['patient']}"
    assert ask(history, headers={"Authorization": f"Bearer {token['access_token']}"})[0] == 404


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
@pytest.mark.skipif(
    not (NODE / "node_modules" / "openid-client").is_dir(), reason="openid-client is absent: npm install in tests/node"
)
def test_openid_client_goes_through_every_flow(platform: LocalPlatform) -> None:
    """The npm client discovers, logs in, verifies, changes the profile, registers and gets a machine's token."""
    health = platform.settings("therapeutic-exclusion")["base_url"] + "/health"
    command = ["node", "openid_client.mjs", f"{platform.address}/auth/realms", LOCAL_CLIENT, PARENT.ssin, health]
    run = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    got = json.loads(run.stdout)
    assert got["citizen"]["ssin"] == got["parent"]["ssin"] == PARENT.ssin
    assert got["parent"]["sub"] == got["citizen"]["may_act"][0]["sub"]
    assert got["identity"]["aud"] == LOCAL_CLIENT
    assert got["machine"]["resource_access"] == {SERVICE: {"roles": ["monitoring"]}}
    assert (got["health"], got["again"]) == (200, "invalid_grant")
    assert got["others"] == [200, 200]  # PS256, ES256
