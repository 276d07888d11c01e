"""Tests of judging a document by a schema: the place, the requirement and the words of each problem."""

from typing import Any

import pytest

from conformance.checks.json_schema import CompiledSchema, UnreadableError, place_of

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "x-requirement": "top",
    "type": "object",
    "required": ["shelves"],
    "properties": {
        "shelves": {"x-requirement": "shelves", "type": "array", "items": {"$ref": "#/$defs/shelf"}},
        "owner": {"type": "object", "properties": {"name": {"x-requirement": "owner-name", "type": "string"}}},
    },
    "$defs": {
        "shelf": {
            "type": "object",
            "required": ["label", "books"],
            "properties": {
                "label": {"x-requirement": "label", "type": ["string", "null"], "maxLength": 20},
                "books": {"x-requirement": "books", "type": "array", "items": {"$ref": "#/$defs/book"}},
            },
        },
        "book": {
            "type": "object",
            "properties": {"state": {"x-requirement": "state", "enum": [1, 2, "lost"]}},
        },
    },
}
GOOD: dict[str, Any] = {
    "shelves": [
        {"label": "A", "books": [{"state": 1}, {"state": 2}]},
        {"label": None, "books": [{}, {"state": "lost"}]},
    ]
}


@pytest.fixture(scope="module")
def schema() -> CompiledSchema:
    """Return the schema of a library, compiled."""
    return CompiledSchema(SCHEMA)


def _shelf(**members: object) -> dict[str, Any]:
    return {"shelves": [{"label": "A", "books": []}, {"label": "B", "books": [], **members}]}


def _without(name: str) -> dict[str, Any]:
    shelf = {"label": "A", "books": []}
    del shelf[name]
    return {"shelves": [shelf]}


def test_document_as_described_has_no_problem(schema: CompiledSchema) -> None:
    """A good document fits and has neither problems nor undocumented members."""
    assert schema.fits(GOOD)
    assert list(schema.problems(GOOD)) == []
    assert list(schema.undocumented(schema.index(GOOD))) == []


@pytest.mark.parametrize(
    ("document", "finding"),
    [
        pytest.param([], ("top", "/", "object", "[] (array)"), id="top of another type"),
        pytest.param(None, ("top", "/", "object", "null (null)"), id="null at the top"),
        pytest.param({}, ("shelves", "/", "a member 'shelves'", "absent"), id="member missing at the top"),
        pytest.param({"shelves": {}}, ("shelves", "/shelves", "array", "{} (object)"), id="list of another type"),
        pytest.param(
            {"shelves": ["A"]}, ("shelves", "/shelves/0", "object", '"A" (string)'), id="entry of another type"
        ),
        pytest.param(_without("label"), ("label", "/shelves/0", "a member 'label'", "absent"), id="member missing"),
        pytest.param(_without("books"), ("books", "/shelves/0", "a member 'books'", "absent"), id="list missing"),
        pytest.param(
            _shelf(label=5), ("label", "/shelves/1/label", "null or string", "5 (number)"), id="number for a text"
        ),
        pytest.param(
            _shelf(label=True),
            ("label", "/shelves/1/label", "null or string", "true (boolean)"),
            id="boolean for a text",
        ),
        pytest.param(
            _shelf(books=[{"state": 3}]),
            ("state", "/shelves/1/books/0/state", 'one of 1, 2, "lost"', "3 (number)"),
            id="value outside a list",
        ),
        pytest.param(
            _shelf(books=[{"state": "1"}]),
            ("state", "/shelves/1/books/0/state", 'one of 1, 2, "lost"', '"1" (string)'),
            id="value of a list as another type",
        ),
        pytest.param(
            _shelf(books=[{"state": True}]),
            ("state", "/shelves/1/books/0/state", 'one of 1, 2, "lost"', "true (boolean)"),
            id="true is not 1",
        ),
        pytest.param(
            {"shelves": [], "owner": {"name": 1}},
            ("owner-name", "/owner/name", "string", "1 (number)"),
            id="object in object",
        ),
        pytest.param(
            {"shelves": [], "owner": 1}, ("top", "/owner", "object", "1 (number)"), id="place without a requirement"
        ),
    ],
)
def test_problem_names_requirement_place_expected_and_actual(
    schema: CompiledSchema, document: object, finding: tuple[str, str, str, str]
) -> None:
    """Each single mistake is one problem, tied to the requirement that describes its place."""
    [(requirement, problem)] = schema.problems(document)
    assert not schema.fits(document)
    assert (requirement, problem.location, problem.expected, problem.actual) == finding
    assert problem.message
    assert not problem.odd


def test_keywords_without_words_of_their_own_are_explained_by_the_validator(schema: CompiledSchema) -> None:
    """A problem with a keyword such as maxLength shows what the validator says, cut to a readable length."""
    [(requirement, problem)] = schema.problems(_shelf(label="x" * 1000))
    assert (requirement, problem.location) == ("label", "/shelves/1/label")
    assert len(problem.expected) <= 200
    assert problem.actual.endswith("(1002 characters) (string)")
    assert len(problem.actual) < 250


def test_every_mistake_of_a_document_is_found(schema: CompiledSchema) -> None:
    """Several mistakes give several problems, none hides another."""
    document = {"shelves": [{"label": 1, "books": [{"state": 0}, {"state": 9}]}, {"books": None}, 7]}
    assert sorted(requirement for requirement, _ in schema.problems(document)) == [
        "books",
        "label",
        "label",
        "shelves",
        "state",
        "state",
    ]


def test_number_with_a_point_of_zero_is_the_same_value(schema: CompiledSchema) -> None:
    """1.0 is the number 1 (RFC 8259 knows one kind of number)."""
    assert list(schema.problems(_shelf(books=[{"state": 1.0}]))) == []


def test_what_was_judged_is_counted_by_requirement(schema: CompiledSchema) -> None:
    """A required member counts wherever its parent stands, an optional one wherever it stands itself."""
    counts = dict(schema.evaluated(schema.index(GOOD)))
    assert counts == {"top": 1, "shelves": 1, "label": 2, "books": 2, "state": 3, "owner-name": 0}


@pytest.mark.parametrize("document", [{"shelves": []}, {"shelves": None}, [], None])
def test_nothing_below_a_list_that_is_empty_or_none_was_judged(schema: CompiledSchema, document: object) -> None:
    """Where there is no entry, no member of an entry counts as judged."""
    counts = dict(schema.evaluated(schema.index(document)))
    assert (counts["label"], counts["books"], counts["state"]) == (0, 0, 0)


def test_undocumented_members_are_odd_at_every_level(schema: CompiledSchema) -> None:
    """Each member that no row describes is an oddity of the nearest requirement, the documented ones are not."""
    document = {
        "shelves": [{"label": "A", "books": [{"state": 1, "pages": 12}], "x/y~z": None}],
        "Shelves": [],
        "owner": {"name": "me"},
    }
    found = {
        problem.location: (requirement, problem) for requirement, problem in schema.undocumented(schema.index(document))
    }
    assert {location: requirement for location, (requirement, _) in found.items()} == {
        "/Shelves": "top",
        "/shelves/0/x~1y~0z": "shelves",
        "/shelves/0/books/0/pages": "books",
    }
    assert all(problem.odd for _, problem in found.values())
    assert found["/shelves/0/books/0/pages"][1].actual == "12 (number)"


def test_nodes_of_a_place_come_in_document_order(schema: CompiledSchema) -> None:
    """The index gives the values of one place from first to last, whatever their list."""
    states = schema.index(GOOD)["shelves[].books[].state"]
    assert states.values == [1, 2, "lost"]
    assert [states.location(number) for number in range(3)] == [
        "/shelves/0/books/0/state",
        "/shelves/0/books/1/state",
        "/shelves/1/books/1/state",
    ]


def test_index_follows_described_places_only(schema: CompiledSchema) -> None:
    """A deep member that nothing describes costs nothing and breaks nothing."""
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    index = schema.index({"shelves": [{"label": deep, "books": [], "extra": deep}]})
    assert len(index["shelves[].label"]) == 1


def test_document_too_deep_to_follow_is_unreadable(schema: CompiledSchema) -> None:
    """A value nested beyond the validator's limit raises an error of ours, and fits no schema."""
    deep: object = 1
    for _ in range(5_000):
        deep = [deep]
    document = _shelf(label=deep)
    with pytest.raises(UnreadableError):
        list(schema.problems(document))
    assert not schema.fits(document)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", 0), "a[]"),
        (("a", 3, "b"), "a[].b"),
        ((0, "b"), "[].b"),
        (("a", 0, 1, "b", "c"), "a[][].b.c"),
    ],
)
def test_place_of_a_path_forgets_the_indexes(path: tuple[str | int, ...], place: str) -> None:
    """All entries of a list share one place."""
    assert place_of(path) == place


def test_list_at_the_top_has_places_too() -> None:
    """A schema may describe a list whose entries are judged."""
    schema = CompiledSchema(
        {
            "x-requirement": "list",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id"],
                "properties": {"id": {"x-requirement": "id", "type": "string"}},
            },
        }
    )
    [(requirement, problem)] = schema.problems([{"id": "a"}, {"id": 1}])
    assert (requirement, problem.location) == ("id", "/1/id")
    [(requirement, problem)] = schema.problems([{}])
    assert (requirement, problem.location) == ("id", "/0")
    assert dict(schema.evaluated(schema.index([{"id": "a"}, {}]))) == {"list": 1, "id": 2}
