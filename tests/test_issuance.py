"""Tests of whether an assertion is as its STS signed it, however it names the key and whatever algorithms it uses."""

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from conformance.soap.markup import Element, parse, serialise
from conformance.soap.names import DS, ENVELOPED, EXCLUSIVE, INCLUSIVE, INCLUSIVE11, SAML, XML
from conformance.soap.security.issuance import Holds, Refuted, SignatureState, Unchecked, signature_state
from tests.issuing import (
    between,
    certify,
    issue,
    issuer_serial,
    key_id,
    named,
    root,
    rsa_key,
    rsa_value,
    sts,
    transform,
    x509_data,
)

MORE = "http://www.w3.org/2001/04/xmldsig-more#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
COMMENTS = "WithComments"


def state(data: bytes, *trusted: x509.Certificate) -> SignatureState:
    """Return what is known of an assertion, by the STS's own certificate unless told otherwise."""
    return signature_state(parse(data), trusted or (sts(),))


NAMED = {
    "serial number": f"<ds:X509Data>{issuer_serial(sts())}</ds:X509Data>",
    "key identifier": f"<ds:X509Data>{key_id(sts())}</ds:X509Data>",
    "value": rsa_value(sts()),
    "key name": "<ds:KeyName>sts</ds:KeyName>",
    "nothing": "",
}


@pytest.mark.parametrize("signer", NAMED.values(), ids=NAMED)
def test_signer_without_certificate_is_found_among_the_trusted(signer: str) -> None:
    """The certificate that is trusted shows whether the signature holds, whatever names the key."""
    assert state(issue(signer=signer), root(), sts()) == Holds()


@pytest.mark.parametrize("signer", NAMED.values(), ids=NAMED)
def test_signer_who_is_not_among_the_trusted_is_not_known(signer: str) -> None:
    """An authority alone does not show who has signed: it is said so, and what would."""
    found = state(issue(signer=signer), root(), between())
    assert isinstance(found, Unchecked)
    assert found.reason.startswith("its signature names no certificate")
    assert "trust.sts_ca" in found.needs


@pytest.mark.parametrize("name", ["serial number", "key identifier", "value"])
def test_altered_assertion_is_told_where_the_signer_is_known(name: str) -> None:
    """A key that is surely meant, and does not verify, shows an alteration."""
    altered = issue(signer=NAMED[name]).replace(b">true<", b">false<")
    found = state(altered)
    assert isinstance(found, Refuted)
    assert found.reason.startswith("the signature does not hold")


def test_altered_assertion_is_told_by_the_value_of_a_key_that_nobody_knows() -> None:
    """A key value shows whether the signature holds, though not whose it is."""
    altered = issue(signer=rsa_value(sts())).replace(b">true<", b">false<")
    assert isinstance(state(altered, root()), Refuted)


def test_key_name_of_nobody_is_no_alteration() -> None:
    """Where nothing says whose key it is, a signature that no trusted key verifies may be another's."""
    found = state(issue(signer=NAMED["key name"]).replace(b">true<", b">false<"))
    assert isinstance(found, Unchecked)
    assert "the name 'sts'" in found.reason


CHAINS = {
    "signer alone": x509_data(sts()),
    "signer first": x509_data(sts(), between()),
    "signer last": x509_data(root(), between(), sts()),
    "two X509Data": x509_data(between()) + x509_data(sts()),
    "serial number besides": x509_data(between(), sts(), more=issuer_serial(sts())),
}


@pytest.mark.parametrize("signer", CHAINS.values(), ids=CHAINS)
def test_chain_is_followed_in_any_order(signer: str) -> None:
    """The signer may be trusted, or its authority, or one above those that the signature brings along."""
    data = issue(signer=signer)
    assert state(data) == state(data, between()) == Holds()
    is_whole = signer.count("X509Certificate>") > 2
    assert isinstance(state(data, root()), Holds if is_whole else Refuted)


def test_certificate_that_is_no_authority_leads_nowhere() -> None:
    """Whoever has a certificate below the authority cannot make an STS of it."""
    stranger = certify("STS", rsa_key("stranger"), rsa_key("sts"), "STS")
    found = state(issue(signer=x509_data(stranger, sts()), key=rsa_key("stranger")), between())
    assert isinstance(found, Refuted)
    assert found.reason.endswith("which is not trusted")


LEGAL = {
    "comments in the transform": issue(transforms=(transform(ENVELOPED), transform(EXCLUSIVE + COMMENTS))),
    "comments in SignedInfo": issue(form=EXCLUSIVE + COMMENTS),
    "a comment that is signed": issue(
        transforms=(transform(ENVELOPED), transform(EXCLUSIVE + COMMENTS)),
        value="<saml:AttributeValue>tr<!-- x -->ue</saml:AttributeValue>",
    ),
    "SHA-512": issue(algorithm=f"{MORE}rsa-sha512", digest=f"{XENC}sha512"),
    "RSASSA-PSS": issue(algorithm="http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"),
}


@pytest.mark.parametrize("data", LEGAL.values(), ids=LEGAL)
def test_legal_algorithms_are_verified(data: bytes) -> None:
    """What XML Signature allows, and proves what it should, is verified, and its alteration found."""
    assert state(data) == Holds()
    assert isinstance(state(data.replace(b"CN=x", b"CN=y")), Refuted)


def test_signature_of_an_ec_key_is_verified() -> None:
    """An STS may have an EC key."""
    key = ec.generate_private_key(ec.SECP384R1())
    certificate = certify("STS", key, rsa_key("root"))
    data = issue(signer=x509_data(certificate), key=key, algorithm=f"{MORE}ecdsa-sha384", digest=f"{MORE}sha384")
    assert state(data, root()) == state(data, certificate) == Holds()


INCLUSIVE_FORMS = {
    "1.0": (INCLUSIVE, (transform(ENVELOPED), transform(INCLUSIVE))),
    "1.0 with comments": (f"{INCLUSIVE}#{COMMENTS}", (transform(ENVELOPED), transform(f"{INCLUSIVE}#{COMMENTS}"))),
    "1.1": (INCLUSIVE11, (transform(ENVELOPED), transform(INCLUSIVE11))),
    "SignedInfo only": (INCLUSIVE, (transform(ENVELOPED), transform(EXCLUSIVE))),
    "none named": (EXCLUSIVE, (transform(ENVELOPED),)),
}


@pytest.mark.parametrize(("form", "transforms"), INCLUSIVE_FORMS.values(), ids=INCLUSIVE_FORMS)
def test_inclusive_form_is_verified_where_it_can_be(form: str, transforms: tuple[str, ...]) -> None:
    """It holds where nothing stands around the assertion; where it does not, nobody knows why."""
    data = issue(form=form, transforms=transforms)
    assert state(data) == Holds(alone=True)
    found = state(data.replace(b"<saml:Assertion", b'<saml:Assertion xmlns:lost="urn:x"', 1).replace(b"CN=x", b"CN=y"))
    assert isinstance(found, Unchecked)
    assert "canonicalisation" in found.reason


UNCHECKED = {
    "XPath": issue().replace(f"{DS}enveloped-signature".encode(), b"http://www.w3.org/TR/1999/REC-xpath-19991116"),
    "keyed hash": issue().replace(f"{MORE}rsa-sha256".encode(), f"{MORE}hmac-sha256".encode()),
    "digest of the future": issue().replace(f"{XENC}sha256".encode(), b"urn:sha4"),
}


@pytest.mark.parametrize("data", UNCHECKED.values(), ids=UNCHECKED)
def test_algorithm_that_is_not_known_is_not_checked(data: bytes) -> None:
    """Nothing is said of the assertion but that its signature was not checked, and by what algorithm it is."""
    found = state(data)
    assert isinstance(found, Unchecked), found
    assert "is not checked: the " in found.reason


UNFIT = {
    "SHA-1": issue().replace(f"{MORE}rsa-sha256".encode(), f"{DS}rsa-sha1".encode()),
    "SHA-1 digest": issue().replace(f"{XENC}sha256".encode(), f"{DS}sha1".encode()),
    "MD5": issue().replace(f"{MORE}rsa-sha256".encode(), f"{MORE}rsa-md5".encode()),
    "whole document": issue(uri=""),
}


@pytest.mark.parametrize("data", UNFIT.values(), ids=UNFIT)
def test_way_of_signing_that_no_service_takes_is_the_issuers(data: bytes) -> None:
    """A weak algorithm, or a signature that covers whatever document it stands in, is no damage of the file."""
    found = state(data)
    assert isinstance(found, Refuted)
    assert found.unfit


def _wrapped(_: Element) -> Element:
    """Put a forged assertion around the one that is signed, with its signature."""
    signed = parse(issue())
    forged = parse(issue().replace(b"CN=x", b"CN=y"))
    forged.set("AssertionID", "_forged")
    forged.replace(forged[-1], signed[-1])
    advice = etree.SubElement(forged, f"{{{SAML}}}Advice")
    advice.append(signed)
    return forged


def _same_id(element: Element) -> Element:
    """Put an element with the assertion's id into it."""
    etree.SubElement(element[0], f"{{{SAML}}}DoNotCacheCondition", {f"{{{XML}}}id": "_a1"})
    return element


def _same_assertion_id(element: Element) -> Element:
    etree.SubElement(element[0], f"{{{SAML}}}Assertion", AssertionID="_a1")
    return element


def _other_id(element: Element) -> Element:
    element.set("AssertionID", "_other")
    return element


ATTACKS: dict[str, tuple[Callable[[Element], Element], str]] = {
    "wrapped": (_wrapped, "its signature covers something else than the whole assertion"),
    "id given twice": (_same_id, "the id '_a1', which its signature covers, is given twice"),
    "id of two assertions": (_same_assertion_id, "the id '_a1', which its signature covers, is given twice"),
    "other id": (_other_id, "its signature covers something else than the whole assertion"),
}


@pytest.mark.parametrize(("attack", "words"), ATTACKS.values(), ids=ATTACKS)
def test_signature_that_covers_something_else_is_told(attack: Callable[[Element], Element], words: str) -> None:
    """Whatever stands beside, around or in it, the assertion that is read has to be the one that is signed."""
    found = state(serialise(attack(parse(issue()))))
    assert found == Refuted(words)


def test_certificate_that_is_damaged_is_told_whoever_is_trusted() -> None:
    """A certificate that cannot be read is no missing one."""
    damaged = issue().replace(b"<ds:X509Certificate>MII", b"<ds:X509Certificate>AII")
    assert damaged.count(b">AII") == 2
    found = state(damaged)
    assert found == Refuted("a certificate in it cannot be read")


def test_stranger_is_named() -> None:
    """Who has signed is told by the certificate that the signature brings."""
    stranger = certify("Stranger", rsa_key("stranger"), rsa_key("stranger"))
    found = state(issue(signer=x509_data(stranger), key=rsa_key("stranger")))
    assert found == Refuted(f"it is signed by {named('Stranger').rfc4514_string()!r}, which is not trusted")
