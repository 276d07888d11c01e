"""Tests of key stores: files of Python's, Java's and BER's making, with one thing missing or wrong at a time."""

import traceback
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.credentials import keystore
from conformance.credentials.keystore import open_keystore
from conformance.model.errors import SecretError

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PASSWORD = "changeit"  # noqa: S105 - of files that are made here
NOW = datetime(2026, 3, 24, tzinfo=UTC)
EC_KEY = ec.generate_private_key(ec.SECP384R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())

# Made with keytool 17: entries 1234567890123, authentication, 9876543210987 in this order, each with a key of its own.
SEVERAL = b64decode(
    """
MIIJ8gIBAzCCCZwGCSqGSIb3DQEHAaCCCY0EggmJMIIJhTCCA3wGCSqGSIb3DQEHAaCCA20EggNpMIIDZTCCAR0GCyqGSIb3DQEMCgECoIG9MIG6MGYG
CSqGSIb3DQEFDTBZMDgGCSqGSIb3DQEFDDArBBTQK61kqK+vAXRq2GJv5fLF0MCfagICJxACASAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEF2l
jfYg0F9OR72qehD0K7IEUOfgji1nrnznh0lkn1UCG/yBp4NPyQ73u1QPHEfpbgwVnz/SxK9iBmYn/YZJPTLwcjtNLjKgLfHdaHWCvrTKQwnMQGUnRi1H
7iUfA6IUgpC8MU4wKQYJKoZIhvcNAQkUMRweGgAxADIAMwA0ADUANgA3ADgAOQAwADEAMgAzMCEGCSqGSIb3DQEJFTEUBBJUaW1lIDE3OTUzMDkzMzgx
NTMwggEfBgsqhkiG9w0BDAoBAqCBvTCBujBmBgkqhkiG9w0BBQ0wWTA4BgkqhkiG9w0BBQwwKwQUGxn3JW8dHen8aAUYtNRWG3s6mlUCAicQAgEgMAwG
CCqGSIb3DQIJBQAwHQYJYIZIAWUDBAEqBBCcPcF5jSxIORVN339UEbIEBFBho4JiZ4bHq1qI+UOEeUKYteqA6vj1teeXrwdS3QKtaU1ihupCc5s5gxc4
5L+xKpABTWMsifF2URZrulrXgyMJS3m2RAndSrB9VhOWV8awkTFQMCsGCSqGSIb3DQEJFDEeHhwAYQB1AHQAaABlAG4AdABpAGMAYQB0AGkAbwBuMCEG
CSqGSIb3DQEJFTEUBBJUaW1lIDE3OTUzMDkzMzg1MzkwggEdBgsqhkiG9w0BDAoBAqCBvTCBujBmBgkqhkiG9w0BBQ0wWTA4BgkqhkiG9w0BBQwwKwQU
UNdtwyGVqoGZs1kEpQkDSnHm7KkCAicQAgEgMAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAEqBBA9JXFXpTHHCqw+LrdtiobrBFDhA3r8LHckuTJoj2Us
KEKRyF9RKFtJaNbpt+tfBeYBv3h/yPfZ7uLSHoBSfJfx0eZdMcg9VQvm6nWZWsRrYXifd1dH6ahXbC9BZn1RBWthsjFOMCkGCSqGSIb3DQEJFDEcHhoA
OQA4ADcANgA1ADQAMwAyADEAMAA5ADgANzAhBgkqhkiG9w0BCRUxFAQSVGltZSAxNzk1MzA5MzM4ODgzMIIGAQYJKoZIhvcNAQcGoIIF8jCCBe4CAQAw
ggXnBgkqhkiG9w0BBwEwZgYJKoZIhvcNAQUNMFkwOAYJKoZIhvcNAQUMMCsEFCfGTgsALcVMhiglpSVYkWVsS7MTAgInEAIBIDAMBggqhkiG9w0CCQUA
MB0GCWCGSAFlAwQBKgQQ8r9lPaiyYkk20d3ro8uyD4CCBXCdUxxPwVr+9Z1bz+rjNYxDC49QW5i9XeZtPDoHhviSeK4eIjqMvZULbYPw3nrAXTM7tLkK
WZFdB3ZV0G0Hya0AzB1qQ2U4H+RHqcFBds/xgSKkSD1ZSo+nmPOCoI1oc7xotWLMDv/Lxm8XdNDCJLHN7MKGqKujLx2fY+e8SnvEbgydeq+EQt+LoGxh
ZnLt2rGCH5fo2poKseSl6YboBVWpnb9hP8dqnGuzdFDm0tIDYAT/2aewFBallS5e0yWZj8WshnYkfBffJOSO++/lN28jIgMKxmh33wvr97C0PmVmc1Vu
GRptoDe6dI8kSEli7h37zZgTJfwZLTM202wKWuuCXxpUOVCnLwvTZnXY66doDXeIq2i4HuzvawsEDdHjyBPiI2ZYkO6m3FsMw+cd7Y0J0MyWdinaAtlf
U00PPVUJzrw9KumEVnVG9jwHZr1mC/6h+hHsmIcWehN/OHzzAdXssMZmChystfMx53P4Cwe6vNlquB6gfV6VLo1ZVVlWIw8hhEE2lnb9mFmO0qq16fZ2
KlNZon8B04fSpfBob22yVyuFA8oZH3zTJ2SodmvShjIurw8gbYOZKiqYqbk3nkadU4/HAGxpmVSs0M9Amx8vL4sa2EG8WXirzS0KeJqbNtuFMvqnRDFm
CXtf3nVMFaGMs/HXKOIBanPca4eke1OXtPHKHvhj56m3sVSkVlNTnvLfjyKEDnkVpgbSe5V7EQwTlgMoIhZpIllwZmv/SkNjr0dnpmoXDQmGcZE+2Lg4
rkOcLFMgEaRtfB+Ow9U2Pi/HBzsj1VsDxxiDfAENP/P/c7T9B0r/KDcxFNXPykpyQa7d/9nt/uJ28fhhenrJAZQ6a3zx0lPkfHe7DWlvqAWdWdkjAwBY
pMiBTBYvFP4tzYlA72OP7vk73VJClAOFka4tV8OA378FnnAKROzhE9QXsEtxNF01T4dQw+zHU3hkSNWturT2zf1s5oUzdrY0FzKt22wBW9XUCzKUUE6E
ID9gkNgsbDMjICh06InxUhvqFKcA7t2WR37CLRXh3cDbkU58u6XFl8mpaLHAGx5SrtiSCV6JSCdJVcYk1oQOPA2DdiloF30/NWQvSYvK5GiKYew1s58d
qlg94nliMiryPYRSdjT5J7hViyORIsxhl4NPBfNeMiqB7NXLdKV0Mw5qTiwmuROEBjDoCIwAUZkeaFAf8+ivdXQSTc5iPs/8xmMu/hQdiHOgIKJ5avhH
HZ/TiN45wXQ/qGYZQ5Ius44U50YAKSguLun3ity1GFrTP9K1V9sYtv+f8iMHm/U/sl5tX2fTAWMp4u7yIaF/xeMBzMT35ZyLXWkeGVg8UIDf9zllVjer
Cs0YItz33Br4cK/nP4YhfbgVcJQ2RNGXe+sd8TOgHivWsCHM24UYW1O9JXF2JIt2fQB46nkxfeE7FB2SJuFklYIaN64D4XnQHunNVeueLETlhzOJYvaB
dwIbFvdqVJK14f4/8XM62J7nDL9xoQGA5PFcVgE4aELyuZuvDkRG6GA/o/e9NlIS7bzhbDVqUR+yWnxEJSWYKrgDctNkt+45SFYJsrfOb9ATjBDLKS/A
lCiVMnK4ZoEugzXe1mOSn4Vp7u2LDftYVc1E0lUzuJawpchfzrEMxslqs8SyqKQD5mZN60BmI7/MHdN4wCPdZJZ7NA6CYvHyrCX1h1E/Vrg28Ph+kstG
2wvEgOM6eZWA71eN6IDzby2myhrMSGCMZA/QzhBDfZSOzw2ZwOO5fcfYisW2PgBbdfMQW17SwfPnVZF7yXnYcBSc5iZY+kDkmILLdjOZOJpwwcVZZUm5
t5tTBhaU/Gax1ts5ryOWmPn28ruZnSCi6HAodLxY8P3UlCkwTTAxMA0GCWCGSAFlAwQCAQUABCBw1E1fbMCQLutduq3+rkb1UBTG2LtMwfGC1+9yf0cG
IAQUs6O1G2JqzhpFsfaGKUsab2tp89oCAicQ
    """
)


def certificate(key: Key, name: str = "me", issuer: str = "", signer: Key | None = None) -> x509.Certificate:
    """Return a certificate for a key, by default signed with it."""
    signed = signer or key
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(signed, None if isinstance(signed, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )


def store(
    key: Key | None,
    own: x509.Certificate | None,
    others: tuple[x509.Certificate, ...] = (),
    alias: bytes | None = b"authentication",
    password: str = PASSWORD,
) -> bytes:
    """Return a PKCS#12 file."""
    encryption = BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(alias, key, own, others or None, encryption)


def write(folder: Path, raw: bytes) -> Path:
    """Write a key store and return its path."""
    path = folder / "store.p12"
    path.write_bytes(raw)
    return path


def complaint(path: Path, password: str = PASSWORD, alias: str | None = None) -> str:
    """Return what is said of a key store that cannot be opened."""
    with pytest.raises(SecretError) as caught:
        open_keystore(path, password, alias)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


@pytest.mark.parametrize("key", [EC_KEY, rsa.generate_private_key(65537, 2048)], ids=["EC", "RSA"])
def test_key_and_certificate_belong_together(tmp_path: Path, key: Key) -> None:
    """The only entry is found with its alias, in any case of letters, or without."""
    path = write(tmp_path, store(key, certificate(key), alias="Schlüssel".encode()))
    for alias in (None, "Schlüssel", "SCHLÜSSEL"):
        opened = open_keystore(path, PASSWORD, alias)
        assert opened.key.public_key() == key.public_key() == opened.certificate.public_key()
        assert (opened.alias, opened.chain) == ("Schlüssel", ())


def test_chain_goes_up_from_the_issuer(tmp_path: Path) -> None:
    """The certificates above the own one come in order, without strangers, as far as the file has them."""
    root_key, middle_key = OTHER_KEY, ec.generate_private_key(ec.SECP256R1())
    root = certificate(root_key, "root")
    middle = certificate(middle_key, "middle", "root", root_key)
    own = certificate(EC_KEY, "me", "middle", middle_key)
    stranger = certificate(OTHER_KEY, "stranger")
    assert open_keystore(write(tmp_path, store(EC_KEY, own, (root, stranger, middle))), PASSWORD).chain == (
        middle,
        root,
    )
    assert open_keystore(write(tmp_path, store(EC_KEY, own, (middle,))), PASSWORD).chain == (middle,)
    loop = certificate(middle_key, "middle", "me", EC_KEY)
    assert open_keystore(write(tmp_path, store(EC_KEY, own, (loop,))), PASSWORD).chain == (loop,)


def test_each_of_several_keys_can_be_had(tmp_path: Path) -> None:
    """A file with keys for encryption beside the one for authentication gives the one that is asked for."""
    path = write(tmp_path, SEVERAL)
    for alias in ("1234567890123", "authentication", "9876543210987"):
        opened = open_keystore(path, PASSWORD, alias)
        (name,) = opened.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert (opened.alias, name.value) == (alias, alias)
        assert opened.key.public_key() == opened.certificate.public_key()
    assert open_keystore(path, PASSWORD).alias == "authentication"


def test_alias_that_is_not_there_is_answered_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong alias, and a missing one where the file has several keys, is told which there are."""
    path = write(tmp_path, SEVERAL)
    known = "give one of '1234567890123', 'authentication', '9876543210987'"
    assert complaint(path, alias="mine") == f"{path}: it has no key called 'mine'; {known}"
    monkeypatch.setattr(keystore, "AUTHENTICATION", "other")
    assert complaint(path) == f"{path}: it has several keys and none called 'other'; {known}"
    unnamed = write(tmp_path, store(EC_KEY, certificate(EC_KEY), alias=None))
    assert open_keystore(unnamed, PASSWORD).alias == ""
    assert "no key called 'mine'; leave `alias` out" in complaint(unnamed, alias="mine")


MISTAKES: Mapping[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty; put the key store there"),
    "text": (b"no key store", "is not a PKCS#12 key store, nor anything to make one of; name the"),
    "text with a mark": (
        b"\xef\xbb\xbf" + SEVERAL,
        "begins with a byte order mark, so that it was saved as text; copy",
    ),
    "PEM in UTF-16": ("-----BEGIN PRIVATE KEY-----".encode("utf-16"), "begins with a byte order mark"),
    "PEM of something": (b"-----BEGIN DH PARAMETERS-----", "is a PEM file without private key, not PKCS#12; name"),
    "some DER": (b"\x30\x03\x02\x01\x03", "the password is wrong, or the file is damaged; correct the password"),
    "cut": (SEVERAL[:-9], "the file ends too early or is damaged; copy it again, byte by byte"),
    "line ends changed": (SEVERAL.replace(b"\n", b"\r\n"), "the file ends too early or is damaged; copy it again"),
    "recoded": (SEVERAL.decode("latin-1").encode(), "the file ends too early or is damaged; copy it again"),
    "large": (b"\x30" * (2**20 + 1), "is larger than 1048576 bytes"),
    "other password": (store(EC_KEY, certificate(EC_KEY), password=PASSWORD[::-1]), "the password is wrong"),
    "no key": (store(None, None, (certificate(EC_KEY),)), "it has no private key; export"),
    "no certificate": (store(EC_KEY, None), "it has no certificate; export"),
    "no certificate, no alias": (store(EC_KEY, None, alias=None), "it has no certificate; export"),
    "another's certificate": (
        store(EC_KEY, None, (certificate(OTHER_KEY),)),
        "no certificate in it belongs to its key",
    ),
    "Edwards curve": (
        store(ed25519.Ed25519PrivateKey.generate(), None, (certificate(EC_KEY),)),
        "its key is neither RSA nor EC, and the platform knows no other; give",
    ),
}


@pytest.mark.parametrize(("raw", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_named(tmp_path: Path, raw: bytes, message: str) -> None:
    """Each thing that can be wrong with a file is told apart, with the file's name and no password."""
    path = write(tmp_path, raw)
    problem = complaint(path)
    assert str(path) in problem
    assert message in problem
    assert ";" in problem


@pytest.mark.parametrize("password", [f"{PASSWORD} ", f" {PASSWORD}", f"{PASSWORD}\n", f"\t{PASSWORD}"])
def test_blanks_around_a_password_are_pointed_at(tmp_path: Path, password: str) -> None:
    """A password with a blank or a line end too many is told from any other wrong one."""
    path = write(tmp_path, store(EC_KEY, certificate(EC_KEY)))
    assert "the password begins or ends with a blank or a line end" in complaint(path, password)
    assert open_keystore(write(tmp_path, store(EC_KEY, certificate(EC_KEY), password=password)), password)


def test_several_keys_without_names_cannot_be_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no key has a name, no alias helps, and the remedy is a key store with one of them."""
    path = write(tmp_path, SEVERAL)
    monkeypatch.setattr(keystore, "_friendly_name", lambda _: "")
    monkeypatch.setattr(keystore, "_entry", lambda alias, key, _: keystore._Entry(alias, key, None))
    assert "its keys have no names, so put the one for authentication alone into a key store" in complaint(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A key store that is not there is named."""
    assert (
        complaint(tmp_path / "none.p12")
        == f"{tmp_path}/none.p12: there is no such file; put it there or correct the path"
    )


def test_wrong_password_is_not_repeated(tmp_path: Path) -> None:
    """Neither the right password nor the wrong one stands in the message."""
    path = write(tmp_path, SEVERAL)
    assert "wrongpassword" not in complaint(path, "wrongpassword")
    assert "geheim-é" not in complaint(path, "geheim-é")


def in_pieces(der: bytes) -> bytes:
    """Return a PKCS#12 file with BER's indefinite lengths and pieces of octets, as Bouncy Castle writes it."""
    ((_, file),) = keystore._elements(der)
    (_, version), (_, info), (_, mac) = keystore._elements(file)
    (_, kind), (_, wrapped) = keystore._elements(info)
    ((_, octets),) = keystore._elements(wrapped)
    pieces = b"".join(definite(4, octets[at : at + 1000]) for at in range(0, len(octets), 1000))
    contents = definite(6, kind) + indefinite(0xA0, indefinite(0x24, pieces))
    return indefinite(0x30, definite(2, version) + indefinite(0x30, contents) + definite(0x30, mac))


def definite(tag: int, contents: bytes) -> bytes:
    """Return a value with its length in two bytes."""
    return bytes([tag, 0x82]) + len(contents).to_bytes(2, "big") + contents


def indefinite(tag: int, contents: bytes) -> bytes:
    """Return a value that ends where its end is marked."""
    return bytes([tag, 0x80]) + contents + b"\0\0"


def test_file_in_pieces_is_read_alike(tmp_path: Path) -> None:
    """What BER may write in another way means the same."""
    raw = in_pieces(SEVERAL)
    assert keystore._key_bags(raw) == keystore._key_bags(SEVERAL)
    assert open_keystore(write(tmp_path, raw), PASSWORD, "9876543210987").alias == "9876543210987"


def test_unusual_structure_leaves_the_librarys_own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where key bags cannot be found, the one key that the library finds counts, under its certificate's name."""
    path = write(tmp_path, store(EC_KEY, certificate(EC_KEY), alias=b"mine"))
    monkeypatch.setattr(keystore, "_key_bags", lambda _: [])
    assert open_keystore(path, PASSWORD, "mine").key.public_key() == EC_KEY.public_key()
    monkeypatch.setattr(keystore, "_key_bags", lambda _: [("broken", b"no key")])
    assert open_keystore(path, PASSWORD).alias == "mine"


@given(st.one_of(st.binary(), st.integers(1, 5000).map(lambda depth: b"\x30\x80" * depth)))
def test_whatever_is_no_file_has_no_key_bags(raw: bytes) -> None:
    """No bytes make the search for keys fail."""
    assert keystore._key_bags(raw) == []


@given(st.integers(0, len(SEVERAL) - 1), st.integers(1, 255))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_file_is_a_mistake_of_the_users(tmp_path: Path, at: int, change: int) -> None:
    """A key store with any byte changed either still opens, or is said to be wrong."""
    raw = bytearray(SEVERAL)
    raw[at] ^= change
    path = write(tmp_path, bytes(raw))
    try:
        assert open_keystore(path, PASSWORD).key
    except SecretError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome will do


def test_key_store_does_not_show_its_key(tmp_path: Path) -> None:
    """What is printed of a key store has no key in it."""
    assert "key" not in repr(open_keystore(write(tmp_path, SEVERAL), PASSWORD)).lower().replace("keystore", "")
