"""Tests of taking secrets out of what is written down."""

import html
import json
import time

import pytest

from conformance.evidence.redaction import UNKNOWN, Redactor

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


# ------------------------------------------------------------------------------------------------------ assertions

SAML = "urn:oasis:names:tc:SAML:1.0:assertion"
UNTOLD = json.dumps(UNKNOWN)
ASSERTION = (
    f'<saml:Assertion xmlns:saml="{SAML}" AssertionID="_a1" Issuer="x" MajorVersion="1" MinorVersion="1">'
    "<saml:Conditions/><saml:AttributeStatement>70020299541</saml:AttributeStatement></saml:Assertion>"
)
FORMS: dict[str, str] = {
    "as it was issued": ASSERTION,
    "default namespace": ASSERTION.replace("saml:", "").replace("xmlns:saml", "xmlns"),
    "another prefix": ASSERTION.replace("saml:", "s-1.a:").replace(":saml", ":s-1.a"),
    "single quotes": ASSERTION.replace('"', "'"),
    "lines": ASSERTION.replace(" ", "\n\t ").replace("</saml:Assertion>", "</saml:Assertion\n >"),
    "spaces around the equals sign": ASSERTION.replace("AssertionID=", "AssertionID  = "),
    "ID last": ASSERTION.replace(' AssertionID="_a1"', "").replace('"1">', '"1" AssertionID="_a1">'),
    "greater-than in a value": ASSERTION.replace('Issuer="x"', "").replace(" AssertionID", ' Issuer="a>b" AssertionID'),
    "SAML 2": ASSERTION.replace("AssertionID", "ID").replace("SAML:1.0", "SAML:2.0"),
    "comment with its end": ASSERTION.replace("<saml:Cond", "<!-- </saml:Assertion> --><saml:Cond"),
    "an assertion in it": ASSERTION.replace("<saml:Conditions/>", f"<saml:Advice>{ASSERTION}</saml:Advice>"),
    "as text in XML": html.escape(ASSERTION),
    "as text in text in XML": html.escape(html.escape(ASSERTION)),
    "as text with numbers": ASSERTION.replace("<", "&#60;").replace(">", "&#x3E;"),
    "in a string of Python": repr(ASSERTION.replace(" Assert", "\n Assert"))[1:-1],
}


@pytest.mark.parametrize("name", FORMS)
def test_assertion_in_any_form_of_writing_is_taken_out(name: str) -> None:
    """An assertion that nobody told of, or that was written anew, becomes an unknown secret, all around it stays."""
    assert Redactor().text(f"<a>before {FORMS[name]} after</a>") == f"<a>before {UNTOLD} after</a>"


@pytest.mark.parametrize("name", [name for name in FORMS if "its end" not in name])
def test_assertion_without_end_is_taken_out_to_the_end_of_the_text(name: str) -> None:
    """Where an answer was cut in the middle of an assertion, nothing of it stays."""
    text = FORMS[name][: FORMS[name].index("70020")]
    assert Redactor().text(f"before {text}") == f"before {UNTOLD}"


def test_known_assertion_keeps_its_name() -> None:
    """An assertion that was told of becomes its reference, another one beside it an unknown secret."""
    redactor = Redactor()
    redactor.learn(ASSERTION, {"assertion": "physician"})
    other = ASSERTION.replace("_a1", "_a2")
    assert redactor.text(f"<a>{ASSERTION}</a>{other}!") == f'<a>{{"assertion": "physician"}}</a>{UNTOLD}!'


def test_assertion_after_an_assertion_is_taken_out() -> None:
    """Of several assertions none stays, be the last one cut short."""
    assert Redactor().text(f"a{ASSERTION}b{ASSERTION}c") == f"a{UNTOLD}c"
    assert Redactor().text(f"a{ASSERTION}b{ASSERTION[:90]}") == f"a{UNTOLD}b{UNTOLD}"


@pytest.mark.parametrize(
    "text",
    [
        "An Assertion ID=1 is none",
        "<AssertionIDReference>_a1</AssertionIDReference>",
        "<saml:Assertion>",
        "<saml:Assertion xmlns='x'/><b ID='1'/>",
        "<AssertionList ID='1'/>",
        "&lt;b&gt; Assertion ID=",
        "</saml:Assertion>",
    ],
)
def test_what_only_speaks_of_assertions_stays(text: str) -> None:
    """An element of another name, or without an id of its own, is no assertion."""
    assert Redactor().text(text) == text


MEGABYTE = 2**20
HOSTILE = (
    *(
        "<Assertion ID='1'>",
        "<Assertion ",
        "</Assertion>",
        "&lt;Assertion ",
        "&amp;",
        "<a:",
        "<Assertion ID='1'> &lt;/",
    ),
    *("eyJ", "eyJaaaaaaaa.", "eyJaaaaaaaa.bbbbbbbb", "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", " PRIVATE KEY-----"),
)


@pytest.mark.parametrize("start", ["", "<Assertion ID='1'>", "&lt;x:Assertion "])
@pytest.mark.parametrize("piece", [*HOSTILE, " ID= ", " ID", "ID =", " ", "<", "a", "A:", "&"])
def test_hostile_text_takes_no_longer_than_its_length(start: str, piece: str) -> None:
    """A megabyte of what begins like a credential again and again is cleaned in about a second."""
    text = start + piece * (MEGABYTE // len(piece)) + " PRIVATE KEY Assertion"
    redactor = Redactor()
    redactor.learn(ASSERTION, {"assertion": "physician"})
    began = time.process_time()
    redactor.text(text)
    assert time.process_time() - began < 5


def test_beginning_of_a_secret_that_comes_again_and_again_is_taken_out_at_once() -> None:
    """A peer may repeat the beginning of a token as often as it has room."""
    secret = "".join(chr(ord("A") + number * 7 % 26) for number in range(300))
    redactor = Redactor()
    redactor.learn(secret, {"token": "citizen"})
    began = time.process_time()
    text = redactor.excerpt((secret[:20] + "? ") * 100_000)
    assert secret[:16] not in text
    assert time.process_time() - began < 5


def test_statement_is_redacted_before_it_is_cut() -> None:
    """What is said of a message is short, and no half of a secret is left at its end."""
    redactor = Redactor()
    redactor.learn("s3cr3t-" * 10, {"token": "citizen"})
    text = redactor.statement("x" * 3970 + "s3cr3t-" * 10 + "y" * 10_000)
    assert len(text) < 4100
    assert "s3cr3t" not in text
    assert text.endswith("characters)")
