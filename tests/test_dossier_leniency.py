"""Tests of what a careless DossierNumberGeneration of the local platform overlooks."""

from collections.abc import Sequence

import pytest

from conformance.checks.request_problem import RequestProblem
from conformance.checks.secured_request import CHECKS, name_of
from conformance.checks.soap_request import ExpectedRequest, Incoming, request_problems
from conformance.contracts.loading import load_spec
from conformance.mock.authority import KeyKind
from conformance.mock.dossier.leniency import (
    CONCERNS,
    CallerSequences,
    careful_checks,
    known_names,
    read_carelessly,
)
from conformance.mock.dossier_number_generation import serve
from conformance.mock.sts import ISSUER
from conformance.model.exchange import Request
from conformance.soap.markup import parse, serialise
from tests.signing import NOW, SIGNATURE, authority, contract, message, part, security

REQUEST = (
    b"<r><Criteria><Requester><InstitutionIdentifier><Nihii>1-23456-25</Nihii></InstitutionIdentifier>"
    b"<PersonIdentifier>850615996901</PersonIdentifier></Requester></Criteria></r>"
)
PERSON, NIHII = "Criteria/Requester/PersonIdentifier", "Criteria/Requester/InstitutionIdentifier/Nihii"


def _problems(kind: KeyKind, without: Sequence[str]) -> list[RequestProblem]:
    """Return what a careless gateway says of a person's message whose signature value is empty."""
    root = message(kind)
    next(part(security(root), SIGNATURE).iter("{*}SignatureValue")).text = ""
    own = contract()
    action = next(iter(own.operations.values())).action
    headers = (("Content-Type", "text/xml"), ("SOAPAction", f'"{action}"'))
    expected = ExpectedRequest(tuple(own.operations.values()), own.problems, (authority().certificate,), ISSUER)
    incoming = Incoming(Request("POST", "http://localhost/", headers, serialise(root)), expected, NOW)
    return list(request_problems(incoming, careful_checks(without)))


@pytest.mark.parametrize(
    ("kind", "without", "refused"),
    [
        (KeyKind.P256, [], ["signature_holds"]),
        (KeyKind.P256, ["signature_holds"], []),
        (KeyKind.P256, ["signature_holds of person"], []),
        (KeyKind.P256, ["signature_holds of nihii_institution"], ["signature_holds"]),
        (KeyKind.P256, ["signature_holds of cbe_institution", "signature_holds of person"], []),
        (KeyKind.P256, ["signature_holds of rsa"], ["signature_holds"]),
        (KeyKind.RSA, ["signature_holds of rsa"], []),
        (KeyKind.RSA, ["body_signed of rsa"], ["signature_holds"]),
    ],
)
def test_check_is_left_out_for_the_messages_that_are_named(
    kind: KeyKind, without: list[str], refused: list[str]
) -> None:
    """A check is made of all other messages, and every other check of these."""
    assert [problem.check for problem in _problems(kind, without)] == refused


def test_checks_keep_their_order_and_names() -> None:
    """The first problem is what a caller hears, so that a check stays at its place."""
    names = [name_of(check) for check in careful_checks(["body_signed of rsa", "values_valid of small_gender"])]
    assert names == [name_of(check) for check in CHECKS]


def test_every_check_may_be_left_out_for_each_concern() -> None:
    """What a fault may name is known before a platform is started with it."""
    assert {f"signature_holds of {concern}" for concern in CONCERNS} <= set(known_names())


@pytest.mark.parametrize("name", ["signature_holds of nobody", "no_such_check", "of rsa", "signature_holds of"])
def test_what_nobody_knows_cannot_be_left_out(name: str) -> None:
    """A slip in a fault ends in an error, and not in a platform without a fault."""
    with pytest.raises(LookupError, match=name):
        serve(load_spec("dossier-number-generation"), "http://localhost", [name])


@pytest.mark.parametrize(
    ("without", "person", "nihii"),
    [
        ([], "850615996901", "1-23456-25"),
        (["signs_of_numbers"], "850615996901", "12345625"),
        (["odd_numbers"], None, None),
        (["length_of_numbers"], "85061599690", "1-23456-"),
        (["signature_holds"], "850615996901", "1-23456-25"),
    ],
)
def test_numbers_are_read_with_less_care(without: list[str], person: str | None, nihii: str | None) -> None:
    """Signs are left out, odd numbers are not seen, long ones are cut; what was asked stays as it is."""
    asked = parse(REQUEST)
    read = read_carelessly(asked, without)
    assert (read.findtext(PERSON), read.findtext(NIHII)) == (person, nihii)
    assert (asked.findtext(PERSON), asked.findtext(NIHII)) == ("850615996901", "1-23456-25")


def test_callers_count_for_themselves() -> None:
    """Each caller's numbers begin with the first, which another caller's have had."""
    sequences = CallerSequences()
    assert [sequences(caller) for caller in "aabab"] == [
        "CV-0000001",
        "CV-0000002",
        "CV-0000001",
        "CV-0000003",
        "CV-0000002",
    ]
