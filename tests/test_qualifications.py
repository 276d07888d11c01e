"""The KMEHR codes stand in several places, each for its own reason; they agree."""

from conformance.contracts.loading import load_spec
from conformance.formats import documents
from conformance.mock import exclusions
from conformance.model.case import Scripted


def test_schemas_mock_and_list_name_the_same_codes() -> None:
    """The list, the schema of requests and the platform know the same codes; answers may have variants too."""
    spec = load_spec("therapeutic-exclusion")
    data = documents.read(spec.folder / "qualifications.yaml").data
    codes = {row["code"] for row in data["qualifications"]}
    variants = {row["code"] for row in data["variants"]}
    assert {*exclusions.PRACTITIONERS, exclusions.ORGANISATION} == codes
    assert set(spec.contract.schemas["exclusion-request"]["$defs"]["qualification"]["enum"]) == codes
    assert set(spec.contract.schemas["exclusions"]["$defs"]["qualification"]["enum"]) == codes | variants
    assert {row["of"] for row in data["variants"]} <= codes


def test_every_listed_profession_is_tried() -> None:
    """The case on professions declares under each of the 24 codes of persons."""
    spec = load_spec("therapeutic-exclusion")
    data = documents.read(spec.folder / "qualifications.yaml").data
    persons = [row["code"] for row in data["qualifications"] if row["party"] == "person"]
    probe = spec.cases["therapeutic-exclusion/2.1/professions"].probe
    assert isinstance(probe, Scripted)
    assert probe.options["codes"] == persons
    assert len(persons) == 24
