"""Ways to break the security or the form of a message in exactly one place, signed again where the break allows it.

A mutation changes a message once it is signed; `renew` makes digests and signature fit again, so that only one
thing is wrong. Must not send anything, nor know the service.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from conformance.soap.malformed import (
    as_soap12,
    change_prefixes,
    cover_assertion,
    cut,
    default_namespaces,
    drop_body,
    empty_body,
    foreign_header,
    second_child,
    unknown_operation,
    weaken,
    with_document_type,
    without_envelope,
)
from conformance.soap.message import SignedDraft
from conformance.soap.names import DS, WSU
from conformance.soap.security.doubling import (
    EXPIRED_BY,
    bury_security,
    double_security,
    double_timestamp,
    fresh_header_first,
    fresh_header_last,
    fresh_timestamp_first,
    fresh_timestamp_last,
)
from conformance.soap.security.foreign_keys import (
    certificate_for_assertion,
    certificate_of_another,
    cut_keyed_hash,
    double_assertion,
    foreign_assertion,
    keyed_hash,
    lookalike_certificate,
    lookalike_token,
    no_key_info,
    other_key_info,
    own_certificate,
    own_key_value,
    own_token,
    second_caller,
    sign_assertion_oneself,
    token_of_another,
    unsigned_assertion,
)
from conformance.soap.security.resigning import (
    XPATH,
    XSLT,
    SecurityMutation,
    altered_assertion,
    forged_request,
    put_request,
    reference_to,
    resign,
    signed_info,
    swap_digit,
)
from conformance.soap.security.wrapping import (
    double_body_first,
    double_body_last,
    double_body_with_same_id,
    forge_body_in_header,
    forge_request_in_header,
    forge_without_prefixes_in_header,
    ignored,
    refer_elsewhere,
    refer_elsewhere_too,
    refer_to_another_document,
    refer_to_document,
    stylesheet,
    transform_xpath,
    transform_xslt,
    wrap_assertion,
    wrap_beside_default_namespaces,
    wrap_in_assertion,
    wrap_timestamp,
    wrapped,
    xpath,
)
from conformance.soap.security.wss import instant

WITHIN_TOLERANCE: Final = timedelta(minutes=3)
"""Age of a message whose minute is over, but not the usual tolerance of five minutes for clocks."""
LONG_LIFETIME: Final = timedelta(minutes=10)
"""A lifetime of a Timestamp far beyond the usual minute."""


def _drop_security(draft: SignedDraft) -> None:
    draft.header.remove(draft.security)


def _drop_assertion(draft: SignedDraft) -> None:
    draft.security.remove(draft.place)


def _drop_signature(draft: SignedDraft) -> None:
    draft.security.remove(draft.signature)


def _drop_timestamp(draft: SignedDraft) -> None:
    """Leave out Timestamp and its reference, and sign again."""
    signed_info(draft).remove(reference_to(draft, draft.stamp))
    draft.security.remove(draft.stamp)
    resign(draft)


def _uncover_body(draft: SignedDraft) -> None:
    signed_info(draft).remove(reference_to(draft, draft.body))
    resign(draft)


def _uncover_timestamp(draft: SignedDraft) -> None:
    signed_info(draft).remove(reference_to(draft, draft.stamp))
    resign(draft)


def _alter_body(draft: SignedDraft) -> None:
    put_request(draft.body, forged_request(draft))


def _alter_timestamp(draft: SignedDraft) -> None:
    expires = next(draft.stamp.iter(f"{{{WSU}}}Expires"))
    expires.text = instant(
        datetime.fromisoformat(str(expires.text)) + timedelta(seconds=30)
    )


def _alter_digest(draft: SignedDraft) -> None:
    value = next(reference_to(draft, draft.body).iter(f"{{{DS}}}DigestValue"))
    value.text = swap_digit(str(value.text))
    resign(draft)


def _alter_signature(draft: SignedDraft) -> None:
    value = next(draft.signature.iter(f"{{{DS}}}SignatureValue"))
    value.text = swap_digit("".join(str(value.text).split()))


def _empty_security(draft: SignedDraft) -> None:
    for child in list(draft.security):
        draft.security.remove(child)


def _empty_signature(draft: SignedDraft) -> None:
    next(draft.signature.iter(f"{{{DS}}}SignatureValue")).text = ""


_WSS = "WS-Security 1.1, section"
_WSS_HEADER, _WSS_TIMESTAMP, _WSS_REPLAY = f"{_WSS} 5", f"{_WSS} 10", f"{_WSS} 13.2.1"
_WSS_SIGNATURE, _WSS_TOKEN_SIGNATURE = f"{_WSS} 8.2", f"{_WSS} 8.3"
_SAML_PROFILE = "SAML Token Profile 1.1, section"
_TOKEN_REFERENCE, _HOLDER_OF_KEY = f"{_SAML_PROFILE} 3.3", f"{_SAML_PROFILE} 3.5.1"
_SAML = "SAML 1.1, section"
_SAML_CONDITIONS, _SAML_ATTRIBUTES = f"{_SAML} 2.3.2.1", f"{_SAML} 2.4.4"
_SAML_SIGNATURE = f"{_SAML} 5"
_DSIG = "XML Signature, section"
_REFERENCE_VALIDATION, _SIGNATURE_VALIDATION = f"{_DSIG} 3.2.1", f"{_DSIG} 3.2.2"
_SIGNATURE_METHOD, _DIGEST = f"{_DSIG} 4.3.2", f"{_DSIG} 6.2"
_REFERENCE, _TRANSFORMS = f"{_DSIG} 4.3.3.1", f"{_DSIG} 4.3.3.4"
_SEE_WHAT_IS_SIGNED = f"{_DSIG} 8.1.3"
_SOAP = "SOAP 1.1, section"
_SOAP_XML, _SOAP_ENVELOPE, _SOAP_VERSION = f"{_SOAP} 3", f"{_SOAP} 4", f"{_SOAP} 4.1.2"
_SOAP_HEADER, _SOAP_BODY = f"{_SOAP} 4.2.3", f"{_SOAP} 4.3"
_SOAP_HTTP, _SOAP_ACTION = f"{_SOAP} 6", f"{_SOAP} 6.1.1"
_WSI = "WS-I Basic Profile 1.1,"
_WSI_MALFORMED, _WSI_METHOD, _WSI_MEDIA_TYPE = (
    f"{_WSI} R1113",
    f"{_WSI} R1114",
    f"{_WSI} R1115",
)
_WSI_ONE_CHILD, _WSI_OPERATION, _WSI_ACTION = (
    f"{_WSI} R2201",
    f"{_WSI} R2712",
    f"{_WSI} R2744",
)

MUTATIONS: Final[Mapping[str, SecurityMutation]] = {
    "no-security": SecurityMutation(_WSS_HEADER, _drop_security),
    "no-assertion": SecurityMutation(_HOLDER_OF_KEY, _drop_assertion),
    "no-signature": SecurityMutation(_HOLDER_OF_KEY, _drop_signature),
    "no-timestamp": SecurityMutation(_WSS_TIMESTAMP, _drop_timestamp),
    "body-unsigned": SecurityMutation(_WSS_SIGNATURE, _uncover_body),
    "timestamp-unsigned": SecurityMutation(_WSS_SIGNATURE, _uncover_timestamp),
    "body-altered": SecurityMutation(_REFERENCE_VALIDATION, _alter_body),
    "timestamp-altered": SecurityMutation(_REFERENCE_VALIDATION, _alter_timestamp),
    "assertion-altered": SecurityMutation(_SAML_SIGNATURE, assertion=altered_assertion),
    "assertion-unsigned": SecurityMutation(
        _SAML_SIGNATURE, assertion=unsigned_assertion
    ),
    "assertion-foreign": SecurityMutation(_SAML_SIGNATURE, assertion=foreign_assertion),
    "assertion-of-another": SecurityMutation(_HOLDER_OF_KEY, other=True),
    "assertion-expired": SecurityMutation(_SAML_CONDITIONS, expired=True),
    "assertion-denied": SecurityMutation(_SAML_ATTRIBUTES, denied=True),
    "digest-altered": SecurityMutation(_REFERENCE_VALIDATION, _alter_digest),
    "signature-altered": SecurityMutation(_SIGNATURE_VALIDATION, _alter_signature),
    "foreign-key": SecurityMutation(_HOLDER_OF_KEY, foreign_key=True),
    "own-certificate": SecurityMutation(_HOLDER_OF_KEY, own_certificate),
    "own-token": SecurityMutation(_HOLDER_OF_KEY, own_token),
    "own-key-value": SecurityMutation(_HOLDER_OF_KEY, own_key_value),
    "certificate-of-another": SecurityMutation(
        _HOLDER_OF_KEY, certificate_of_another, other_key=True
    ),
    "token-of-another": SecurityMutation(
        _HOLDER_OF_KEY, token_of_another, other_key=True
    ),
    "lookalike-certificate": SecurityMutation(_HOLDER_OF_KEY, lookalike_certificate),
    "lookalike-token": SecurityMutation(_HOLDER_OF_KEY, lookalike_token),
    "keyed-hash": SecurityMutation(_SIGNATURE_METHOD, keyed_hash),
    "keyed-hash-cut": SecurityMutation(_SIGNATURE_METHOD, cut_keyed_hash),
    "certificate-for-assertion": SecurityMutation(
        _HOLDER_OF_KEY, certificate_for_assertion
    ),
    "assertion-by-caller": SecurityMutation(_SAML_SIGNATURE, sign_assertion_oneself),
    "assertions-of-two": SecurityMutation(_HOLDER_OF_KEY, second_caller, borrow=True),
    "empty-security": SecurityMutation(_WSS_HEADER, _empty_security),
    "signature-empty": SecurityMutation(_SIGNATURE_VALIDATION, _empty_signature),
    "no-key-info": SecurityMutation(_TOKEN_REFERENCE, no_key_info),
    "other-key-info": SecurityMutation(_TOKEN_REFERENCE, other_key_info),
    "wrapped-in-header": SecurityMutation(
        _SEE_WHAT_IS_SIGNED, wrapped(lambda draft: draft.header)
    ),
    "wrapped-with-same-id": SecurityMutation(
        _SEE_WHAT_IS_SIGNED, wrapped(lambda draft: draft.header, same_id=True)
    ),
    "wrapped-behind-with-same-id": SecurityMutation(
        _SEE_WHAT_IS_SIGNED, wrapped(lambda draft: draft.envelope, same_id=True)
    ),
    "wrapped-in-signature": SecurityMutation(
        _SEE_WHAT_IS_SIGNED, wrapped(lambda draft: draft.signature, f"{{{DS}}}Object")
    ),
    "wrapped-in-assertion": SecurityMutation(_SEE_WHAT_IS_SIGNED, wrap_in_assertion),
    "wrapped-beside-default-namespaces": SecurityMutation(
        _SEE_WHAT_IS_SIGNED, wrap_beside_default_namespaces
    ),
    "forged-request-in-header": SecurityMutation(
        _SEE_WHAT_IS_SIGNED, forge_request_in_header
    ),
    "forged-body-in-header": SecurityMutation(
        _SEE_WHAT_IS_SIGNED, forge_body_in_header
    ),
    "forged-without-prefixes-in-header": SecurityMutation(
        _SEE_WHAT_IS_SIGNED, forge_without_prefixes_in_header
    ),
    "wrapped-timestamp": SecurityMutation(_SEE_WHAT_IS_SIGNED, wrap_timestamp),
    "wrapped-in-security": SecurityMutation(
        _SEE_WHAT_IS_SIGNED, wrapped(lambda draft: draft.security)
    ),
    "assertion-wrapped": SecurityMutation(_SEE_WHAT_IS_SIGNED, wrap_assertion),
    "doubled-body-same-id": SecurityMutation(
        _SEE_WHAT_IS_SIGNED, double_body_with_same_id
    ),
    "doubled-body-first": SecurityMutation(_SEE_WHAT_IS_SIGNED, double_body_first),
    "doubled-body-last": SecurityMutation(_SEE_WHAT_IS_SIGNED, double_body_last),
    "transform-xpath": SecurityMutation(_TRANSFORMS, transform_xpath),
    "transform-xslt": SecurityMutation(_TRANSFORMS, transform_xslt),
    "transform-xpath-ignored": SecurityMutation(_TRANSFORMS, ignored(XPATH, xpath)),
    "transform-xslt-ignored": SecurityMutation(_TRANSFORMS, ignored(XSLT, stylesheet)),
    "transform-unknown": SecurityMutation(
        _TRANSFORMS, ignored("urn:example:transform")
    ),
    "reference-elsewhere-too": SecurityMutation(_REFERENCE, refer_elsewhere_too),
    "reference-document-other": SecurityMutation(_REFERENCE, refer_to_another_document),
    "reference-elsewhere": SecurityMutation(_REFERENCE, refer_elsewhere),
    "reference-document": SecurityMutation(_REFERENCE, refer_to_document),
    "two-security-headers": SecurityMutation(_WSS_HEADER, double_security),
    "buried-security-header": SecurityMutation(_WSS_HEADER, bury_security),
    "two-timestamps": SecurityMutation(_WSS_TIMESTAMP, double_timestamp),
    "two-assertions": SecurityMutation(_HOLDER_OF_KEY, double_assertion),
    "fresh-timestamp-first": SecurityMutation(
        _WSS_TIMESTAMP, fresh_timestamp_first, shift=-EXPIRED_BY
    ),
    "fresh-timestamp-last": SecurityMutation(
        _WSS_TIMESTAMP, fresh_timestamp_last, shift=-EXPIRED_BY
    ),
    "fresh-header-first": SecurityMutation(
        _WSS_HEADER, fresh_header_first, shift=-EXPIRED_BY
    ),
    "fresh-header-last": SecurityMutation(
        _WSS_HEADER, fresh_header_last, shift=-EXPIRED_BY
    ),
    "expired": SecurityMutation(_WSS_TIMESTAMP, shift=-EXPIRED_BY),
    "future": SecurityMutation(_WSS_TIMESTAMP, shift=EXPIRED_BY),
    "tolerated": SecurityMutation(_WSS_TIMESTAMP, shift=-WITHIN_TOLERANCE),
    "long-lifetime": SecurityMutation(_WSS_TIMESTAMP, lifetime=LONG_LIFETIME),
    "replay": SecurityMutation(_WSS_REPLAY, replay=True),
    "sha1": SecurityMutation(_DIGEST, weaken),
    "token-signed": SecurityMutation(_WSS_TOKEN_SIGNATURE, cover_assertion),
    "tolerated-future": SecurityMutation(_WSS_TIMESTAMP, shift=WITHIN_TOLERANCE),
    "default-namespaces": SecurityMutation(
        _SOAP_XML, default_namespaces, about_header=False
    ),
    "other-prefixes": SecurityMutation(_SOAP_XML, change_prefixes, about_header=False),
    "not-well-formed": SecurityMutation(_WSI_MALFORMED, raw=cut, about_header=False),
    "document-type": SecurityMutation(
        _SOAP_XML, raw=with_document_type, about_header=False
    ),
    "not-soap": SecurityMutation(
        _SOAP_ENVELOPE, raw=without_envelope, about_header=False
    ),
    "soap12": SecurityMutation(_SOAP_VERSION, as_soap12, about_header=False),
    "soap12-media-type": SecurityMutation(
        _SOAP_HTTP,
        as_soap12,
        headers={"Content-Type": "application/soap+xml; charset=UTF-8"},
        about_header=False,
    ),
    "media-type": SecurityMutation(
        _WSI_MEDIA_TYPE,
        headers={"Content-Type": "application/json"},
        about_header=False,
    ),
    "method-get": SecurityMutation(_WSI_METHOD, method="GET", about_header=False),
    "method-put": SecurityMutation(_WSI_METHOD, method="PUT", about_header=False),
    "no-body": SecurityMutation(_SOAP_BODY, drop_body, about_header=False),
    "empty-body": SecurityMutation(_SOAP_BODY, empty_body, about_header=False),
    "second-child": SecurityMutation(_WSI_ONE_CHILD, second_child, about_header=False),
    "unknown-operation": SecurityMutation(
        _WSI_OPERATION, unknown_operation, about_header=False
    ),
    "unknown-header": SecurityMutation(_SOAP_HEADER, foreign_header),
    "other-action": SecurityMutation(
        _WSI_ACTION,
        headers={"SOAPAction": '"urn:example:no-such-action"'},
        about_header=False,
    ),
    "no-action": SecurityMutation(
        _SOAP_ACTION, headers={"SOAPAction": None}, about_header=False
    ),
}
"""The mutations by name, each with the section that makes its message wrong or odd."""
OF_THE_FORM: Final = frozenset(
    name for name, mutation in MUTATIONS.items() if not mutation.about_header
)
"""For judging/soap.py alone, until it asks `about_header` itself."""
