"""Tests of taking secrets out of what is written down."""

import base64
import html
import json
import time
from urllib.parse import quote

import pytest

from conformance.evidence.redaction import UNKNOWN, Redactor
from tests.test_secrets_in_dresses import dresses

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
    """What has fewer than six characters would be found in the middle of ordinary words."""
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


# --------------------------------------------------------------------------------------------------- dresses and words

OPAQUE = "Ab3-_/+~.DbnVO-ZoBrVEjrj9sLm9HOa9KSQck42Y6Fw"
REFERENCE = '{"token": "citizen"}'


def told(secret: str) -> Redactor:
    """Return a redactor that knows one secret."""
    redactor = Redactor()
    redactor.learn(secret, {"token": "citizen"})
    return redactor


@pytest.mark.parametrize("secret", [OPAQUE, JWT, 'p%41s "w<ö>\\rd&=1', "S3cr=t"])
def test_secret_is_found_in_every_dress(secret: str) -> None:
    """Each dress of a secret becomes its reference, what stands around it stays."""
    for dress in dresses(secret):
        assert "citizen" in told(secret).text(f"before, {dress}, after"), dress
        assert told(secret).text(f"before, {dress}, after").startswith("before, "), dress
        assert told(secret).text(f"before, {dress}, after").endswith(", after"), dress


@pytest.mark.parametrize("shift", range(3))
def test_what_stands_around_a_secret_in_base64_stays(shift: int) -> None:
    """Of a long run of base64 only the characters go that hold a part of the secret."""
    before, after = b"x" * (30 + shift), b"y" * 30
    clean = told(OPAQUE).text(base64.b64encode(before + OPAQUE.encode() + after).decode())
    kept = clean.split(REFERENCE)
    assert base64.b64decode(kept[0] + "=" * (-len(kept[0]) % 4)).startswith(b"x" * 28)
    assert len(kept[1]) >= 38


@pytest.mark.parametrize(
    "text", ["Zm9vYmFyYmF6cXV4IGlzIG5vbmU=", "%5B1%5D", "&lt;a&gt;", "00112233445566778899", "\\u00e9t\\u00e9", "a=3D"]
)
def test_what_is_escaped_or_coded_and_no_secret_stays(text: str) -> None:
    """Evidence is not touched for being in a dress."""
    assert told(OPAQUE).text(text) == text


@pytest.mark.parametrize("word", ["password", "secret", "physician", "swordfish", "Production"])
def test_words_of_the_harness_stay_where_a_secret_is_one_of_them(word: str) -> None:
    """A sentence, a file's name, an id or a name in quotes is whole, whatever somebody has for a password."""
    for text in (
        f"the {word} is wrong",
        f"callers.{word}: the file '{word}.p12' is missing",
        f"the member '{word}' is missing",
        f"status-dashboard/5.2/{word} failed",
        f"http://127.0.0.1/{word}/v1",
    ):
        assert told(word).statement(text) == text


@pytest.mark.parametrize("word", ["pass", "prod", "abc12"])
def test_short_secret_is_not_looked_for(word: str) -> None:
    """What is too short to be told from ordinary text changes none."""
    text = f'the {word} of {word}uction is "{word}"'
    assert told(word).text(text) == told(word).statement(text) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ('{"password": "password"}', f'{{"password": "{REFERENCE}"}}'),
        ("a=1&b=password&c=2", f"a=1&b={REFERENCE}&c=2"),
        ("<password>password</password>", f"<password>{REFERENCE}</password>"),
        ("the password is wrong", "the password is wrong"),
        ('<input name="password" type="password">', '<input name="password" type="password">'),
    ],
)
def test_common_word_is_a_secret_where_a_value_stands(text: str, clean: str) -> None:
    """A password that every answer has as a word is taken out as a value, and no gap in a sentence tells it."""
    assert told("password").text(text) == clean


def test_word_that_is_no_common_one_is_taken_out_of_foreign_sentences() -> None:
    """What services say, the harness does not: a word that is a password goes wherever they say it."""
    assert told("swordfish").text("swordfish is refused") == f"{REFERENCE} is refused"
    assert told("swordfish").statement("it says 'no swordfish here'") == f"it says 'no {REFERENCE} here'"


@pytest.mark.parametrize(
    "around", ["it said: {}… (99 characters)", "it said: '{}'... (99)", "it said {!r}", "it said {}"]
)
def test_beginning_of_a_secret_before_a_cut_is_taken_out(around: str) -> None:
    """Where somebody has cut a text in the middle of a secret, nothing of it is left, in any dress."""
    for dress in (OPAQUE, quote(OPAQUE, safe=""), base64.b64encode(OPAQUE.encode()).decode(), OPAQUE.encode().hex()):
        clean = told(OPAQUE).statement(around.format(dress[: len(dress) // 2]))
        assert dress[:6] not in clean


@pytest.mark.parametrize(
    "written", [OPAQUE[:-1], OPAQUE[1:], f"{OPAQUE[:20]} {OPAQUE[20:]}", f"{OPAQUE[:18]}x{OPAQUE[18:]}"]
)
def test_long_parts_of_a_secret_are_taken_out_of_foreign_text(written: str) -> None:
    """Who cuts a secret, or puts something into it, has not made it public."""
    clean = told(OPAQUE).text(f"a {written} b")
    assert OPAQUE[:16] not in clean
    assert OPAQUE[-16:] not in clean
    assert clean.startswith("a ")
    assert clean.endswith(" b")


def test_body_that_was_cut_ends_before_a_secret() -> None:
    """The last characters of what was read may be half a secret."""
    assert told(OPAQUE).cut_text(f"refused: {OPAQUE[:20]}") == "refused: "
    assert told(OPAQUE).cut_text("refused: Ab3") == "refused: Ab3"


def test_cookie_that_a_server_sets_is_a_secret_from_then_on() -> None:
    """Its value is taken out wherever it comes back; a language or a date is no session."""
    redactor = Redactor()
    redactor.learn_cookies([("Set-Cookie", 'SESSION="c00kieValue1"; Path=/'), ("Set-Cookie", "lang=nederlands")])
    redactor.learn_cookies([("set-cookie", "day=2026-12-01T00:00")])
    assert redactor.text("c00kieValue1 nederlands 2026-12-01T00:00") == f"{UNTOLD} nederlands 2026-12-01T00:00"


def test_no_more_cookies_are_remembered_than_there_is_time_for() -> None:
    """A server that sets one with each answer makes nothing slower and slower."""
    redactor = Redactor()
    redactor.learn_cookies([("Set-Cookie", f"s=session-{number:06d}") for number in range(1000)])
    assert redactor.text("session-000001 session-000999") == f"session-000001 {UNTOLD}"


def test_password_of_basic_credentials_is_known_alone() -> None:
    """A server that decodes them may give back the pair, or the password."""
    redactor = Redactor()
    redactor.learn_given([("Proxy-Authorization", f"Basic {base64.b64encode(b'user:pa55word!').decode()}")])
    assert redactor.text("user:pa55word! and pa55word!") == f"{UNTOLD} and {UNTOLD}"


def test_secrets_in_a_large_body_are_found_in_time() -> None:
    """Many secrets, one of them long, in 8 MiB take seconds of CPU."""
    redactor = told("x".join(f"{number:04d}" for number in range(2000)))
    for number in range(30):
        redactor.learn(f"{OPAQUE}{number}", {"token": "citizen"})
    row = json.dumps({"id": 1, "url": "https://x/y?z=1", "name": "Ünïcode"}, indent=1)
    began = time.process_time()
    redactor.text(row * (8 * MEGABYTE // len(row)) + OPAQUE)
    assert time.process_time() - began < 20
