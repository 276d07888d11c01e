"""Ways to break the security or the form of a message in exactly one place, signed again where the break allows it.

A mutation changes a message once it is signed; `renew` makes digests and signature fit again, so that nothing but
the one thing is wrong. Must not send anything, nor know which service is asked.
"""

import copy
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from lxml import etree

from conformance.soap.malformed import (
    as_soap12,
    change_prefixes,
    cover_assertion,
    cut,
    drop_body,
    empty_body,
    foreign_header,
    second_child,
    unknown_operation,
    weaken,
    with_document_type,
    without_envelope,
)
from conformance.soap.markup import Element, parse
from conformance.soap.message import SignedDraft
from conformance.soap.names import DS, WSSE, WSU
from conformance.soap.security.foreign_keys import (
    altered_assertion,
    certificate_for_assertion,
    cut_keyed_hash,
    foreign_assertion,
    keyed_hash,
    make_stranger,
    name_of_nobody,
    no_key_info,
    other_key_info,
    own_certificate,
    own_key_value,
    own_token,
    second_caller,
    sign_assertion_oneself,
    unsigned_assertion,
)
from conformance.soap.security.resigning import (
    WRAPPER,
    XPATH,
    XSLT,
    SecurityMutation,
    alter,
    reference_to,
    resign,
    signed_info,
    swap_digit,
)
from conformance.soap.security.wrapping import (
    double_body_first,
    double_body_last,
    double_body_with_same_id,
    ignored,
    refer_elsewhere,
    refer_elsewhere_too,
    refer_to_another_document,
    refer_to_document,
    stylesheet,
    transform_xpath,
    transform_xslt,
    wrap_assertion,
    wrap_in_assertion,
    wrap_timestamp,
    wrapped,
    xpath,
)
from conformance.soap.security.wss import SAML_ID, WSU_ID, instant, sign_enveloped

LATE: Final = timedelta(hours=1)
"""How far a Timestamp is off that no tolerance covers."""
TOLERATED: Final = timedelta(minutes=3)
"""How long ago a message may be made: its minute is over, the five minutes of tolerance are not (section 6.2)."""
LONG: Final = timedelta(minutes=10)
"""A lifetime beyond the minute that the cookbooks ask for."""


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
    alter(draft.body)


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


def _double_security(draft: SignedDraft) -> None:
    """Put a second Security header, with a Timestamp of its own and no signature, before the right one."""
    other = etree.Element(f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
    stamp = copy.deepcopy(draft.stamp)
    stamp.set(WSU_ID, f"_{uuid.uuid4()}")
    other.append(stamp)
    draft.security.addprevious(other)


def _bury_security(draft: SignedDraft) -> None:
    """Put the Security header into another header block."""
    draft.header.remove(draft.security)
    etree.SubElement(draft.header, WRAPPER).append(draft.security)


def _double_timestamp(draft: SignedDraft) -> None:
    stamp = copy.deepcopy(draft.stamp)
    stamp.set(WSU_ID, f"_{uuid.uuid4()}")
    draft.stamp.addprevious(stamp)


def _double_assertion(draft: SignedDraft) -> None:
    """Put a second assertion, which says the same under another id and is signed by nobody known, before the first."""
    root = parse(unsigned_assertion(draft.assertion))
    root.set(SAML_ID, f"_{uuid.uuid4().hex}")
    sign_enveloped(root, SAML_ID, make_stranger(name_of_nobody("IAM")))
    draft.place.addprevious(root)


def _fresh(draft: SignedDraft) -> Element:
    """Return a Timestamp that is not signed and holds now, where the signed one is over."""
    stamp = copy.deepcopy(draft.stamp)
    stamp.set(WSU_ID, f"_{uuid.uuid4()}")
    for moment in stamp:
        moment.text = instant(datetime.fromisoformat(str(moment.text)) + LATE)
    return stamp


def _fresh_timestamp_first(draft: SignedDraft) -> None:
    draft.stamp.addprevious(_fresh(draft))


def _fresh_timestamp_last(draft: SignedDraft) -> None:
    draft.security.append(_fresh(draft))


def _fresh_header_first(draft: SignedDraft) -> None:
    draft.security.addprevious(_other_header(draft))


def _fresh_header_last(draft: SignedDraft) -> None:
    draft.security.addnext(_other_header(draft))


def _other_header(draft: SignedDraft) -> Element:
    other = etree.Element(f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
    other.append(_fresh(draft))
    return other


def _empty_security(draft: SignedDraft) -> None:
    for child in list(draft.security):
        draft.security.remove(child)


def _empty_signature(draft: SignedDraft) -> None:
    next(draft.signature.iter(f"{{{DS}}}SignatureValue")).text = ""


MUTATIONS: Final[Mapping[str, SecurityMutation]] = {
    "no-security": SecurityMutation(_drop_security),
    "no-assertion": SecurityMutation(_drop_assertion),
    "no-signature": SecurityMutation(_drop_signature),
    "no-timestamp": SecurityMutation(_drop_timestamp),
    "body-unsigned": SecurityMutation(_uncover_body),
    "timestamp-unsigned": SecurityMutation(_uncover_timestamp),
    "body-altered": SecurityMutation(_alter_body),
    "timestamp-altered": SecurityMutation(_alter_timestamp),
    "assertion-altered": SecurityMutation(assertion=altered_assertion),
    "assertion-unsigned": SecurityMutation(assertion=unsigned_assertion),
    "assertion-foreign": SecurityMutation(assertion=foreign_assertion),
    "assertion-of-another": SecurityMutation(other=True),
    "assertion-expired": SecurityMutation(expired=True),
    "assertion-denied": SecurityMutation(denied=True),
    "digest-altered": SecurityMutation(_alter_digest),
    "signature-altered": SecurityMutation(_alter_signature),
    "foreign-key": SecurityMutation(foreign_key=True),
    "own-certificate": SecurityMutation(own_certificate),
    "own-token": SecurityMutation(own_token),
    "own-key-value": SecurityMutation(own_key_value),
    "keyed-hash": SecurityMutation(keyed_hash),
    "keyed-hash-cut": SecurityMutation(cut_keyed_hash),
    "certificate-for-assertion": SecurityMutation(certificate_for_assertion),
    "assertion-by-caller": SecurityMutation(sign_assertion_oneself),
    "assertions-of-two": SecurityMutation(second_caller, borrow=True),
    "empty-security": SecurityMutation(_empty_security),
    "signature-empty": SecurityMutation(_empty_signature),
    "no-key-info": SecurityMutation(no_key_info),
    "other-key-info": SecurityMutation(other_key_info),
    "wrapped-in-header": SecurityMutation(wrapped(lambda draft: draft.header)),
    "wrapped-with-same-id": SecurityMutation(
        wrapped(lambda draft: draft.header, same_id=True)
    ),
    "wrapped-behind-with-same-id": SecurityMutation(
        wrapped(lambda draft: draft.envelope, same_id=True)
    ),
    "wrapped-in-signature": SecurityMutation(
        wrapped(lambda draft: draft.signature, f"{{{DS}}}Object")
    ),
    "wrapped-in-assertion": SecurityMutation(wrap_in_assertion),
    "wrapped-timestamp": SecurityMutation(wrap_timestamp),
    "wrapped-in-security": SecurityMutation(wrapped(lambda draft: draft.security)),
    "assertion-wrapped": SecurityMutation(wrap_assertion),
    "doubled-body-same-id": SecurityMutation(double_body_with_same_id),
    "doubled-body-first": SecurityMutation(double_body_first),
    "doubled-body-last": SecurityMutation(double_body_last),
    "transform-xpath": SecurityMutation(transform_xpath),
    "transform-xslt": SecurityMutation(transform_xslt),
    "transform-xpath-ignored": SecurityMutation(ignored(XPATH, xpath)),
    "transform-xslt-ignored": SecurityMutation(ignored(XSLT, stylesheet)),
    "transform-unknown": SecurityMutation(ignored("urn:example:transform")),
    "reference-elsewhere-too": SecurityMutation(refer_elsewhere_too),
    "reference-document-other": SecurityMutation(refer_to_another_document),
    "reference-elsewhere": SecurityMutation(refer_elsewhere),
    "reference-document": SecurityMutation(refer_to_document),
    "two-security-headers": SecurityMutation(_double_security),
    "buried-security-header": SecurityMutation(_bury_security),
    "two-timestamps": SecurityMutation(_double_timestamp),
    "two-assertions": SecurityMutation(_double_assertion),
    "fresh-timestamp-first": SecurityMutation(_fresh_timestamp_first, shift=-LATE),
    "fresh-timestamp-last": SecurityMutation(_fresh_timestamp_last, shift=-LATE),
    "fresh-header-first": SecurityMutation(_fresh_header_first, shift=-LATE),
    "fresh-header-last": SecurityMutation(_fresh_header_last, shift=-LATE),
    "expired": SecurityMutation(shift=-LATE),
    "future": SecurityMutation(shift=LATE),
    "tolerated": SecurityMutation(shift=-TOLERATED),
    "long-lifetime": SecurityMutation(lifetime=LONG),
    "replay": SecurityMutation(replay=True),
    "sha1": SecurityMutation(weaken),
    "token-signed": SecurityMutation(cover_assertion),
    "other-prefixes": SecurityMutation(change_prefixes),
    "not-well-formed": SecurityMutation(raw=cut),
    "document-type": SecurityMutation(raw=with_document_type),
    "not-soap": SecurityMutation(raw=without_envelope),
    "soap12": SecurityMutation(as_soap12),
    "soap12-media-type": SecurityMutation(
        as_soap12, headers={"Content-Type": "application/soap+xml; charset=UTF-8"}
    ),
    "media-type": SecurityMutation(headers={"Content-Type": "application/json"}),
    "method-get": SecurityMutation(method="GET"),
    "method-put": SecurityMutation(method="PUT"),
    "no-body": SecurityMutation(drop_body),
    "empty-body": SecurityMutation(empty_body),
    "second-child": SecurityMutation(second_child),
    "unknown-operation": SecurityMutation(unknown_operation),
    "unknown-header": SecurityMutation(foreign_header),
    "other-action": SecurityMutation(
        headers={"SOAPAction": '"urn:example:no-such-action"'}
    ),
    "no-action": SecurityMutation(headers={"SOAPAction": None}),
}
"""Breaches by name."""
OF_THE_FORM: Final = frozenset(
    {
        *(
            "other-prefixes",
            "not-well-formed",
            "document-type",
            "not-soap",
            "soap12",
            "soap12-media-type",
        ),
        *(
            "media-type",
            "method-get",
            "method-put",
            "no-body",
            "empty-body",
            "second-child",
            "unknown-operation",
        ),
        *("other-action", "no-action"),
    }
)
"""Breaches of the form of a message or of its Body; all others are of its header."""
