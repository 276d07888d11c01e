"""Tests of the local platform's certificate authority: what it certifies, and where keys are left."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from conformance.credentials.keystore import open_keystore
from conformance.mock import authority as module
from conformance.mock.authority import (
    ALIAS,
    Authority,
    CertificateOwner,
    KeyKind,
    make_authority,
    make_server_certificate,
    owner_of,
    write_private,
)
from conformance.model.errors import SecretError
from conformance.soap.security.certificates import in_time
from tests.signing import PERSON, authority, holder, tokens

NOW = datetime.now(UTC)
SUBJECT = (
    "CN=SSIN=85061599690,OU=eHealth-platform Belgium,OU=GODELIEVE WOLKENBERG,OU=SSIN=85061599690,"
    "O=Federal Government,C=BE"
)


def test_subject_is_that_of_the_platforms_certificates() -> None:
    """Number, name and the platform stand in the subject, the number again as the common name."""
    assert holder().certificate.subject.rfc4514_string() == SUBJECT


@pytest.mark.parametrize(
    "owner",
    [
        PERSON,
        CertificateOwner("NIHII-SORTINGCENTER", "99551296", "TRIAGEPOST WOLKENVELD"),
        CertificateOwner("CBE", "1800471240", "DENKBEELD SOFTWARE"),
        CertificateOwner("EHP", "1990904709", "HUB LUCHTKASTEEL"),
    ],
)
def test_owner_is_read_from_a_certificate(owner: CertificateOwner) -> None:
    """Whom a certificate was issued to can be read from it."""
    assert owner_of(authority().issue(owner, KeyKind.P256).certificate) == owner


def test_certificates_of_nobody_are_told() -> None:
    """A subject without number, or with two, names nobody."""
    for name in ("x", "CBE=1"):
        certificate = (
            authority().issue(CertificateOwner("x" if name == "x" else "SSIN", "1", name), KeyKind.P256).certificate
        )
        with pytest.raises(ValueError, match="names no owner"):
            owner_of(certificate)


def test_owner_without_name_is_read() -> None:
    """Where nothing follows the number, there is no name."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "CBE=1800471240")])
    own = authority()
    certificate = (
        x509.CertificateBuilder(own.certificate.subject, name, own.key.public_key(), 1)
        .not_valid_before(NOW)
        .not_valid_after(NOW)
        .sign(own.key, hashes.SHA256())
    )
    assert owner_of(certificate) == CertificateOwner("CBE", "1800471240", "")


def test_kinds_of_key() -> None:
    """Keys are RSA of 2048 bits, or EC on P-256 or P-384."""
    keys = {kind: holder(kind).key for kind in KeyKind}
    assert isinstance(keys[KeyKind.RSA], rsa.RSAPrivateKey)
    assert {kind: key.key_size for kind, key in keys.items()} == {
        KeyKind.RSA: 2048,
        KeyKind.P256: 256,
        KeyKind.P384: 384,
    }
    curves = [key.curve.name for key in keys.values() if isinstance(key, ec.EllipticCurvePrivateKey)]
    assert curves == ["secp256r1", "secp384r1"]


def test_callers_certificates_last_36_months() -> None:
    """They begin a little earlier, and end after three years, at most on the month's 28th."""
    certificate = holder().certificate
    lasts = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert timedelta(days=3 * 365 - 4) < lasts < timedelta(days=3 * 365 + 2)
    made = certificate.not_valid_before_utc + timedelta(hours=1)
    assert (certificate.not_valid_after_utc.year, certificate.not_valid_after_utc.month) == (made.year + 3, made.month)
    assert authority().certificate.not_valid_after_utc > certificate.not_valid_after_utc


def test_months_are_counted_over_the_end_of_a_year() -> None:
    """From a day that not every month has, the end is the 28th."""
    assert module._later(datetime(2024, 2, 29, tzinfo=UTC), 36) == datetime(2027, 2, 28, tzinfo=UTC)
    assert module._later(datetime(2026, 11, 25, tzinfo=UTC), 37) == datetime(2029, 12, 25, tzinfo=UTC)
    assert module._later(datetime(2026, 12, 1, tzinfo=UTC), 36) == datetime(2029, 12, 1, tzinfo=UTC)


def test_usages_are_those_of_the_platforms_certificates() -> None:
    """A caller's key identifies its owner, signs in earnest, and is no authority's."""
    extensions = holder().certificate.extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.content_commitment, usage.value.key_encipherment) == (True,) * 3
    assert not usage.value.key_cert_sign
    assert ExtendedKeyUsageOID.CLIENT_AUTH in extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_authority_says_that_it_is_a_local_one() -> None:
    """Whoever finds one of its certificates sees that it is for tests."""
    assert "local test CA" in holder().certificate.issuer.rfc4514_string()
    root = authority().certificate
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert x509.load_pem_x509_certificate(authority().pem) == root


def test_sts_is_named_beside_its_owner() -> None:
    """The STS's certificate names the platform and the application, and its key is RSA."""
    credential = tokens().credential
    assert "CN=CBE=0809394427\\, IAMLOCAL" in credential.certificate.subject.rfc4514_string()
    assert isinstance(credential.key, rsa.RSAPrivateKey)
    assert owner_of(credential.certificate).number == "0809394427"


def test_authority_vouches_for_its_own_alone() -> None:
    """Certificates of others, of itself or of another time are not vouched for."""
    own, other = authority(), make_authority()
    assert own.vouches_for(holder().certificate, NOW)
    assert not other.vouches_for(holder().certificate, NOW)
    assert not own.vouches_for(other.certificate, NOW)
    assert not own.vouches_for(holder().certificate, NOW + timedelta(days=4 * 366))
    assert not own.vouches_for(holder().certificate, NOW - timedelta(days=1))
    assert not in_time(holder().certificate, NOW - timedelta(days=1))


@pytest.mark.parametrize("kind", list(KeyKind))
def test_key_store_is_opened_like_the_platforms(tmp_path: Path, kind: KeyKind) -> None:
    """Key, certificate and chain stand in one entry with the platform's alias; only the owner may read the file."""
    path = tmp_path / "caller.p12"
    holder(kind).write(path, "a fictitious passphrase")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    store = open_keystore(path, "a fictitious passphrase", ALIAS)
    assert store.certificate == holder(kind).certificate
    assert store.key.private_numbers() == holder(kind).key.private_numbers()
    assert store.chain == (authority().certificate,)
    with pytest.raises(SecretError):
        open_keystore(path, "another one", ALIAS)


def test_private_files_are_never_overwritten(tmp_path: Path) -> None:
    """A file that somebody put there before is left alone."""
    write_private(tmp_path / "a", b"1")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"1"


def test_keys_stay_out_of_what_is_printed() -> None:
    """A key is not shown where a value that has one is."""
    own = make_authority()
    assert isinstance(own, Authority)
    for text in (repr(own), repr(holder())):
        assert "key=" not in text
    assert b"PRIVATE" not in own.pem


def test_server_certificate_has_its_own_authority(tmp_path: Path) -> None:
    """TLS hangs on an authority of its own, whose key is in no file, for longer than any local platform runs."""
    made = make_server_certificate()
    certificate, key = made.write(tmp_path)
    server = x509.load_pem_x509_certificate(certificate.read_bytes())
    server.verify_directly_issued_by(x509.load_pem_x509_certificate(made.authority))
    assert server.not_valid_after_utc - server.not_valid_before_utc == timedelta(days=366, hours=1)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
