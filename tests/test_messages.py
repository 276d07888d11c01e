"""Tests of SOAP messages in the making: values by role and by caller, what is changed, and what a target lacks."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from conformance.contracts.binding import Binding, bind
from conformance.contracts.loading import load_spec
from conformance.credentials.assertions import Callers
from conformance.evidence.redaction import Redactor
from conformance.formats.documents import dump
from conformance.identifiers.rules import IdentifierKind, check
from conformance.messages.mutated import MessageVariants
from conformance.messages.soap import SoapMessages
from conformance.messages.test_data import CallerData
from conformance.model.case import (
    NUMBER_FORMS,
    ODD_LENGTHS,
    OWN_NOTATIONS,
    SWEEP_KINDS,
    WSDL_STRATEGIES,
    Case,
    Listed,
    Message,
    MessageMutation,
    MutationKind,
    OtherNumbers,
    Property,
    Step,
    Sweep,
    Template,
)
from conformance.model.contract import SoapRules
from conformance.model.errors import MissingDataError
from conformance.soap.editing import SWEEPS
from conformance.strategies.generators import GENERATORS
from tests.peers.dossier_contract import Contract
from tests.peers.dossier_world import CBE, EHP, IDENTITIES, NIHII, PERSON, world

SERVICE = "dossier-number-generation"
SPEC = load_spec(SERVICE)
BINDING = bind(SPEC, {}, Path())
ACTION = "urn:be:fgov:ehealth:dossiernumbergeneration:protocol:v1:GenerateCovidId"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NOW = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
"""A moment at which assertions hold that are issued while the tests go on, however long these take."""
NAMES = {"physician": PERSON, "center": NIHII, "company": CBE, "hub": EHP}
ALL = {
    "own_number": "$own",
    "last_name": "$person.last_name",
    "first_names": "$person.first_names",
    "gender": "$person.gender",
    "phone_number": "$person.phone_number",
}
IDENTIFIERS = {
    "ssin": IdentifierKind.SSIN,
    "nihii": IdentifierKind.NIHII8,
    "cbe": IdentifierKind.CBE,
    "ehp": IdentifierKind.EHP,
}


def rules() -> SoapRules:
    """Return what the cookbook says of the service."""
    found = SPEC.contract.soap
    assert found is not None
    return found


def sections(*names: str) -> dict[str, Any]:
    """Return the callers of a target file, by name."""
    return {name: world().holders[NAMES[name]].section() for name in names}


def messages(
    *names: str,
    callers: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    local: bool = True,
    binding: Binding = BINDING,
    clock: Callable[[], datetime] = lambda: NOW,
) -> SoapMessages:
    """Return the messages of a target with some callers, by default of each kind one."""
    settings = sections(*(names or NAMES)) if callers is None else callers

    def silent(_: object) -> Any:  # noqa: ANN401 - never returns
        raise AssertionError("nothing is to be sent")

    who = Callers(
        settings=settings,
        rules=rules().callers,
        folder=Path(),
        where="callers",
        environment="local" if local else "acceptance",
        send=silent,
        headers=(),
        clock=lambda: NOW,
        redactor=Redactor(),
    )
    given = CallerData(rules(), who, {"callers": settings, "data": data or {}}, local)
    return SoapMessages(binding, given, clock)


def template(message: Message | None = None, operation: str = "generate", **changes: Any) -> Template:  # noqa: ANN401
    """Return a request with all values, its message changed as told."""
    return Template(operation, body=message or replace(Message(values=ALL), **changes))


def body(data: bytes) -> etree._Element:
    """Return the element in a message's Body."""
    return etree.fromstring(data).find(f"{{{SOAP}}}Body")[0]  # type: ignore[index]


def made(source: SoapMessages, one: Template | None = None, repeated: bytes | None = None) -> bytes:
    """Return the bytes of a request; `repeated` is the message sent before."""
    return source.post(one or template(), repeated).body


def told(data: bytes) -> dict[str, str]:
    """Return the texts of a message's Body by the path of local names, and its attributes."""
    root = body(data)
    found = {"@" + str(name): str(value) for name, value in root.attrib.items()}
    for element in root.iter(etree.Element):
        if not len(element):
            above = [etree.QName(one).localname for one in element.iterancestors()][::-1]
            place = [*above[above.index("GenerateCovidIdRequest") + 1 :], etree.QName(element).localname]
            found["/".join(place)] = element.text or ""
    return found


def sent(source: SoapMessages, **changes: Any) -> dict[str, str]:  # noqa: ANN401 - of a message
    """Return what a request says, without id and time."""
    found = told(made(source, template(**changes)))
    return {place: text for place, text in found.items() if not place.startswith("@")}


def lacking(source: SoapMessages, **changes: Any) -> str:  # noqa: ANN401 - of a message
    """Return what a request lacks."""
    with pytest.raises(MissingDataError) as caught:
        source.post(template(**changes))
    return str(caught.value)


def case(name: str, **changes: Any) -> Case:  # noqa: ANN401 - of a case
    """Return a case, changed as told."""
    return replace(SPEC.cases[f"{SERVICE}/{name}"], **changes)


# ------------------------------------------------------------------------------------------------------------- voices


def test_every_caller_of_a_kind_plays_the_case() -> None:
    """A case is played once by each caller of its kind, in the order of the file, and all its requests name it."""
    settings = sections("center", "physician") | {"colleague": sections("physician")["physician"]}
    variants_by_caller = messages(callers=settings).variants_by_caller(case("7.2/all-fields-person"))
    assert [[one.message.caller for one in variant.requests if one.message] for variant in variants_by_caller] == [
        ["physician"] * 2,
        ["colleague"] * 2,
    ]


def test_case_of_no_kind_is_played_by_the_first_caller() -> None:
    """A case that any caller may play is played once."""
    [variant] = messages("company", "physician").variants_by_caller(case("5.2.1.1/no-request-id"))
    assert variant.request.message is not None
    assert variant.request.message.caller == "company"


def test_witness_speaks_for_the_same_caller() -> None:
    """The request that shows whether the service is there is the same caller's, whoever else might be refused."""
    [variant] = messages("physician", "hub").variants_by_caller(case("7.2/last-name-only-ehp-institution"))
    assert variant.availability_probe is not None
    assert variant.availability_probe.request.message is not None
    assert variant.availability_probe.request.message.caller == "hub"


def test_preamble_speaks_for_the_same_caller() -> None:
    """What brings the service into a state is sent by the caller that plays the case."""
    [variant] = messages("physician", "hub").variants_by_caller(
        case("7.2/last-name-only-ehp-institution", preamble=(Step(template()),))
    )
    assert [step.request.message.caller for step in variant.preamble if step.request.message] == ["hub"]


def test_kind_without_a_caller_is_missing_data() -> None:
    """Where the target gives no caller of a kind, that kind is named."""
    with pytest.raises(MissingDataError, match="the target gives no caller of the kind cbe institution"):
        messages("physician").variants_by_caller(case("7.2/last-name-only-cbe-institution"))


def test_target_without_callers_is_missing_data() -> None:
    """Where the target gives no callers at all, nobody can speak."""
    with pytest.raises(MissingDataError, match=r"^the target gives no callers$"):
        messages(callers={}).variants_by_caller(case("5.2.1.1/no-request-id"))
    assert lacking(messages(callers={})) == "the target gives no callers"


def test_others_are_witnesses() -> None:
    """A case's request by each other caller shows whether the service serves anybody."""
    source = messages("physician", "center", "hub")
    [variant] = source.variants_by_caller(case("7.2/last-name-only-nihii-institution"))
    assert [one.message.caller for one in source.availability_probes(variant) if one.message] == ["physician", "hub"]


# -------------------------------------------------------------------------------------------------------------- bytes


@pytest.mark.parametrize("name", NAMES)
def test_request_carries_the_assertion_as_it_was_issued(name: str) -> None:
    """The very bytes of the assertion, however it is written, stand in the Security header once."""
    data = made(messages(name))
    assert data.count(world().holders[NAMES[name]].element) == 1
    security = etree.fromstring(data).find("{*}Header/{*}Security")
    assert security is not None
    assert [etree.QName(one).localname for one in security] == ["Timestamp", "Assertion", "Signature"]


def test_header_fields_make_it_soap() -> None:
    """The action is quoted, and both sides speak text/xml."""
    post = messages().post(template())
    assert post.method == "POST"
    assert post.headers == {
        "Accept": "text/xml",
        "Content-Type": "text/xml; charset=UTF-8",
        "SOAPAction": f'"{ACTION}"',
    }


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("physician", "Criteria/Requester/PersonIdentifier"),
        ("center", "Criteria/Requester/InstitutionIdentifier/Nihii"),
        ("company", "Criteria/Requester/InstitutionIdentifier/Cbe"),
        ("hub", "Criteria/Requester/InstitutionIdentifier/Cbe"),
    ],
)
def test_values_stand_at_their_places(name: str, place: str) -> None:
    """Each role's value stands where the WSDL has it, the caller's number where its kind names itself."""
    assert sent(messages(name)) == {
        place: IDENTITIES[NAMES[name]],
        "Criteria/Person/LastName": "COVID_LASTNAME_TEST",
        "Criteria/Person/FirstNames": "COVID FIRSTNAMES TEST",
        "Criteria/Person/Gender": "F",
        "Criteria/Person/PhoneNumber": "+32470000000",
    }


def test_data_of_the_target_replaces_the_defaults() -> None:
    """The target's person is sent as it is written, what it leaves out is the cookbook's."""
    data = {"person": {"last_name": "D'Hôtel-Müller <&>", "gender": "M"}}
    found = sent(messages(data=data))
    assert found["Criteria/Person/LastName"] == "D'Hôtel-Müller <&>"
    assert found["Criteria/Person/Gender"] == "M"
    assert found["Criteria/Person/FirstNames"] == "COVID FIRSTNAMES TEST"


def test_value_of_none_is_left_out() -> None:
    """A role that is set to nothing does not stand in the message, nor what would hold it alone."""
    found = sent(messages(), values={**ALL, "own_number": None, "first_names": None, "gender": None})
    assert set(found) == {"Criteria/Person/LastName", "Criteria/Person/PhoneNumber"}


def test_id_and_time_are_sent_unless_they_are_left_out() -> None:
    """A request has an id of its own and the time of now; without id it has the time alone."""
    source = messages()
    found = told(made(source))
    assert re.fullmatch(r"_[0-9a-f-]{36}", found["@Id"])
    assert datetime.fromisoformat(found["@IssueInstant"]) == NOW
    less = told(made(source, template(values={**ALL, "request_id": None})))
    assert "@Id" not in less
    assert "@IssueInstant" in less


def test_id_may_be_given() -> None:
    """A message that names its id has that one."""
    assert told(made(messages(), template(values={**ALL, "request_id": "abc-1.2"})))["@Id"] == "abc-1.2"


def test_unique_id_is_another_one_at_each_sending() -> None:
    """What stands for an id of some characters has these and a random part; a lone letter stands for itself."""
    source = messages()
    one, other = (told(made(source, template(values={**ALL, "request_id": "$unique.a.b-"})))["@Id"] for _ in range(2))
    assert one != other
    assert all(re.fullmatch(r"a[0-9a-f]{8}\.b-", found) for found in (one, other))
    assert re.fullmatch("[A-Za-z]", told(made(source, template(values={**ALL, "request_id": "$unique"})))["@Id"])


def official(folder: Path, schema: str, old: str, new: str) -> Binding:
    """Return a binding to a WSDL of another hand, with something changed in one of its schemas."""
    contract = Contract()
    contract.write(folder)
    (folder / "own.wsdl").write_text(contract.wsdl("https://127.0.0.1/covid"), "utf-8")
    path = folder / "schemas" / schema
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    return bind(SPEC, {"wsdl": "own.wsdl"}, folder)


def test_ids_are_bare_where_the_schema_wants_that(tmp_path: Path) -> None:
    """A type of ids that takes no underscore gets a bare UUID."""
    pattern = '<xs:restriction base="xs:string"><xs:pattern value="[0-9a-f-]{36}"/></xs:restriction>'
    bare = f'<xs:attribute name="Id"><xs:simpleType>{pattern}</xs:simpleType></xs:attribute>'
    binding = official(tmp_path, "commons-protocol.xsd", '<xs:attribute name="Id" type="xs:ID"/>', bare)
    assert re.fullmatch(r"[0-9a-f-]{36}", told(made(messages(binding=binding)))["@Id"])


def test_institution_names_itself_and_another_where_the_schema_has_room(tmp_path: Path) -> None:
    """A WSDL that takes a NIHII and a CBE number together gets both of a NIHII institution."""
    choice = (
        '<xs:choice>\n      <xs:element name="Nihii"',
        '<xs:choice maxOccurs="2">\n      <xs:element name="Nihii"',
    )
    source = messages(binding=official(tmp_path, "dossier-core.xsd", *choice))
    [variant] = source.variants_by_caller(case("8/nihii-and-cbe-nihii-institution"))
    place = "Criteria/Requester/InstitutionIdentifier"
    found = told(made(source, variant.request))
    assert found[f"{place}/Nihii"] == IDENTITIES[NIHII]
    assert found[f"{place}/Cbe"]


@pytest.mark.parametrize(
    ("person", "role", "text", "place", "expected"),
    [
        ({}, "phone_number", "$person.phone_number:000012", "PhoneNumber", "+32470000012"),
        (
            {"phone_number": "0470 11 22 33"},
            "phone_number",
            "$person.phone_number:000012",
            "PhoneNumber",
            "0470 00 00 12",
        ),
        ({"phone_number": "112"}, "phone_number", "$person.phone_number:000012", "PhoneNumber", "012"),
        ({}, "last_name", "$person.last_name:A_TEST", "LastName", "A_TEST"),
        ({"last_name": "TESTER"}, "last_name", "$person.last_name:A_TEST", "LastName", "ATEST"),
    ],
)
def test_made_up_person_has_the_form_of_the_own_one(
    person: dict[str, str], role: str, text: str, place: str, expected: str
) -> None:
    """Other last digits of the target's number, no underscore where its name has none."""
    found = sent(messages(data={"person": person}), values={**ALL, role: text})
    assert found[f"Criteria/Person/{place}"] == expected


def test_two_requests_differ_in_ids_and_times_alone() -> None:
    """The same template gives the same message again, but for ids, times, digests and signature."""
    moments = iter(NOW + timedelta(seconds=number) for number in range(100))
    source = messages("company", clock=lambda: next(moments))
    first, second = (made(source).decode() for _ in range(2))
    assert first != second
    varying = (
        r"_(?:body-|timestamp-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        r"(?<=[>\"])\d{4}-\d\d-\d\dT[\d:.]+Z(?=[<\"])",
        r"(?<=DigestValue>)[^<]+",
        r"(?<=SignatureValue>)[^<]+",
    )
    element = world().holders[CBE].element.decode()
    assert first.count(element) == second.count(element) == 1
    alike = [re.sub("|".join(varying), "?", one.replace(element, "")) for one in (first, second)]
    assert alike[0] == alike[1]


# ------------------------------------------------------------------------------------------------------ what is changed


@pytest.mark.parametrize(
    ("role", "gone"),
    [
        ("last_name", {"Criteria/Person/LastName"}),
        ("own_number", {"Criteria/Requester/PersonIdentifier"}),
        ("requester_ssin", {"Criteria/Requester/PersonIdentifier"}),
        ("requester", {"Criteria/Requester/PersonIdentifier"}),
        ("person", {f"Criteria/Person/{name}" for name in ("LastName", "FirstNames", "Gender", "PhoneNumber")}),
    ],
)
def test_role_is_removed_although_the_schema_wants_it(role: str, gone: set[str]) -> None:
    """A value or part that is removed is not there, all else is."""
    source = messages("physician")
    assert set(sent(source)) - set(sent(source, remove=(role,))) == gone


@pytest.mark.parametrize(
    ("role", "text", "place"),
    [
        ("gender", "X", "Criteria/Person/Gender"),
        ("last_name", "", "Criteria/Person/LastName"),
        ("last_name", "   ", "Criteria/Person/LastName"),
        ("last_name", "$person.last_name", "Criteria/Person/LastName"),
        ("own_number", "1", "Criteria/Requester/InstitutionIdentifier/Cbe"),
    ],
)
def test_value_is_replaced_although_the_schema_refuses_it(role: str, text: str, place: str) -> None:
    """What a message replaces stands there as it is written, whatever the schema says."""
    source = messages("company")
    found = sent(source, replace={role: text})
    assert found == {**sent(source), place: text}


def test_edits_are_applied_to_the_request() -> None:
    """Edits change the element in the Body, not what stands around it."""
    edits = (
        MessageMutation(MutationKind.DOUBLE, ("Criteria", "Person", "Gender")),
        MessageMutation(MutationKind.ADD, ("Criteria",)),
    )
    root = body(made(messages(), template(edits=edits)))
    assert len(root.findall(".//Gender")) == 2
    assert [one.tag for one in root[0]][-1] == "NotDeclaredAnywhere"


@pytest.mark.parametrize(
    ("mutation", "body", "assertion", "signature"),
    [
        ("", True, True, True),
        ("no-security", True, False, False),
        ("no-assertion", True, False, True),
        ("no-signature", True, True, False),
        ("assertion-altered", True, False, True),
        ("body-altered", False, True, True),
        ("foreign-key", True, True, True),
        ("two-assertions", True, True, True),
        ("media-type", True, True, True),
    ],
)
def test_breach_changes_one_thing_of_a_message(mutation: str, *, body: bool, assertion: bool, signature: bool) -> None:
    """Only what a breach is about is other than in a right message."""
    source, element = messages("center"), world().holders[NIHII].element
    data = made(source, template(mutation=mutation))
    values = {place: text for place, text in told(data).items() if not place.startswith("@")}
    assert (values == sent(messages("center"))) is body
    assert (element in data) is assertion
    security = etree.fromstring(data).find("{*}Header/{*}Security")
    assert (security is not None and security.find("{*}Signature") is not None) is signature


def test_breach_of_the_headers_changes_them_alone() -> None:
    """What goes over HTTP in another way replaces single header fields, or the method."""
    source = messages()
    right = source.post(template())
    assert source.post(template(mutation="media-type")).headers == {
        **right.headers,
        "Content-Type": "application/json",
    }
    assert source.post(template(mutation="no-action")).headers == {**right.headers, "SOAPAction": None}
    assert source.post(template(mutation="method-put")).method == "PUT"


def test_replay_sends_the_message_before_once_more() -> None:
    """A message that is replayed is the one sent last, byte by byte; without one before it, it is new."""
    source = messages()
    first = made(source, template(mutation="replay"))
    second = made(source)
    assert made(source, template(mutation="replay"), second) == second != first
    assert made(source, template(), second) != second


def test_assertion_of_another_caller_is_borrowed() -> None:
    """The key is the caller's, the assertion that of one who has another key; where there is none, that is said."""
    data = made(messages("physician", "hub"), template(mutation="assertion-of-another"))
    assert world().holders[EHP].element in data
    assert world().holders[PERSON].element not in data
    alone = sections("physician") | {"again": sections("physician")["physician"]}
    said = lacking(messages(callers=alone), mutation="assertion-of-another")
    assert said == "the target gives no second caller whose assertion could be borrowed"


def test_expired_assertion_is_the_targets_own(tmp_path: Path) -> None:
    """A genuine assertion whose time is over cannot be made here; it has to be given, and to have expired."""
    words = "the target gives no callers.physician.expired_assertion"
    assert lacking(messages("physician"), mutation="assertion-expired") == words
    own = sections("physician")["physician"]
    old = tmp_path / "old.saml.xml"
    old.write_bytes(re.sub(rb'NotOnOrAfter="\d{4}', b'NotOnOrAfter="2020', world().holders[PERSON].element))
    given = {"physician": {**own, "expired_assertion": str(old)}}
    assert old.read_bytes() in made(messages(callers=given), template(mutation="assertion-expired"))
    fresh = {"physician": {**own, "expired_assertion": own["assertion"]}}
    assert "has not expired" in lacking(messages(callers=fresh), mutation="assertion-expired")


def test_denied_assertion_is_the_targets_own(tmp_path: Path) -> None:
    """A genuine assertion that gives no access has to be given too, has to hold now, and to give none."""
    words = "the target gives no callers.physician.denied_assertion"
    assert lacking(messages("physician"), mutation="assertion-denied") == words
    own = sections("physician")["physician"]
    denied = tmp_path / "denied.saml.xml"
    denied.write_bytes(world().holders[PERSON].element.replace(b">true<", b">false<"))
    source = messages(callers={"physician": {**own, "denied_assertion": str(denied)}})
    assert denied.read_bytes() in made(source, template(mutation="assertion-denied"))
    admitted = {"physician": {**own, "denied_assertion": own["assertion"]}}
    assert "gives access" in lacking(messages(callers=admitted), mutation="assertion-denied")
    denied.write_bytes(re.sub(rb'NotOnOrAfter="\d{4}', b'NotOnOrAfter="2020', denied.read_bytes()))
    assert "it expired at 2020-" in lacking(source, mutation="assertion-denied")


def test_other_prefixes_are_no_other_message() -> None:
    """All that was built has other prefixes and means the same; the assertion stays as it was issued."""
    source, element = messages("center"), world().holders[NIHII].element
    data = made(source, template(mutation="other-prefixes"))
    values = {place: text for place, text in told(data).items() if not place.startswith("@")}
    assert values == sent(messages("center"))
    assert element in data
    prefixes = set(re.findall(rb"<([\w.-]+):", data.replace(element, b"")))
    assert prefixes
    assert all(re.fullmatch(rb"p[0-9]", one) for one in prefixes)


@pytest.mark.parametrize(("mutation", "minutes"), [("expired", -60), ("future", 60), ("tolerated", -3)])
def test_breach_of_time_shifts_the_timestamp(mutation: str, minutes: int) -> None:
    """A message that is too old or too new says so in its Timestamp, and is signed by its own key."""
    root = etree.fromstring(made(messages(), template(mutation=mutation)))
    created = root.findtext(".//{*}Timestamp/{*}Created")
    assert datetime.fromisoformat(str(created)) == NOW + timedelta(minutes=minutes)


# --------------------------------------------------------------------------------------------------- numbers of others


@pytest.mark.parametrize(
    ("name", "value", "identity"),
    [
        ("physician", "$other", "ssin"),
        ("center", "$other", "nihii"),
        ("company", "$other", "cbe"),
        ("hub", "$other", "ehp"),
        ("physician", "$other.nihii", "nihii"),
    ],
)
def test_number_of_nobody_is_made_up_on_a_local_target(name: str, value: str, identity: str) -> None:
    """Alone on a local target, a caller gets another one's number that is valid, and the same at each run."""
    found = {messages(name).data.value(value, name) for _ in range(3)}
    assert len(found) == 1
    [number] = found
    assert number != IDENTITIES[NAMES[name]]
    assert not check(IDENTIFIERS[identity], number)


def test_number_of_another_is_the_targets_own_where_it_gives_one() -> None:
    """What the target gives as somebody else's number is used before any other."""
    for local in (True, False):
        source = messages("physician", local=local, data={"others": {"ssin": "85061599690"}})
        assert source.data.value("$other", "physician") == "85061599690"


def test_number_of_another_is_another_callers() -> None:
    """A caller with the number wanted serves where the target gives no other."""
    source = messages("physician", "center", local=False)
    assert source.data.value("$other.nihii", "physician") == IDENTITIES[NIHII]


def test_own_number_is_nobody_elses() -> None:
    """The caller's own number never stands for somebody else's, even if the target says so."""
    settings = sections("physician") | {"again": sections("physician")["physician"]}
    data = {"others": {"ssin": IDENTITIES[PERSON]}}
    assert messages(callers=settings, data=data).data.value("$other", "again") != IDENTITIES[PERSON]
    said = lacking(messages(callers=settings, data=data, local=False), values={"requester_ssin": "$other"})
    assert said == "the target gives no data.others.ssin"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", sorted(NUMBER_FORMS))
def test_numbers_of_every_form_stand_in_the_place_of_the_own_one(name: str, form: str) -> None:
    """Whoever calls, numbers of each form are sent, none of them written as the caller's own."""
    source = messages()
    own = IDENTITIES[NAMES[name]]
    role = rules().callers[source.data.callers.kind(name)].role
    asked = replace(case("7.2/all-fields-person"), probe=OtherNumbers(form), request=template(Message(caller=name)))
    sent = [one.message.replace for one in MessageVariants(source).mutations(asked) if one.message]
    numbers = [row["own_number"] for row in sent]
    assert len(set(numbers)) == len(numbers) >= 3
    assert own not in numbers
    same = {"".join(filter(str.isdecimal, number)) == own for number in numbers}
    assert same == {form == OWN_NOTATIONS}
    assert role


def test_number_that_has_no_other_writing_is_missing() -> None:
    """Where the own number is not one of its kind, nothing is made of it."""
    row = sections("center")["center"] | {"requester": {"nihii": "12-34"}}
    source = messages(callers={"center": row})
    for form in (OWN_NOTATIONS, ODD_LENGTHS):
        asked = replace(case("7.2/all-fields-person"), probe=OtherNumbers(form))
        with pytest.raises(MissingDataError, match="could be written in another way"):
            list(MessageVariants(source).mutations(asked))


def test_callers_of_other_sorts_play_what_the_first_one_has_played() -> None:
    """One caller of each other kind and type of key plays a case for others, in the order of the file."""
    source = messages("center", "physician", "hub")
    asked = replace(case("7.2/all-fields-person"), caller="", other_callers=True)
    played = [one.request.message.caller for one in source.variants_by_caller(asked) if one.request.message]
    assert played == ["physician", "hub"]
    again = {**sections("center"), "second": sections("center")["center"]}
    with pytest.raises(MissingDataError, match="no caller of another kind, or with another type of key"):
        messages(callers=again).variants_by_caller(asked)


def test_number_of_another_is_never_made_up_elsewhere() -> None:
    """A number that is nobody's here may be somebody's there."""
    source = messages("physician", local=False)
    said = lacking(source, values={"last_name": "X", "requester_nihii": "$other.nihii"})
    assert said == "the target gives no data.others.nihii"
    with pytest.raises(MissingDataError, match=r"data\.others\.ssin"):
        list(MessageVariants(source).mutations(case("7.2/physician-requester-person")))


def test_own_number_that_nobody_gives_is_missing() -> None:
    """Where neither file nor assertion says who the caller is, the target's key is named."""
    row = {name: value for name, value in sections("center")["center"].items() if name != "requester"}
    said = lacking(messages(callers={"lost": {**row, "kind": "ehp_institution"}}))
    assert said == "the target gives no callers.lost.requester"


def test_test_data_that_nobody_gives_is_missing() -> None:
    """A value that neither the target nor the cookbook has is named by its place."""
    assert (
        lacking(messages(), values={"last_name": "$person.middle_name"})
        == "the target gives no data.person.middle_name"
    )


# ----------------------------------------------------------------------------------------- what a WSDL does not take


def test_data_that_the_schema_does_not_take_is_said_with_a_remedy() -> None:
    """Test data that no valid message can have makes a case not applicable, and says why and what to do."""
    said = lacking(messages(data={"person": {"gender": "X"}}))
    assert said.startswith("the WSDL's schema does not take the test data: ")
    assert "Gender" in said
    assert said.endswith("; give other data")


@pytest.mark.parametrize("text", ["\x00", "a\x08b", "\ud800", "\uffff"])
def test_data_that_xml_cannot_carry_is_said_with_a_remedy(text: str) -> None:
    """Characters that XML 1.0 does not have are a matter of the test data, not of the harness."""
    assert lacking(messages(data={"person": {"last_name": text}})).endswith("; give other data")


def test_values_that_exclude_each_other_are_missing_data() -> None:
    """Where the schema has a choice, a message with both branches cannot be built, and the one left out is named."""
    values = {"last_name": "X", "requester_nihii": "81234530", "requester_cbe": "0809394427"}
    said = lacking(messages(), values=values)
    assert re.fullmatch(
        r"the WSDL's schema has no room for \S+/InstitutionIdentifier/\w+ beside the other values", said
    )


def test_role_that_nothing_plays_points_to_names(tmp_path: Path) -> None:
    """A role whose spelling is not in the WSDL is named, with the key of the target that mends it."""
    (tmp_path / "names.yaml").write_text(dump({"request": {"phone_number": "Telephone"}, "parts": {"person": "Human"}}))
    binding = bind(SPEC, {"names": "names.yaml"}, tmp_path)
    source = messages(binding=binding)
    words = "nothing in the WSDL's request plays the role {!r}; say what does in `names`"
    assert lacking(source) == words.format("phone_number")
    assert lacking(source, values={"last_name": "X"}, remove=("person",)) == words.format("person")
    assert sent(source, values={"last_name": "X"}) == {"Criteria/Person/LastName": "X"}


def test_operation_that_nothing_plays_points_to_names() -> None:
    """An operation that the WSDL does not have is named."""
    with pytest.raises(MissingDataError, match=r"no operation of the WSDL plays the role 'cancel'; see `names`"):
        messages().post(Template("cancel", body=Message()))


# ------------------------------------------------------------------------------------------------------------- sweeps


def swept(name: str, source: SoapMessages, **changes: Any) -> list[Message]:  # noqa: ANN401 - of a case
    """Return the messages of a sweep by the case's first caller."""
    [variant] = source.variants_by_caller(case(name, **changes))
    return [one.message for one in MessageVariants(source).mutations(variant) if one.message is not None]


def test_listed_rows_are_sent_one_after_the_other() -> None:
    """Each row's values replace single ones of the request, and so does what it writes."""
    rows = [{"values": {"gender": "M"}}, {"replace": {"gender": "X"}}, {}]
    found = swept("5.2.2.2/other-genders", messages(), probe=Listed(tuple(rows)))
    assert [(one.values["gender"], dict(one.replace)) for one in found] == [
        ("M", {}),
        ("$person.gender", {"gender": "X"}),
        ("$person.gender", {}),
    ]
    assert {one.values["last_name"] for one in found} == {"$person.last_name"}


@pytest.mark.parametrize(
    ("name", "who", "own"),
    [
        ("7.2/physician-requester-person", "physician", PERSON),
        ("7.2/sorting-centre-requester-nihii-institution", "center", NIHII),
        ("8/cbe-identifier-cbe-institution", "company", CBE),
        ("8/cbe-identifier-ehp-institution", "hub", EHP),
    ],
)
def test_other_numbers_are_somebody_elses_and_nearly_ones_own(name: str, who: str, own: str) -> None:
    """On a local target a caller tries several numbers, none of them its own, elsewhere the one that is given."""
    numbers = [one.replace["own_number"] for one in swept(name, messages(who))]
    assert len(numbers) == len(set(numbers)) > 4
    assert IDENTITIES[own] not in numbers
    assert all(len(number) <= len(IDENTITIES[own]) for number in numbers)
    identity = rules().callers[own].identity
    [given] = swept(name, messages(who, local=False, data={"others": {identity: "1"}}))
    assert dict(given.replace) == {"own_number": "1"}


@pytest.mark.parametrize("name", sorted(SWEEPS))
def test_broken_messages_are_refused_by_the_schema(name: str) -> None:
    """Every message of a sweep differs in one edit, and the WSDL's schema refuses it."""
    source = messages("center")
    found = swept("8/elements-missing", source, probe=Sweep(name))
    assert found
    assert all(len(one.edits) == 1 for one in found)
    assert len({one.edits for one in found}) == len(found)
    for one in found:
        root = etree.fromstring(etree.tostring(body(made(source, template(one)))))
        assert BINDING.contract.problems(root), one.edits[0]


def test_schema_that_refuses_nothing_makes_a_sweep_not_applicable() -> None:
    """Where there is no message of a sort that the schema refuses, that is said."""
    source = messages("physician")
    [variant] = source.variants_by_caller(case("8/values-broken", request=template(values={"last_name": "X"})))
    with pytest.raises(MissingDataError, match="the WSDL's schema refuses no message of this sort"):
        list(MessageVariants(source).mutations(variant))


@pytest.mark.parametrize("name", sorted(one.id for one in SPEC.cases.values()))
def test_every_strategy_of_the_cases_is_known(name: str) -> None:
    """A property's strategy can be drawn."""
    probe = SPEC.cases[name].probe
    assert not isinstance(probe, Property) or probe.strategy in GENERATORS


def test_every_kind_of_sweep_can_be_swept() -> None:
    """The names that cases may use are those of what mutates messages, and strategies have other names."""
    assert SWEEPS.keys() == SWEEP_KINDS
    assert not GENERATORS.keys() & {*SWEEP_KINDS, *WSDL_STRATEGIES, "listed", "other-numbers"}
