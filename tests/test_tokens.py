"""Tests of access tokens: kept, renewed by a clock that the test turns, asked for at a real token endpoint."""

import functools
import json
import math
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from conformance.contracts.loading import load_spec
from conformance.credentials.asking import Send
from conformance.credentials.jwt_claims import claims, expiry
from conformance.credentials.tokens import EXPIRED, MARGIN, PATIENCE, AccessTokens
from conformance.evidence.redaction import Redactor
from conformance.mock.platform import LocalPlatform
from conformance.model.errors import CredentialRefusedError, SecretError
from conformance.model.exchange import ErrorKind, Request, Response, TransportFailure
from conformance.traffic.transport import Transport
from conformance.traffic.waiting import Patience
from tests.scripted import Scripted
from tests.test_keystore import PASSWORD, Key, certificate, store

START = 1_774_353_600.0
WHERE = "target.yaml:10: tokens"
HEADERS = (("User-Agent", "myProduct/62.310.4 Technical/3.19.0"), ("From", "info@mycompany.be"))
TOKEN_URL = "https://127.0.0.1/auth/realms/M2M/protocol/openid-connect/token"  # noqa: S105 - an address
KIND = "token_type"
REALM = "https://127.0.0.1/auth/realms/M2M"
RSA_KEY = rsa.generate_private_key(65537, 2048)
SIGNER = RSAKey.import_key(RSA_KEY)


@dataclass(slots=True)
class Clock:
    """A clock that shows what it is set to."""

    now: float = START

    def __call__(self) -> float:
        return self.now


def signed(**said: object) -> str:
    """Return a JWT that says something."""
    return jwt.encode({"alg": "RS256"}, said, SIGNER, ["RS256"])


def token(seconds: float = 300, **said: object) -> str:
    """Return an access token that holds for some seconds from the start."""
    return signed(sub="citizen", exp=int(START + seconds), **said)


def response(body: bytes | Mapping[str, object], status: int = 200, cut: str = "") -> Response:
    """Return an answer of a token endpoint."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, "", (), raw, len(raw), "", cut=cut)


def granted(access_token: str, **more: object) -> Response:
    """Return the answer that gives a token."""
    return response({"access_token": access_token, "token_type": "Bearer", **more})


def tokens(  # noqa: PLR0913 - what each test changes
    references: Mapping[str, Any],
    folder: Path = Path(),
    *,
    send: Send | None = None,
    clock: Callable[[], float] | None = None,
    environment: str = "local",
    redactor: Redactor | None = None,
    patience: Patience | None = None,
    pause: Callable[[float], None] | None = None,
) -> AccessTokens:
    """Return the tokens of a target's section, which sends nothing unless it is told whereto, and waits in no time."""
    return AccessTokens(
        references=references,
        folder=folder,
        where=WHERE,
        environment=environment,
        send=send or Scripted(),
        headers=HEADERS,
        clock=clock or Clock(),
        redactor=redactor or Redactor(),
        patience=patience or Patience(),
        pause=pause or (lambda _: None),
    )


@functools.cache
def key_store(key: Key) -> bytes:
    """Return a key store for a key, made once, because deriving its own key from a password is meant to be slow."""
    return store(key, certificate(key))


def asking(folder: Path, changes: Mapping[str, object] | None = None, key: Key = RSA_KEY) -> dict[str, Any]:
    """Return a reference to a token got by client credentials, with its key store written beside it."""
    (folder / "client.p12").write_bytes(key_store(key))
    own = {"token_url": TOKEN_URL, "client_id": "machine", "keystore": "client.p12", "password": PASSWORD}
    return {"client_credentials": {**own, **(changes or {})}}


def complaint(held: AccessTokens, role: str = "citizen", kind: type[Exception] = SecretError) -> str:
    """Return what is said of a role whose token cannot be had."""
    with pytest.raises(kind) as caught:
        held.get(role)
    assert str(caught.value).startswith(f"{WHERE}")
    return str(caught.value)


# What a token says.


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        ({"exp": 1774353600}, START),
        ({"exp": 1774353600.5}, START + 0.5),
        ({}, None),
        ({"exp": True}, None),
        ({"exp": "1774353600"}, None),
        ({"exp": None}, None),
        ({"exp": 10**400}, None),
        ({"exp": math.inf}, None),
        ({"exp": math.nan}, None),
    ],
)
def test_expiry_is_a_number_or_nothing(said: dict[str, object], ends: float | None) -> None:
    """A time counts where it is a number of seconds, else the token does not say when it ends."""
    made = signed(**said)
    assert expiry(made) == ends
    assert json.dumps(claims(made)) == json.dumps(said)


NO_JWTS = [
    "",
    "opaque",
    "a.b.c",
    "a.b",
    "....",
    "e30.e30.x.y.z",
    "e30.W10.x",
    "W10.e30.x",
    "e30. .x",
    "e30.é.x",
    "\ud800.e30.x",
]


@pytest.mark.parametrize("text", NO_JWTS)
def test_what_is_no_jwt_says_nothing(text: str) -> None:
    """Text that is no signed token, or whose parts are no JSON objects, has neither claims nor expiry."""
    assert claims(text) is None
    assert expiry(text) is None


@given(
    st.one_of(st.text(), st.from_regex(r"[A-Za-z0-9_-]{1,9}\.[A-Za-z0-9_-]{1,9}\.[A-Za-z0-9_-]{0,9}", fullmatch=True))
)
def test_reading_a_token_never_fails(text: str) -> None:
    """Whatever the text, it says something or nothing."""
    assert claims(text) is None or isinstance(claims(text), dict)


def test_deeply_nested_token_says_nothing() -> None:
    """A token that would exhaust the stack is no token."""
    deep = jws.serialize_compact({"alg": "RS256"}, b"[" * 90_000, SIGNER)
    assert claims(deep) is None


# Tokens by reference.


def test_roles_are_those_of_the_target() -> None:
    """The roles are known without any secret being looked up."""
    assert tokens({"citizen": {"env": "NOT_SET"}, "monitoring": "x"}).roles == {"citizen", "monitoring"}
    assert tokens({}).roles == frozenset()


def test_role_without_token_is_said_to_be_missing() -> None:
    """A role that the target does not name is no internal error."""
    assert complaint(tokens({})) == f"{WHERE}: there is no token for the role 'citizen'; add it"


def test_token_is_looked_up_once(tmp_path: Path) -> None:
    """A token that holds long enough is kept, whatever becomes of its source; so is one that says no end."""
    for value in (token(), "opaque-token=="):
        (tmp_path / "token").write_text(value + "\n")
        held = tokens({"citizen": {"file": "token"}}, tmp_path)
        assert held.get("citizen") == value
        (tmp_path / "token").unlink()
        assert held.get("citizen") == value


def test_redactor_is_told_before_anything_else(tmp_path: Path) -> None:
    """A token is known to the redactor by its role, even one that cannot be used."""
    for value in ("opaque-token", token(), token(-1), "no token at all"):
        redactor = Redactor()
        (tmp_path / "token").write_text(value)
        tokens({"citizen": {"file": "token"}}, tmp_path, redactor=redactor).check_before_run(["citizen"])
        assert redactor.text(f"<{value}>") == '<{"token": "citizen"}>'


def written(path: Path) -> Mapping[str, Any]:
    """Return references of each kind that can be read again, to what a file holds."""
    code = "import pathlib, sys; print(pathlib.Path(sys.argv[1]).read_text())"
    return {"file": {"file": str(path)}, "command": {"command": [sys.executable, "-c", code, str(path)]}}


@pytest.mark.parametrize("kind", ["file", "command"])
def test_token_is_read_again_before_it_expires(tmp_path: Path, kind: str) -> None:
    """Until the margin the old token serves; with less left its source is read again."""
    path, clock, redactor = tmp_path / "token", Clock(), Redactor()
    first, second = token(300, jti="1"), token(600, jti="2")
    path.write_text(first)
    held = tokens({"citizen": written(path)[kind]}, clock=clock, redactor=redactor)
    assert held.get("citizen") == first
    path.write_text(second)
    clock.now = START + 300 - MARGIN - 0.1
    assert held.get("citizen") == first
    clock.now = START + 300 - MARGIN
    assert held.get("citizen") == second
    assert redactor.text(second) == redactor.text(first) == '{"token": "citizen"}'


def test_variable_is_read_again_before_the_token_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that something in this process has changed is seen."""
    clock = Clock()
    monkeypatch.setenv("TEX_TOKEN", token(60))
    held = tokens({"citizen": {"env": "TEX_TOKEN"}}, clock=clock)
    held.get("citizen")
    monkeypatch.setenv("TEX_TOKEN", token(600))
    clock.now += 31
    assert held.get("citizen") == token(600)


def test_token_that_cannot_be_renewed_serves_to_its_end(tmp_path: Path) -> None:
    """Without a successor a token serves while it holds, its source is asked now and then, and then it is refused."""
    path, clock = tmp_path / "token", Clock()
    path.write_text(token(100))
    held = tokens({"citizen": {"file": "token"}}, tmp_path, clock=clock)
    assert held.check_before_run(["citizen"]) == []
    path.unlink()
    for seconds in (71, 80, 99, 99.9):
        clock.now = START + seconds
        assert held.get("citizen") == token(100)
    clock.now = START + 101
    refusal = complaint(held, kind=CredentialRefusedError)
    assert refusal.startswith(f"{WHERE}.citizen: the token has run out and there is no other: ")
    assert "there is no such file" in refusal
    path.write_text(token(100))
    assert "the token expired at 2026-03-24T12:01:40Z; get a new one" in complaint(held, kind=CredentialRefusedError)
    path.write_text(token(200))
    assert held.get("citizen") == token(200)


def test_short_lived_token_is_not_read_at_every_turn(tmp_path: Path) -> None:
    """A token that holds for less than the margin is renewed at half of its time."""
    path, clock = tmp_path / "token", Clock()
    path.write_text(token(20))
    held = tokens({"citizen": {"file": "token"}}, tmp_path, clock=clock)
    held.get("citizen")
    path.write_text(token(40))
    clock.now = START + 9
    assert held.get("citizen") == token(20)
    clock.now = START + 10
    assert held.get("citizen") == token(40)


def test_expired_role_wants_an_expired_token(tmp_path: Path) -> None:
    """The role `expired` takes a token whose time is over, keeps it for ever, and takes no other."""
    clock = Clock()
    held = tokens({EXPIRED: token(-3600)}, clock=clock)
    assert held.check_before_run([EXPIRED]) == []
    clock.now += 10_000
    assert held.get(EXPIRED) == token(-3600)
    assert tokens({EXPIRED: "opaque"}).get(EXPIRED) == "opaque"
    for still_good in (token(1), signed(sub="citizen")):
        assert "must have expired, but it has not" in complaint(tokens({EXPIRED: still_good}), EXPIRED)
    machine = tokens({EXPIRED: asking(tmp_path)}, tmp_path)
    assert "a token just issued has not expired; give {file: PATH}" in complaint(machine, EXPIRED)
    assert len(machine.check_before_run([EXPIRED])) == 1


@pytest.mark.parametrize(
    ("seconds", "message"), [(0, "at 2026-03-24T12:00:00Z"), (-1, "at 2026-03-24T11:59:59Z"), (-1e18, "long ago")]
)
def test_expired_token_is_refused_before_the_run(seconds: float, message: str) -> None:
    """A token whose time is over is a mistake in the configuration, with the time."""
    assert complaint(tokens({"citizen": token(seconds)})).endswith(f"the token expired {message}; get a new one")


ODDITIES: Mapping[str, str] = {
    "two words": "",
    "é": "",
    "a=b": "",
    "nul\0": "",
    "zero\u200bwidth": "",
    "Bearer opaque": ': it begins with the word "Bearer", which the harness writes itself',
    "bearer\topaque": ': it begins with the word "Bearer", which the harness writes itself',
    "Bearer: opaque": ': it begins with the word "Bearer", which the harness writes itself',
    "line\nbreak": ": it has 2 lines",
    "one\r\n\r\ntwo\r\nthree": ": it has 3 lines",
    '"opaque"': ": it stands in quotation marks",
    "\u201copaque\u201d": ": it stands in quotation marks",
    '{"access_token": "opaque"}': ": it is a whole JSON object, such as the answer whose member access_token is",
}


@pytest.mark.parametrize("source", ["literal", "file"])
@pytest.mark.parametrize("value", ODDITIES)
def test_what_no_header_can_carry_is_refused(tmp_path: Path, value: str, source: str) -> None:
    """A text that is no bearer token by its characters never reaches a header, and what it is instead is told."""
    (tmp_path / "token").write_bytes(value.encode())
    said = complaint(tokens({"citizen": value if source == "literal" else {"file": "token"}}, tmp_path))
    assert f"this is no access token (RFC 6750, section 2.1){ODDITIES[value]}" in said
    assert said.endswith("; give the token and nothing else")
    assert "opaque" not in said


AROUND: Mapping[str, Callable[[bytes], bytes]] = {
    "nothing": lambda text: text,
    "line end": lambda text: text + b"\n",
    "line end of Windows": lambda text: text + b"\r\n",
    "blank lines behind": lambda text: text + b"\n\n\n",
    "blank lines of Windows behind": lambda text: text + b"\r\n\r\n",
    "blank lines before": lambda text: b"\n\n" + text,
    "blanks": lambda text: b"  " + text + b" \t\n",
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text + b"\r\n",
    "no-break space": lambda text: text + "\u00a0\n".encode(),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("value", [token(), "opaque-token=="])
def test_what_stands_around_a_token_is_no_part_of_it(tmp_path: Path, around: str, value: str) -> None:
    """Blank lines, blanks and a byte order mark in a token's file are left out, and the token alone is a secret."""
    redactor = Redactor()
    (tmp_path / "token").write_bytes(AROUND[around](value.encode()))
    assert tokens({"citizen": {"file": "token"}}, tmp_path, redactor=redactor).get("citizen") == value
    assert redactor.text(f"<{value}>") == '<{"token": "citizen"}>'


def test_file_in_utf_16_is_named(tmp_path: Path) -> None:
    """A file as some shells write it is told as what it is."""
    (tmp_path / "token").write_bytes("opaque".encode("utf-16"))
    assert "is not UTF-8 text; save it as UTF-8" in complaint(tokens({"citizen": {"file": "token"}}, tmp_path))


@pytest.mark.parametrize("environment", ["simulation", "integration", "acceptance", "production"])
def test_literal_is_for_local_targets_only(tmp_path: Path, environment: str) -> None:
    """A secret in the file itself, token or password, is refused everywhere else."""
    held = tokens({"citizen": token(), "monitoring": asking(tmp_path)}, tmp_path, environment=environment)
    assert "a secret stands in the file itself" in complaint(held)
    if environment != "production":
        message = complaint(held, "monitoring")
        assert message.startswith(f"{WHERE}.monitoring.client_credentials.password: a secret stands in the file itself")


def test_all_problems_are_found_at_once(tmp_path: Path) -> None:
    """Before a run every role needed is looked at, those left out and those not needed are not."""
    (tmp_path / "old").write_text(token(-1))
    references = {
        "citizen": {"env": "NOT_SET"},
        "parent": {"file": "none.jwt"},
        "mandatary": {"file": "old"},
        EXPIRED: token(),
        "other_citizen": token(),
        "monitoring": asking(tmp_path, {"keystore": "none.p12"}),
        "without_role": {"env": "NOT_SET_EITHER"},
    }
    held = tokens(references, tmp_path)
    problems = held.check_before_run([*(references.keys() - {"without_role"}), "mandatary_wrong_type"])
    assert [problem.removeprefix(WHERE).partition(":")[0] for problem in problems] == [
        ".citizen",
        ".expired",
        ".mandatary",
        ".monitoring.client_credentials.keystore",
        ".parent",
    ]
    assert held.check_before_run(["other_citizen"]) == held.check_before_run(["other_citizen"]) == []


# Tokens asked for.


def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a token request."""
    return {name: values[0] for name, values in parse_qs(request.body.decode(), strict_parsing=True).items()}


P256, P384, P521 = (ec.generate_private_key(curve) for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()))


@pytest.mark.parametrize(
    ("key", "wanted", "algorithm"),
    [
        (RSA_KEY, None, "RS256"),
        (P256, None, "ES256"),
        (P384, None, "ES384"),
        (P521, None, "ES512"),
        *((RSA_KEY, name, name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        (P256, "ES256", "ES256"),
        (P384, "ES384", "ES384"),
    ],
)
def test_assertion_proves_the_client(tmp_path: Path, key: Key, wanted: str | None, algorithm: str) -> None:
    """The assertion verifies with the certificate's key, is made out to the realm, new, and short-lived."""
    endpoint = Scripted([granted(token(60)), granted(token(600))])
    clock = Clock(START + 0.9)
    changes = {} if wanted is None else {"algorithm": wanted}
    held = tokens({"monitoring": asking(tmp_path, changes, key)}, tmp_path, send=endpoint, clock=clock)
    held.get("monitoring")
    clock.now += 40
    held.get("monitoring")
    public = certificate(key).public_key()
    kind = RSAKey if key is RSA_KEY else ECKey
    seen = []
    for request, at in zip(endpoint.asked, (START, START + 40), strict=True):
        form = form_of(request)
        read = jwt.decode(form.pop("client_assertion"), kind.import_key(public), [algorithm])  # type: ignore[arg-type]
        assert form == {
            "grant_type": "client_credentials",
            "client_id": "machine",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        }
        assert read.header == {"typ": "JWT", "alg": algorithm}
        seen.append(read.claims.pop("jti"))
        assert read.claims == {"iss": "machine", "sub": "machine", "aud": REALM, "iat": at, "exp": at + 60}
    assert len(set(seen)) == 2


@pytest.mark.parametrize(
    ("key", "wanted", "message"),
    [
        (RSA_KEY, "ES256", "'ES256' does not fit the key in the key store (RSA); leave it out, or write RS256 or"),
        (P256, "PS256", "'PS256' does not fit the key in the key store (secp256r1); leave it out, or write ES256"),
        (P384, "ES256", "'ES256' does not fit the key in the key store (secp384r1); leave it out, or write ES384"),
        (RSA_KEY, "none", "'none' does not fit the key"),
        (RSA_KEY, "HS256", "'HS256' does not fit the key"),
    ],
)
def test_algorithm_has_to_fit_the_key(tmp_path: Path, key: Key, wanted: str, message: str) -> None:
    """An algorithm of another type of key or curve is a mistake, told before anything is sent, with those that fit."""
    said = complaint(tokens({"monitoring": asking(tmp_path, {"algorithm": wanted}, key)}, tmp_path), "monitoring")
    assert said.startswith(f"{WHERE}.monitoring.client_credentials.algorithm: {message}")


def test_token_request_says_who_asks(tmp_path: Path) -> None:
    """The request is a form, sent to the token endpoint with the target's identity."""
    endpoint = Scripted([granted(token())])
    assert tokens({"monitoring": asking(tmp_path)}, tmp_path, send=endpoint).get("monitoring") == token()
    (request,) = endpoint.asked
    assert (request.method, request.url) == ("POST", TOKEN_URL)
    own = (("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded"))
    assert request.headers == HEADERS + own


@pytest.mark.parametrize(
    ("url", "audience"),
    [
        (TOKEN_URL, REALM),
        ("https://127.0.0.1/realms/x", "https://127.0.0.1/realms/x"),
        ("https://127.0.0.1/realms/x/", "https://127.0.0.1/realms/x"),
        ("https://127.0.0.1/a/b/realms/x/realms/y/token", "https://127.0.0.1/a/b/realms/x"),
        ("http://[::1]:8080/realms/x/token", "http://[::1]:8080/realms/x"),
        ("https://127.0.0.1/myrealms/x/token", "https://127.0.0.1/myrealms/x/token"),
        ("https://127.0.0.1/realms/", "https://127.0.0.1/realms/"),
        ("https://127.0.0.1/oauth2/token", "https://127.0.0.1/oauth2/token"),
    ],
)
def test_audience_is_the_realm(tmp_path: Path, url: str, audience: str) -> None:
    """The assertion is for the realm where the address has one, else for the token endpoint."""
    endpoint = Scripted([granted(token())])
    tokens({"monitoring": asking(tmp_path, {"token_url": url})}, tmp_path, send=endpoint).get("monitoring")
    said = claims(form_of(endpoint.asked[0])["client_assertion"])
    assert said is not None
    assert said["aud"] == audience


@pytest.mark.parametrize(
    ("answers", "again"),
    [
        ((granted(token(300)),), 270),
        ((granted(token(300), expires_in=60),), 30),
        ((granted(token(60), expires_in=300),), 30),
        ((granted("opaque", expires_in=300),), 270),
        ((granted("opaque", expires_in=12.5),), 6.25),
        ((granted("opaque", expires_in=1.5),), 1),
        ((granted("opaque", expires_in=0.5),), 0.5),
    ],
)
def test_new_token_is_asked_for_before_the_old_one_expires(
    tmp_path: Path, answers: tuple[Response, ...], again: float
) -> None:
    """The earlier end that the token and the answer name decides; one request is made, and no more."""
    clock, endpoint = Clock(), Scripted([*answers, granted("second", expires_in=None)])
    held = tokens({"monitoring": asking(tmp_path)}, tmp_path, send=endpoint, clock=clock)
    first = held.get("monitoring")
    (tmp_path / "client.p12").unlink()
    clock.now = START + again - 0.01
    assert held.get("monitoring") == first
    assert len(endpoint.asked) == 1
    clock.now = START + again
    assert held.get("monitoring") == "second"
    clock.now += 1e9
    assert held.get("monitoring") == "second"
    assert len(endpoint.asked) == 2


@pytest.mark.parametrize("lasting", [300, "300", " 300 ", "300.0", 300.0])
def test_expires_in_may_be_a_text(tmp_path: Path, lasting: object) -> None:
    """Digits in a text say how long a token lasts as a number does."""
    clock, endpoint = Clock(), Scripted([granted("opaque", expires_in=lasting), granted("second")])
    held = tokens({"monitoring": asking(tmp_path)}, tmp_path, send=endpoint, clock=clock)
    held.get("monitoring")
    clock.now += 300 - MARGIN - 1
    assert held.get("monitoring") == "opaque"
    clock.now += 1
    assert held.get("monitoring") == "second"


@pytest.mark.parametrize(
    "lasting",
    [True, None, 0, -5, math.nan, math.inf, 10**400, "", "soon", "-5", "1e3", "0", "٣", "9" * 5000, [300], {"s": 300}],
)
def test_expires_in_that_means_nothing_is_left_alone(tmp_path: Path, lasting: object) -> None:
    """Where an answer does not say how long its token lasts, the token alone does."""
    clock, endpoint = Clock(), Scripted([granted("opaque", expires_in=lasting)])
    held = tokens({"monitoring": asking(tmp_path)}, tmp_path, send=endpoint, clock=clock)
    held.get("monitoring")
    clock.now += 1e9
    assert held.get("monitoring") == "opaque"


REFUSALS: Mapping[str, tuple[Response | TransportFailure, str]] = {
    "no connection": (
        TransportFailure(ErrorKind.CONNECT, "no connection to 127.0.0.1:443: Connection refused"),
        "gives no answer: 'no connection to 127.0.0.1:443: Connection refused'; check address and network",
    ),
    "client unknown": (
        response({"error": "invalid_client", "error_description": "Unable to load public key"}, 401),
        "answered with status 401, 'invalid_client', 'Unable to load public key'; check client_id",
    ),
    "no description": (
        response({"error": "invalid_scope"}, 400),
        "answered with status 400, 'invalid_scope'; check client_id",
    ),
    "forbidden page": (response(b"<html>", 403), "answered with status 403; check client_id"),
    "strange error": (response({"error": {"code": 1}}, 400), "answered with status 400; check client_id"),
    "terminal escapes": (response({"error": "\x1b[2J\n"}, 400), r"answered with status 400, '\x1b[2J\n'; check"),
    "redirect": (response(b"", 302), "answered with status 302; check token_url, or try again later"),
    "created": (response({"access_token": "opaque"}, 201), "answered with status 201; check token_url"),
    "busy": (response(b"", 503), "answered with status 503; it is busy or down: try again later"),
    "page": (response(b"<html>"), "answered with something else than a JSON object; check token_url"),
    "list": (response(b"[]"), "answered with something else than a JSON object"),
    "nested": (response(b"[" * 100_000), "answered with something else than a JSON object"),
    "not UTF-8": (response(b'{"access_token": "\xff"}'), "answered with something else than a JSON object"),
    "cut": (
        response({"access_token": "opaque"}, cut="the peer closed"),
        "gives no whole answer: 'the peer closed'; check address and network",
    ),
    "empty object": (response({}), "answered without an access_token; ask its operator"),
    "empty token": (granted(""), "answered without an access_token"),
    "token is a number": (response({"access_token": 5}), "answered without an access_token"),
    "type is a number": (granted("opaque", **{KIND: 5}), "answered with something else than a bearer token"),
    "no bearer token": (granted("opaque", **{KIND: "DPoP"}), "answered with something else than a bearer token"),
    "type is a list": (granted("opaque", **{KIND: ["Bearer"]}), "answered with something else than a bearer token"),
    "token is a sentence": (granted("two words"), "answered with something else than a bearer token"),
    "expired": (granted(token(0)), "answered with a token that has expired already; set this machine's clock"),
}


@pytest.mark.parametrize(("answer", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refusal_is_a_matter_of_the_network(tmp_path: Path, answer: Response | TransportFailure, message: str) -> None:
    """Whatever a token endpoint answers instead of a token is told with a remedy, and asks for no second time soon."""
    clock, endpoint = Clock(), Scripted([answer, granted(token(600))])
    held = tokens({"monitoring": asking(tmp_path)}, tmp_path, send=endpoint, clock=clock, patience=Patience(0))
    assert held.check_before_run(["monitoring"]) == []
    assert not endpoint.asked
    refusal = complaint(held, "monitoring", CredentialRefusedError)
    assert refusal.startswith(f"{WHERE}.monitoring: the token endpoint {TOKEN_URL} {message}")
    clock.now += PATIENCE - 1
    assert complaint(held, "monitoring", CredentialRefusedError) == refusal
    assert len(endpoint.asked) == 1
    clock.now += 1
    assert held.get("monitoring") == token(600)


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", None])
def test_type_of_a_token_may_be_left_open(tmp_path: Path, kind: str | None) -> None:
    """A bearer token is one in any case of letters, and where the answer says nothing else."""
    endpoint = Scripted([granted("opaque", **{KIND: kind})])
    assert tokens({"monitoring": asking(tmp_path)}, tmp_path, send=endpoint).get("monitoring") == "opaque"


def test_refusal_leads_to_no_pass_and_no_failure() -> None:
    """What a refused credential leaves is inconclusive."""
    assert CredentialRefusedError.exit_code == 3


def test_old_token_outlives_a_refusal(tmp_path: Path) -> None:
    """While an old token holds, a token endpoint that is down does no harm; afterwards it does."""
    down = TransportFailure(ErrorKind.TIMEOUT, "the peer did not answer in time")
    clock, endpoint = Clock(), Scripted([granted(token(300)), down, down])
    held = tokens({"monitoring": asking(tmp_path)}, tmp_path, send=endpoint, clock=clock, patience=Patience(0))
    for seconds in (0, 271, 280, 299):
        clock.now = START + seconds
        assert held.get("monitoring") == token(300)
    clock.now = START + 301
    refusal = complaint(held, "monitoring", CredentialRefusedError)
    assert "the token has run out and there is no other" in refusal
    assert "did not answer in time" in refusal
    assert len(endpoint.asked) == 3


MISTAKES: Mapping[str, tuple[dict[str, object], str]] = {
    "plain http": ({"token_url": "http://iam.example.org/token"}, ": 'http://iam.example.org/token': plain http"),
    "no URL": ({"token_url": "iam.example.org"}, ": 'iam.example.org' is not an http or https URL"),
    "user in URL": ({"token_url": "https://u:p@example.org/"}, ": the address holds a user name or password"),
    "production host": (
        {"token_url": "https://api.ehealth.fgov.be/auth/realms/M2M"},
        ": 'https://api.ehealth.fgov.be/auth/realms/M2M' belongs to the platform's production environment",
    ),
    "no key store": ({"keystore": "none.p12"}, "none.p12: there is no such file"),
    "wrong password": ({"password": "wrong"}, "client.p12: the password is wrong"),
    "wrong alias": ({"alias": "mine"}, "client.p12: it has no key called 'mine'; give one of 'authentication'"),
    "no password": ({"password": {"env": "NOT_SET"}}, ".password: the environment variable 'NOT_SET' is not set"),
}


@pytest.mark.parametrize(("changes", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_found_without_a_request(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    """What is wrong with a client's credentials is known before anything is sent."""
    held = tokens({"monitoring": asking(tmp_path, changes)}, tmp_path)
    (problem,) = held.check_before_run(["monitoring"])
    assert problem.startswith(f"{WHERE}.monitoring.client_credentials")
    assert message in problem
    assert complaint(held, "monitoring") == problem


def test_nothing_is_sent_to_production(tmp_path: Path) -> None:
    """A token request is no GET on a public status service, so production is never asked for a token."""
    reference = asking(
        tmp_path, {"token_url": "https://api.ehealth.fgov.be/auth/realms/M2M", "password": {"file": "password"}}
    )
    held = tokens({"monitoring": reference}, tmp_path, environment="production")
    assert "nothing but GET on the public status services is sent to production" in complaint(held, "monitoring")


def test_weak_or_unusual_key_is_refused(tmp_path: Path) -> None:
    """A key that no algorithm of JOSE is for is told apart from one that is too short."""
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - which is the point
    for key, message in (
        (short, "its RSA key has 1024 bits; 2048 are needed"),
        (ec.generate_private_key(ec.SECP256K1()), "nothing can be signed with a key on the curve secp256k1; use"),
    ):
        assert message in complaint(tokens({"monitoring": asking(tmp_path, key=key)}, tmp_path), "monitoring")


def test_threads_share_one_token(tmp_path: Path) -> None:
    """Many threads that need the same token at once make one request."""
    barrier, endpoint = threading.Barrier(8), Scripted([granted(token(600))])
    held = tokens({"monitoring": asking(tmp_path)}, tmp_path, send=endpoint)

    def get(_: int) -> str:
        barrier.wait()
        return held.get("monitoring")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(get, range(8))) == {token(600)}
    assert len(endpoint.asked) == 1


# No secret in any message.


def everything(error: Exception) -> str:
    """Return all that anyone could print of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.args) + repr(vars(error))


ROOT = Path(__file__).parents[1]
SOURCES = "".join(path.read_text("utf-8") for room in ("conformance", "tests") for path in (ROOT / room).rglob("*.py"))
"""All that a traceback may quote: a secret that stands in it cannot be told from the harness's own words."""
SECRETS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=12, max_size=60)


@given(secret=SECRETS.filter(lambda text: text not in SOURCES))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_message_holds_a_secret(tmp_path: Path, secret: str) -> None:
    """Whatever is wrong with a token or password, and whatever an endpoint repeats, no message has any of it."""

    def echo(request: Request) -> Response:
        said = form_of(request)["client_assertion"]
        return response({"error": said, "error_description": f"{secret} {quote(said)} {said}"}, 401)

    def echo_in_protocol(request: Request) -> TransportFailure:
        return TransportFailure(ErrorKind.PROTOCOL, f"illegal status line: {request.body!r} {secret}")

    jwt_of_secret = token(-1, note=secret)
    held = [
        tokens({"citizen": f"{secret} {secret}"}),
        tokens({"citizen": f"Bearer {secret}"}),
        tokens({"citizen": secret}, environment="acceptance"),
        tokens({"citizen": jwt_of_secret}),
        tokens({EXPIRED: token(note=secret)}),
        tokens({"citizen": {"env": jwt_of_secret}}),
        tokens({"citizen": {"client": secret}}),
        tokens({"citizen": asking(tmp_path, {"password": secret})}, tmp_path),
        tokens({"citizen": asking(tmp_path)}, tmp_path, send=echo),
        tokens({"citizen": asking(tmp_path)}, tmp_path, send=echo_in_protocol),
        tokens({"citizen": asking(tmp_path)}, tmp_path, send=lambda _: granted(f"{secret} ")),
    ]
    for one in held:
        one.redactor.learn(secret, {"password": "other"})
        (role,) = one.roles
        assert secret not in repr(one)
        with pytest.raises((SecretError, CredentialRefusedError)) as caught:
            one.get(role)
        text = everything(caught.value)
        for hidden in (secret, jwt_of_secret, PASSWORD, "eyJ"):
            assert hidden not in text


# A real token endpoint.


@pytest.fixture(scope="module")
def platform() -> Iterator[LocalPlatform]:
    """Serve the local platform with its I.AM Connect."""
    with LocalPlatform((load_spec("therapeutic-exclusion"),)) as served:
        yield served


@pytest.fixture
def send() -> Iterator[Send]:
    """Return the sending half of a transport of its own."""
    transport = Transport(10.0)
    yield transport.send
    transport.close()


def register(platform: LocalPlatform, send: Send, key: RSAKey | ECKey = SIGNER) -> dict[str, str]:
    """Make the test's key known to the realm of machines, and return what a target file says of it."""
    realm = f"{platform.address}/auth/realms/M2M"
    body = json.dumps({"jwks": {"keys": [key.as_dict(private=False)]}}).encode()
    address = f"{realm}/clients-registrations/openid-connect"
    answer = send(Request("POST", address, (("Content-Type", "application/json"),), body))
    assert isinstance(answer, Response)
    return {"client_id": json.loads(answer.body)["client_id"], "token_url": f"{realm}/protocol/openid-connect/token"}


def test_local_platform_gives_a_token(platform: LocalPlatform, send: Send, tmp_path: Path) -> None:
    """I.AM Connect takes the assertion, and the service takes the token."""
    reference = asking(tmp_path, register(platform, send))
    held = tokens({"monitoring": reference}, tmp_path, send=send, clock=time.time)
    got = held.get("monitoring")
    said = claims(got)
    assert said is not None
    assert said["iss"] == f"{platform.address}/auth/realms/M2M"
    health = platform.settings("therapeutic-exclusion")["base_url"] + "/health"
    answer = send(Request("GET", health, (("Authorization", f"Bearer {got}"),)))
    assert isinstance(answer, Response)
    assert answer.status == 200
    assert held.get("monitoring") == got


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "PS256"), (RSA_KEY, "RS512"), (P256, None), (P384, "ES384")])
def test_local_platform_takes_other_algorithms(
    platform: LocalPlatform, send: Send, tmp_path: Path, key: Key, algorithm: str | None
) -> None:
    """I.AM Connect takes an assertion by RSA-PSS, and by an EC key."""
    known = SIGNER if key is RSA_KEY else ECKey.import_key(key)  # type: ignore[arg-type]  # the others are EC keys
    chosen = {} if algorithm is None else {"algorithm": algorithm}
    reference = asking(tmp_path, register(platform, send, known) | chosen, key)
    assert claims(tokens({"monitoring": reference}, tmp_path, send=send, clock=time.time).get("monitoring"))


def test_local_platform_refuses_a_stranger(platform: LocalPlatform, send: Send, tmp_path: Path) -> None:
    """Another key than the registered one is refused, and the message says what I.AM Connect says."""
    other = rsa.generate_private_key(65537, 2048)
    held = tokens(
        {"monitoring": asking(tmp_path, register(platform, send), other)}, tmp_path, send=send, clock=time.time
    )
    assert "answered with status 401, 'invalid_client'" in complaint(held, "monitoring", CredentialRefusedError)


def test_nobody_at_home_is_told(send: Send, tmp_path: Path) -> None:
    """An address where nothing listens is a refusal like any other."""
    held = tokens({"monitoring": asking(tmp_path, {"token_url": "http://127.0.0.1:9/realms/x"})}, tmp_path, send=send)
    assert "gives no answer: 'no connection to 127.0.0.1:9" in complaint(held, "monitoring", CredentialRefusedError)
