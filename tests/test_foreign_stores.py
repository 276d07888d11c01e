"""Tests of files that are no PKCS#12 key store: openssl and keytool make them, and the remedy in the message is run."""

import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12

from conformance.credentials.client_credentials import signature_algorithm
from conformance.credentials.foreign_stores import what_it_is
from conformance.credentials.keystore import keystore_password, open_keystore
from conformance.model.errors import SecretError
from conformance.soap.security.wss import make_signer
from tests.test_keystore import EC_KEY, PASSWORD, certificate, complaint, store

OPENSSL, KEYTOOL = shutil.which("openssl"), shutil.which("keytool")
OTHER = "zonnebloem-7731"
"""The password of what a remedy makes."""
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
needs_keytool = pytest.mark.skipif(KEYTOOL is None or OPENSSL is None, reason="keytool or openssl is not installed")

Maker = Callable[..., Path]


def run(command: str, folder: Path, typed: str = "") -> None:
    """Run a command line as a user does, who types the passwords that it asks for."""
    subprocess.run(
        ["/bin/sh", "-ec", command],
        cwd=folder,
        input=typed,
        text=True,
        check=True,
        capture_output=True,
        start_new_session=True,  # no terminal, so that passwords are read from what is typed
        timeout=60,
    )


@pytest.fixture
def made(tmp_path: Path) -> Maker:
    """Return a function that runs commands in a folder with `key.pem` and `certificate.pem`, and gives a file of it."""
    folder = tmp_path / "of a user"  # a name that has to be quoted
    folder.mkdir()

    def make(name: str, *commands: str) -> Path:
        own = "openssl ecparam -name prime256v1 -genkey -noout -out key.pem"
        run(f"{own}; openssl req -x509 -new -key key.pem -subj /CN=me -days 9 -out certificate.pem", folder)
        for command in commands:
            run(command, folder)
        return folder / name

    return make


def remedies(message: str) -> list[str]:
    """Return the command lines in a message, with the files that a user has in the place of those in capitals."""
    named = message.replace("KEY.pem", "key.pem").replace("CERTIFICATE.pem", "certificate.pem")
    return re.findall("`([^`]+)`", named)


def remedied(path: Path, message: str, typed: str) -> Path:
    """Do what a message says, and return the file that it makes."""
    commands = remedies(message)
    assert commands
    before = set(path.parent.iterdir())
    for command in commands:
        run(command, path.parent, typed)
    (new,) = {one for one in set(path.parent.iterdir()) - before if one.suffix == ".p12"}
    return new


P12 = f"openssl pkcs12 -export -inkey key.pem -in certificate.pem -name authentication -passout pass:{PASSWORD} -out"
BOTH = "cat key.pem certificate.pem > both.pem"
FOREIGN: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "key and certificate": ("both.pem", (BOTH,), "is a PEM file with key and certificate, not PKCS#12"),
    "certificate and key": (
        "both.pem",
        ("cat certificate.pem key.pem > both.pem",),
        "is a PEM file with key and certificate",
    ),
    "with attributes": (
        "bag.pem",
        (f"{P12} store.p12", f"openssl pkcs12 -in store.p12 -passin pass:{PASSWORD} -nodes -out bag.pem"),
        "is a PEM file with key and certificate",
    ),
    "misnamed": ("both.p12", ("cat key.pem certificate.pem > both.p12",), "is a PEM file with key and certificate"),
    "key": ("key.pem", (), "is a PEM file with a private key and no certificate"),
    "certificate": ("certificate.pem", (), "is a PEM file with a certificate and no private key"),
    "certificate in DER": (
        "me.cer",
        ("openssl x509 -in certificate.pem -outform DER -out me.cer",),
        "is a certificate without private key (DER)",
    ),
    "key in DER": (
        "me.key",
        ("openssl pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out me.key",),
        "is a private key without certificate (DER)",
    ),
    "key in DER, its own form": (
        "me.key",
        ("openssl ec -in key.pem -outform DER -out me.key",),
        "is a private key without certificate (DER)",
    ),
    "certificates in PKCS#7": (
        "me.p7b",
        ("openssl crl2pkcs7 -nocrl -certfile certificate.pem -outform DER -out me.p7b",),
        "is a list of certificates without private key (PKCS#7)",
    ),
}


@needs_openssl
@pytest.mark.parametrize("kind", FOREIGN)
def test_remedy_makes_a_key_store_of_it(made: Maker, kind: str) -> None:
    """What a file is stands in the message, and the command in it makes a key store that opens."""
    name, commands, words = FOREIGN[kind]
    path = made(name, *commands)
    message = complaint(path)
    assert message.startswith(f"{path} {words}")
    new = remedied(path, message, f"{OTHER}\n{OTHER}\n")
    assert open_keystore(new, OTHER).alias == "authentication"


@needs_openssl
def test_remedy_for_a_key_that_is_encrypted_asks_for_its_password(made: Maker) -> None:
    """An encrypted key without its certificate is told as what it is, and its password is asked for on the way."""
    command = f"openssl pkcs8 -topk8 -in key.pem -passout pass:{PASSWORD} -outform DER -out me.key"
    path = made("me.key", command)
    message = complaint(path)
    decoding, exporting = remedies(message)
    run(decoding, path.parent, f"{PASSWORD}\n")
    run(exporting, path.parent, f"{OTHER}\n{OTHER}\n")
    assert open_keystore(path.with_suffix(".p12"), OTHER).alias == "authentication"


BASE64: Mapping[str, Callable[[bytes], bytes]] = {
    "one line": b64encode,
    "one line with its end": lambda raw: b64encode(raw) + b"\n",
    "lines of 76": lambda raw: b"\n".join(re.findall(b".{1,76}", b64encode(raw))),
    "lines of 100": lambda raw: b"\n".join(re.findall(b".{1,100}", b64encode(raw))),
    "lines of Windows": lambda raw: b"\r\n".join(re.findall(b".{1,64}", b64encode(raw))) + b"\r\n",
    "blank lines and blanks": lambda raw: b"\n\n  " + b"\n\n  ".join(re.findall(b".{1,64}", b64encode(raw))) + b"\n\n",
}


@needs_openssl
@pytest.mark.parametrize("form", BASE64)
def test_remedy_decodes_base64(tmp_path: Path, form: str) -> None:
    """However the text is broken into lines, the command gives the key store back."""
    raw = store(EC_KEY, certificate(EC_KEY))
    path = tmp_path / "me.p12"
    path.write_bytes(BASE64[form](raw))
    message = complaint(path)
    assert message.startswith(f"{path} is base64 text, not PKCS#12 itself; decode it with `")
    assert remedied(path, message, "").read_bytes() == raw


@needs_openssl
def test_remedy_decodes_a_key_store_in_pem(tmp_path: Path) -> None:
    """A key store between lines of PEM is told from keys and certificates in PEM."""
    raw = store(EC_KEY, certificate(EC_KEY))
    path = tmp_path / "me.pem"
    lines = b"\n".join(re.findall(b".{1,64}", b64encode(raw)))
    path.write_bytes(b"-----BEGIN PKCS12-----\n" + lines + b"\n-----END PKCS12-----\n")
    message = complaint(path)
    assert message.startswith(f"{path} is a PKCS#12 key store in PEM; decode it with `")
    assert remedied(path, message, "").read_bytes() == raw


@needs_keytool
@pytest.mark.parametrize("kind", ["JKS", "JCEKS"])
@pytest.mark.parametrize("name", ["me.jks", "me.p12", "me"])
def test_remedy_converts_a_key_store_of_java(made: Maker, kind: str, name: str) -> None:
    """Java's own kinds are told apart, and keytool makes PKCS#12 of them, whatever the file is called."""
    convert = (
        f"keytool -importkeystore -noprompt -srckeystore s.p12 -srcstoretype PKCS12 -srcstorepass {PASSWORD} "
        f"-destkeystore {name} -deststoretype {kind} -deststorepass {PASSWORD} -destkeypass {PASSWORD}"
    )
    path = made(name, f"{P12} s.p12", convert)
    message = complaint(path)
    assert message.startswith(f"{path} is a key store of Java's own kind ({kind}), not PKCS#12; convert it with `")
    new = remedied(path, message, f"{OTHER}\n{OTHER}\n{PASSWORD}\n")
    assert open_keystore(new, OTHER).alias == "authentication"


EMPTY: Mapping[str, str] = {
    "encrypted with it": P12.replace(f"pass:{PASSWORD}", "pass:"),
    "in the old way": P12.replace(f"pass:{PASSWORD}", "pass: -legacy"),
    "not encrypted": P12.replace(f"pass:{PASSWORD}", "pass: -keypbe NONE -certpbe NONE"),
}


@needs_keytool
@pytest.mark.parametrize("kind", EMPTY)
def test_remedy_gives_a_key_store_a_password(made: Maker, kind: str) -> None:
    """Who has a key store with an empty password is told that one is needed, and how it gets one."""
    path = made("me.p12", f"{EMPTY[kind]} me.p12")
    (path.parent / "password").write_text("\n")
    message = no_password_told(path)
    assert message.startswith("callers.me.password: the secret is empty; a key store needs a password; if this one has")
    new = remedied(path, message, f"{OTHER}\n{OTHER}\n")
    assert open_keystore(new, OTHER).alias == "authentication"


def no_password_told(path: Path) -> str:
    """Return what is said where the password of a key store is empty."""
    with pytest.raises(SecretError) as caught:
        keystore_password({"file": "password"}, path, path.parent, "callers.me.password")
    return str(caught.value)


def test_commands_stay_whole_at_long_paths(tmp_path: Path) -> None:
    """No message is so long that its middle, where the commands stand, would be left out."""
    folder = tmp_path / ("a" * 60) / ("b c" * 20)
    folder.mkdir(parents=True)
    (folder / "password").touch()
    for raw in (b"", b"0" + bytes.fromhex("060b2a864886f70d010c0a0102")):
        (folder / "me.p12").write_bytes(raw)
        assert "characters more" not in no_password_told(folder / "me.p12")


OLD: Mapping[str, str] = {
    "RC2 and 3DES": "-legacy",
    "3DES": "-legacy -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES",
    "RC2 and RC4": "-legacy -keypbe PBE-SHA1-RC2-40 -certpbe PBE-SHA1-RC4-128",
    "MD5 and DES": "-legacy -keypbe PBE-MD5-DES -certpbe PBE-MD5-DES",
    "key not encrypted": "-keypbe NONE -certpbe NONE",
    "no MAC": "-nomac",
    "SHA-512": "-macalg sha512",
}


@needs_openssl
@pytest.mark.parametrize("kind", OLD)
def test_old_and_odd_protection_is_opened(made: Maker, kind: str) -> None:
    """Key stores of older tools, and of unusual ones, open as they are."""
    path = made("me.p12", P12.replace("-export", f"-export {OLD[kind]}") + " me.p12")
    assert open_keystore(path, PASSWORD).alias == "authentication"


EXPLICIT = "openssl ecparam -name {} -genkey -noout -param_enc explicit -out key.pem"
CERTIFIED = "openssl req -x509 -new -key key.pem -subj /CN=me -days 9 -out certificate.pem"


@needs_openssl
@pytest.mark.parametrize("curve", ["brainpoolP256r1", "secp256k1"])
def test_curve_that_is_described_in_full_is_no_wrong_password(made: Maker, curve: str) -> None:
    """The message says what the key is, and the command in it makes a key that serves."""
    path = made("me.p12", EXPLICIT.format(curve), CERTIFIED, f"{P12} me.p12")
    message = complaint(path)
    assert "describes its elliptic curve in full (explicit parameters)" in message
    assert "password" not in message
    (command,) = remedies(message)
    run(f"{command}; {CERTIFIED}; rm me.p12; {P12} me.p12", path.parent)
    assert signature_algorithm(open_keystore(path, PASSWORD)) == "ES256"


@needs_openssl
@pytest.mark.parametrize(("curve", "algorithm"), [("prime256v1", "ES256"), ("secp384r1", "ES384")])
def test_known_curve_that_is_described_in_full_serves(made: Maker, curve: str, algorithm: str) -> None:
    """A curve of the platform's is recognised by its parameters, and signs tokens and messages."""
    path = made("me.p12", EXPLICIT.format(curve), CERTIFIED, f"{P12} me.p12")
    opened = open_keystore(path, PASSWORD)
    assert signature_algorithm(opened) == algorithm
    assert make_signer(opened.key, opened.certificate).algorithm


@needs_openssl
def test_remedy_for_a_certificate_that_does_not_fit(made: Maker) -> None:
    """Key and certificate that do not belong together are told, and the command puts those together that do."""
    path = made("me.p12", f"{P12} right.p12")
    held = open_keystore(path.with_name("right.p12"), PASSWORD)
    stranger = certificate(EC_KEY)
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"me", held.key, None, [stranger], NoEncryption()))
    message = complaint(path, "")
    assert "no certificate in it belongs to its key; export key and certificate together" in message
    new = remedied(path, message, f"{OTHER}\n{OTHER}\n")
    assert open_keystore(new, OTHER).certificate == held.certificate


def test_new_file_never_takes_the_place_of_another(tmp_path: Path) -> None:
    """A command writes where nothing is yet."""
    path = tmp_path / "me.pem"
    assert "-out " + str(tmp_path / "me.p12") in what_it_is(b"-----BEGIN PRIVATE KEY-----", path)
    (tmp_path / "me.p12").touch()
    assert "-out " + str(tmp_path / "me-new.p12") in what_it_is(b"-----BEGIN PRIVATE KEY-----", path)


def test_true_key_store_is_not_foreign(tmp_path: Path) -> None:
    """PKCS#12 is taken for nothing else."""
    assert what_it_is(store(EC_KEY, certificate(EC_KEY)), tmp_path / "me.p12") == ""
