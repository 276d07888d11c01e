"""Tests of taking secrets out of what is written down."""

import json

import pytest

from conformance.redaction import UNKNOWN, Redactor

KNOWN = "Zm9vYmFyYmF6cXV4"
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49\n-----END PRIVATE KEY-----"


@pytest.fixture
def redactor() -> Redactor:
    """Return a redactor that has been told a token and a password."""
    told = Redactor()
    told.learn(KNOWN, {"token": "citizen"})
    told.learn("pass(word)+.*", {"password": "physician"})
    return told


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("", ""),
        ("nothing to hide", "nothing to hide"),
        (KNOWN, '{"token": "citizen"}'),
        (f"a {KNOWN} b {KNOWN}", 'a {"token": "citizen"} b {"token": "citizen"}'),
        (f"x{KNOWN}y", 'x{"token": "citizen"}y'),
        ("the pass(word)+.* of it", 'the {"password": "physician"} of it'),
        ("passsword", "passsword"),
        (KNOWN.lower(), KNOWN.lower()),
    ],
)
def test_known_secret_becomes_its_reference(redactor: Redactor, text: str, clean: str) -> None:
    """Each occurrence of a secret, and nothing else, is replaced by its typed reference."""
    assert redactor.text(text) == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (JWT, json.dumps(UNKNOWN)),
        (f"token={JWT}&x=1", f"token={json.dumps(UNKNOWN)}&x=1"),
        (JWT.rpartition(".")[0] + ".", json.dumps(UNKNOWN)),
        (f"a\n{PRIVATE_KEY}\nb", f"a\n{json.dumps(UNKNOWN)}\nb"),
        (PRIVATE_KEY.replace("PRIVATE", "EC PRIVATE"), json.dumps(UNKNOWN)),
        (PRIVATE_KEY[:60], json.dumps(UNKNOWN)),
        ("eyJ", "eyJ"),
        ("eyJhbGci.x.y", "eyJhbGci.x.y"),
        ("-----BEGIN CERTIFICATE-----\nMII\n", "-----BEGIN CERTIFICATE-----\nMII\n"),
        ("a PRIVATE KEY is private", "a PRIVATE KEY is private"),
    ],
)
def test_what_looks_like_a_credential_is_taken_out(text: str, clean: str) -> None:
    """Tokens and private keys that nobody told of become an unknown secret, other text stays."""
    assert Redactor().text(text) == clean


def test_longer_secret_wins_over_its_own_beginning() -> None:
    """Of two secrets of which one begins like the other, the longer is replaced as a whole."""
    redactor = Redactor()
    redactor.learn("secret", {"token": "short"})
    redactor.learn("secret-and-more", {"token": "long"})
    assert redactor.text("secret-and-more, secret") == '{"token": "long"}, {"token": "short"}'


def test_known_token_keeps_its_name_although_it_looks_like_one() -> None:
    """A JWT that was told of becomes its reference, not an unknown secret."""
    redactor = Redactor()
    redactor.learn(JWT, {"token": "citizen"})
    assert redactor.text(f"Bearer {JWT}") == 'Bearer {"token": "citizen"}'


def test_short_word_is_no_secret() -> None:
    """What has fewer than four characters would be found in the middle of ordinary words."""
    redactor = Redactor()
    redactor.learn("abc", {"token": "x"})
    redactor.learn("", {"token": "x"})
    assert redactor.text("abcdef") == "abcdef"


@pytest.mark.parametrize("name", ["Authorization", "authorization", "PROXY-AUTHORIZATION"])
def test_credential_header_keeps_its_scheme_and_reference(redactor: Redactor, name: str) -> None:
    """The scheme stays readable, the secret becomes its reference."""
    assert redactor.header(name, f"Bearer {KNOWN}") == {"scheme": "Bearer", "token": "citizen"}


@pytest.mark.parametrize(
    ("name", "value", "clean"),
    [
        ("Authorization", "Bearer something", {"scheme": "Bearer", "secret": "unknown"}),
        ("Authorization", "Basic dXNlcjpwYXNz", {"scheme": "Basic", "secret": "unknown"}),
        ("Authorization", "something", {"secret": "unknown"}),
        ("Authorization", f"Digest a={KNOWN}, b=1", {"scheme": "Digest", "secret": "unknown"}),
        ("Authorization", f"{KNOWN} x", {"scheme": '{"token": "citizen"}', "secret": "unknown"}),
        ("X-Api-Key", KNOWN, {"token": "citizen"}),
        ("Cookie", "session=abcdef", {"secret": "unknown"}),
        ("Set-Cookie", "session=abcdef", {"secret": "unknown"}),
        ("Set-Cookie", "session=abcdef; Path=/", {"secret": "unknown"}),
        ("Cookie", "session=abcdef; other=1", {"secret": "unknown"}),
    ],
)
def test_unknown_secret_of_a_credential_header_is_taken_out(
    redactor: Redactor, name: str, value: str, clean: dict[str, str]
) -> None:
    """A header that is there for credentials never keeps one, known or not."""
    assert redactor.header(name, value) == clean


def test_other_header_is_text(redactor: Redactor) -> None:
    """Any other header keeps its value, less the secrets in it."""
    assert redactor.header("User-Agent", "a/1 b/2") == "a/1 b/2"
    assert redactor.header("X-Note", f"for {KNOWN}") == 'for {"token": "citizen"}'
