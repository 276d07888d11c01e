"""Tests of what is taken out of an STS's answer: the right assertion, with all that its surroundings gave it."""

import time

import pytest

from conformance.soap.markup import parse
from conformance.soap.message import issued_assertion
from conformance.soap.names import ENVELOPED, EXCLUSIVE, INCLUSIVE, SAML, SAML2, SOAP, SOAP12, WSSE, WST, XENC, XSD
from conformance.soap.security.issuance import Holds, signature_state
from conformance.soap.security.saml import SamlError, UnsupportedAssertionError, element_of, read_assertion
from tests.issuing import ANSWER, issue, prefixes, sts, transform

XSI = "http://www.w3.org/2001/XMLSchema-instance"
XS = f' xmlns:xs="{XSD}"'
TYPED = f'<saml:AttributeValue xmlns:xsi="{XSI}" xsi:type="xs:string">true</saml:AttributeValue>'
LISTED = (transform(ENVELOPED), transform(EXCLUSIVE, prefixes("xs #default")))
INCLUSIVELY = (transform(ENVELOPED), transform(INCLUSIVE))
RESPONSE = f'<t:RequestedSecurityToken xmlns:t="{WST}">@</t:RequestedSecurityToken>'
SURROUNDINGS = {
    "plain": issue(around=ANSWER % ""),
    "prefix of its content above": issue(around=ANSWER % XS, value=TYPED),
    "ampersand in a namespace above": issue(
        around=ANSWER % f'{XS} xmlns:xx="urn:a&amp;b"', value=TYPED.replace("true", "xx:y")
    ),
    "prefix in a list above": issue(around=ANSWER % XS, value=TYPED, transforms=LISTED),
    "own prefix above": issue(around=ANSWER % f' xmlns:saml="{SAML}"', space=""),
    "default namespace above": issue(around=ANSWER % ' xmlns="urn:own"', value="<Own/>"),
    "default namespace in a list": issue(around=ANSWER % ' xmlns="urn:own"', value="<Own/>", transforms=LISTED),
    "default namespace of a type": issue(around=ANSWER % f' xmlns="{XSD}"', value=TYPED.replace("xs:", "")),
    "language above, exclusive": issue(around=ANSWER % ' xml:lang="fr"'),
    "SignedInfo in inclusive form": issue(around=ANSWER % XS, form=INCLUSIVE),
    "inclusive form": issue(around=ANSWER % XS, form=INCLUSIVE, transforms=INCLUSIVELY),
    "language above, inclusive": issue(
        around=ANSWER % ' xml:lang="fr" xml:space="preserve"', form=INCLUSIVE, transforms=INCLUSIVELY
    ),
    "base above, no form named": issue(
        around=ANSWER % ' xml:base="http://x/"', form=INCLUSIVE, transforms=INCLUSIVELY[:1]
    ),
    "SOAP 1.2": issue(around=(ANSWER % "").replace(SOAP, SOAP12)),
    "one response, no collection": issue(around=RESPONSE),
    "older WS-Trust": issue(around=(ANSWER % "").replace(WST, "http://schemas.xmlsoap.org/ws/2005/02/trust")),
    "response of SAML 1.1": issue(around='<p:Response xmlns:p="urn:oasis:names:tc:SAML:1.0:protocol">@</p:Response>'),
}


@pytest.mark.parametrize("answer", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_assertion_that_is_taken_out_verifies_as_before(answer: bytes) -> None:
    """Whatever stands around an assertion, its signature holds where it stands alone."""
    taken = issued_assertion(answer)
    assert isinstance(signature_state(element_of(taken), (sts(),)), Holds)
    assert read_assertion(taken.data).data == taken.data


@pytest.mark.parametrize("answer", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_saved_answer_is_read_as_the_one_that_was_sent(answer: bytes) -> None:
    """A file that holds an STS's whole answer gives the same bytes as the answer itself."""
    assert read_assertion(answer).data == issued_assertion(answer).data


def test_prefix_that_only_the_content_uses_stays_declared() -> None:
    """A type's prefix is one of the namespaces in scope, though no element and no attribute has it."""
    value = next(
        element_of(issued_assertion(SURROUNDINGS["prefix of its content above"])).iter(f"{{{SAML}}}AttributeValue")
    )
    assert value.nsmap["xs"] == XSD


def test_bytes_are_kept_where_nothing_is_missing() -> None:
    """Declarations above that nothing in the assertion uses are not added to it."""
    answer = issue(around=ANSWER % XS)
    taken = issued_assertion(answer).data
    assert taken in answer
    assert b"xmlns:xs" not in taken


def test_bytes_are_kept_but_for_what_is_added_to_the_first_tag() -> None:
    """Line ends, quotes and character references stay as they were issued."""
    answer = SURROUNDINGS["prefix of its content above"].replace(b'Issuer="', b"Issuer\n =\t'", 1)
    answer = answer.replace(b'sts:1_0" ', b"sts:1_0'   ", 1)
    taken = issued_assertion(answer).data
    assert taken.startswith(f'<saml:Assertion xmlns:xs="{XSD}" xmlns:saml='.encode())
    assert taken.replace(f' xmlns:xs="{XSD}"'.encode(), b"", 1) in answer


def _secured(header: str, body: str) -> str:
    return (
        f'<e:Envelope xmlns:e="{SOAP}"><e:Header><w:Security xmlns:w="{WSSE}">{header}</w:Security></e:Header>'
        f"<e:Body>{body}</e:Body></e:Envelope>"
    )


def test_assertion_that_secures_the_answer_is_not_the_one_that_is_asked_for() -> None:
    """An STS that signs its answer by an assertion of its own gives the one in RequestedSecurityToken."""
    own = issue(name="_ofTheSts").decode()
    answer = issue(around=_secured(own, RESPONSE), name="_ofTheCaller")
    assert issued_assertion(answer).id == "_ofTheCaller"
    assert issued_assertion(issue(around=_secured(own, "<r>@</r>"), name="_ofTheCaller")).id == "_ofTheCaller"


def test_assertion_within_an_assertion_is_passed_over() -> None:
    """Advice may hold assertions too: the outer one is taken whole."""
    inner = issue(name="_inner").decode()
    answer = issue(around=ANSWER % "", value=f"<saml:AttributeValue>{inner}</saml:AttributeValue>", name="_outer")
    taken = issued_assertion(answer)
    assert (taken.id, taken.data.count(b"</saml:Assertion>")) == ("_outer", 2)


def test_second_token_is_taken_by_its_place() -> None:
    """The bytes are those of the element that was chosen, however many of its name stand before it."""
    first = issue(name="_1").decode()
    answer = f"<r>{first}{issue(around=RESPONSE, name='_2').decode()}</r>".encode()
    assert issued_assertion(answer).id == "_2"
    assert isinstance(signature_state(element_of(issued_assertion(answer)), (sts(),)), Holds)


NOT_TAKEN = {
    "encrypted": ('<x:EncryptedAssertion xmlns:x="urn:x"/>', "but one that is encrypted, which is not supported"),
    "encrypted data": (f'<x:EncryptedData xmlns:x="{XENC}"/>', "but one that is encrypted, which is not supported"),
    "SAML 2.0": (f'<s:Assertion xmlns:s="{SAML2}"/>', "but one of SAML 2.0, which is not supported"),
}


@pytest.mark.parametrize(("token", "words"), NOT_TAKEN.values(), ids=NOT_TAKEN)
def test_token_of_another_kind_is_said_to_be_one(token: str, words: str) -> None:
    """What is there in the place of a SAML 1.1 assertion is named, in an answer and in a file."""
    for data in ((ANSWER % "").replace("@", token).encode(), token.encode()):
        with pytest.raises(UnsupportedAssertionError, match=words):
            issued_assertion(data)
        with pytest.raises(UnsupportedAssertionError, match=words):
            read_assertion(data)


def test_token_of_an_unknown_kind_is_named() -> None:
    """An answer whose token is something else says what it is."""
    with pytest.raises(SamlError, match="RequestedSecurityToken holds BinarySecurityToken"):
        issued_assertion((ANSWER % "").replace("@", "<BinarySecurityToken/>").encode())


def test_encrypted_token_of_the_answers_own_header_does_not_matter() -> None:
    """What secures the answer is not looked at."""
    answer = issue(around=_secured(f'<x:EncryptedData xmlns:x="{XENC}"/>', RESPONSE))
    assert issued_assertion(answer).id == "_a1"


def test_refusal_in_soap_12_is_quoted() -> None:
    """The reason of a SOAP 1.2 fault stands in other elements."""
    fault = f'<e:Fault xmlns:e="{SOAP12}"><e:Reason><e:Text>unknown key</e:Text></e:Reason></e:Fault>'
    with pytest.raises(SamlError, match="it refuses: unknown key"):
        issued_assertion(fault.encode())


def test_answer_full_of_names_and_namespaces_is_read_in_time_in_proportion() -> None:
    """900 declarations above, and an assertion of megabytes, are no reason to search it once for each."""
    spaces = "".join(f' xmlns:p{place}="urn:{place}"' for place in range(900))
    value = "<saml:AttributeValue>" + "a" * 3_000_000 + " p1:x" * 200_000 + "</saml:AttributeValue>"
    answer = issue(around=ANSWER % spaces, value=value)
    started = time.process_time()
    taken = issued_assertion(answer)
    assert time.process_time() - started < 30
    assert parse(taken.data).nsmap.get("p1") == "urn:1"


def test_refused_request_that_is_repeated_is_no_token() -> None:
    """A fault that quotes an assertion is a fault."""
    detail = (
        f"<faultcode>e:Client</faultcode><faultstring>no such claim</faultstring><detail>{issue().decode()}</detail>"
    )
    answer = f'<e:Envelope xmlns:e="{SOAP}"><e:Body><e:Fault>{detail}</e:Fault></e:Body></e:Envelope>'
    with pytest.raises(SamlError, match="it refuses: no such claim"):
        issued_assertion(answer.encode())


HOSTILE = {
    "tokens in tokens": "<RequestedSecurityToken>" * 200 + "<b/>" * 200_000 + "</RequestedSecurityToken>" * 200,
    "a deep header": f'<e:Envelope xmlns:e="{SOAP}"><e:Header>'
    + "<a>" * 200
    + f'<s:Assertion xmlns:s="{SAML}"/>' * 80_000
    + "</a>" * 200
    + "</e:Header></e:Envelope>",
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_answer_of_a_hostile_shape_is_read_in_seconds(answer: str) -> None:
    """Depth and number together do not make the search for a token long."""
    started = time.process_time()
    with pytest.raises(SamlError, match="there is no assertion in it"):
        issued_assertion(answer.encode())
    assert time.process_time() - started < 30
