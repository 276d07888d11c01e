"""Tests of reading YAML and JSON files as data with lines."""

import time
from pathlib import Path

import pytest

from conformance.formats import documents
from conformance.formats.schemas import format_problems, load_format
from conformance.model.errors import DocumentError

YAML, JSON = Path("some/file.yaml"), Path("some/file.json")

TEXT = """\
# a comment
name: x
list:
  - one

  - {two: 2,
     three: 3}
"long key":
  deeper:
    deepest: true
"""


def _refused(text: str, path: Path = YAML) -> str:
    with pytest.raises(DocumentError) as caught:
        documents.parse(text, path)
    [problem] = caught.value.problems
    return problem


def test_data_and_lines_of_a_yaml_file_are_read(tmp_path: Path) -> None:
    """Each value is found by its path, with the line of its key or of its entry."""
    file = tmp_path / "file.yaml"
    file.write_text(TEXT, encoding="utf-8")
    document = documents.read(file)
    assert document.path == file
    assert document.data == {
        "name": "x",
        "list": ["one", {"two": 2, "three": 3}],
        "long key": {"deeper": {"deepest": True}},
    }
    assert document.lines == {
        (): 2,
        ("name",): 2,
        ("list",): 3,
        ("list", 0): 4,
        ("list", 1): 6,
        ("list", 1, "two"): 6,
        ("list", 1, "three"): 7,
        ("long key",): 8,
        ("long key", "deeper"): 9,
        ("long key", "deeper", "deepest"): 10,
    }


@pytest.mark.parametrize(
    ("pointer", "line"),
    [
        (("list", 1, "three"), 7),
        (("list", 1, "three", "not", "there"), 7),
        (("list", 5), 3),
        (("nothing",), 2),
        ((), 2),
    ],
)
def test_value_that_is_not_there_has_the_line_of_its_nearest_ancestor(
    pointer: tuple[str | int, ...], line: int
) -> None:
    """A mistake about what is missing points to the value that should hold it."""
    assert documents.parse(TEXT, YAML).line(pointer) == line


def test_document_without_lines_stands_on_its_first() -> None:
    """Where nothing is known of lines, the first one is said."""
    assert documents.Document(YAML, {}, {}).line(("a", "b")) == 1


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", None),
        ("# only a comment\n", None),
        ("date: 2025-05-09", {"date": "2025-05-09"}),
        ("moment: 2025-05-09T08:55:00+02:00", {"moment": "2025-05-09T08:55:00+02:00"}),
        ("version: '1.10'", {"version": "1.10"}),
        ("[1, 1.5, true, null, ~, 'text', \"é\"]", [1, 1.5, True, None, None, "text", "é"]),
        ("a: >-\n  one\n  two\n", {"a": "one two"}),
    ],
)
def test_yaml_is_read_as_json_could_hold_it(text: str, data: object) -> None:
    """Dates stay text, and an empty file holds nothing."""
    assert documents.parse(text, YAML).data == data


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: [1, 2", None, "not well-formed YAML"),
        ("a: 1\n\tb: 2", 2, "not well-formed YAML"),
        ("a: 1\n b: 2", 2, "not well-formed YAML"),
        ("a: 1\nb: 'text\n", None, "not well-formed YAML"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: 1\nb: 2\na: 3\n", 3, "the key 'a' is given twice"),
        ("a:\n  - {b: 1, c: 2, b: 3}\n", 2, "the key 'b' is given twice"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "not well-formed YAML"),
        ("a: !Secret x\n", 1, "not well-formed YAML"),
        ("a: *nowhere\n", 1, "not well-formed YAML"),
        ("a: &x [*x]\n", None, "some/file.yaml"),
        ("a: \x07\n", None, "not well-formed YAML"),
        ("[" * 5_000, None, "some/file.yaml"),
    ],
)
def test_what_is_no_data_is_refused_with_its_line(text: str, line: int | None, words: str) -> None:
    """A mistake in a YAML file is one message with file, line where it is known, and what is wrong."""
    problem = _refused(text)
    assert problem.startswith(f"some/file.yaml:{line}: " if line else "some/file.yaml:")
    assert words in problem


def test_key_that_is_no_text_is_refused() -> None:
    """A list or an object as a key is a mistake of the file, not of the harness."""
    assert "some/file.yaml:1:" in _refused("? [a]\n: 1\n")


@pytest.mark.parametrize("text", ["a: &x [1]\nb: *x\n", "a: &x {b: 1}\nc:\n  <<: *x\n"])
def test_anchors_are_refused(text: str) -> None:
    """An alias is refused wherever it stands, because a few of them can expand without bound."""
    assert "some/file.yaml" in _refused(text)


def test_aliases_that_multiply_end_at_once() -> None:
    """Aliases that stand for a million values cost no more than the lines that they are written on."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 6)]
    began = time.process_time()
    assert "some/file.yaml" in _refused("\n".join(lines))
    assert time.process_time() - began < 0.5


def test_json_file_is_read_by_its_ending() -> None:
    """JSON is read as JSON, with its first line as the only one."""
    document = documents.parse('{"a": [1, 2.5, null, true]}', JSON)
    assert document.data == {"a": [1, 2.5, None, True]}
    assert document.line(("a", 0)) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n "a": 1,\n}', ":3: not well-formed JSON"),
        ("", ":1: not well-formed JSON"),
        ("[" * 100_000, ": nested too deeply"),
    ],
)
def test_json_that_is_none_is_refused_with_its_line(text: str, words: str) -> None:
    """A mistake in a JSON file is one message with file and line."""
    assert f"some/file.json{words}" in _refused(text, JSON)


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', '{"a": Infinity}'])
def test_json_is_read_as_strictly_as_yaml(text: str) -> None:
    """A repeated key, and a number that JSON does not have, are mistakes of a JSON file too."""
    assert "some/file.json" in _refused(text, JSON)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "there is no such file"), (b"a: \xe9\n", "cannot be read"), ("folder", "is not a file but a folder")],
    ids=["missing", "Latin-1", "a folder"],
)
def test_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | str | None, words: str) -> None:
    """A file that is missing, a folder or not UTF-8 is one message that names it."""
    file = tmp_path / "file.yaml"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content:
        file.mkdir()
    with pytest.raises(DocumentError) as caught:
        documents.read(file)
    assert [str(file) in problem and words in problem for problem in caught.value.problems] == [True]
    assert caught.value.exit_code == 2


def test_written_data_is_read_back_in_its_order() -> None:
    """What is written as YAML keeps its order and its letters, and is read as the same data."""
    data = {"z": [1, {"é": None}], "a": "2025-05-09", "m": "yes", "n": "1.10", "o": ""}
    text = documents.dump(data)
    assert documents.parse(text, YAML).data == data
    assert text.index("z:") < text.index("a:") < text.index("m:")
    assert "é" in text


def _seconds(text: str, path: Path) -> float:
    """Return the CPU seconds that a text takes until it is refused."""
    began = time.process_time()
    _refused(text, path)
    return time.process_time() - began


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("rate: " + "1:" * 100_000 + "1", YAML),
        ("rate: 0x" + "f" * 200_000, YAML),
        ("rate: " + "1" * 200_000, YAML),
        ("? " + "1" * 200_000 + "\n: 1", YAML),
        ('{"rate": ' + "1" * 200_000 + "}", JSON),
        ('{"rate": 1e' + "1" * 200_000 + "}", JSON),
    ],
    ids=["base 60", "base 16", "base 10", "as a key", "JSON", "JSON exponent"],
)
def test_number_without_end_is_refused_unread(text: str, path: Path) -> None:
    """A number of thousands of digits, which takes minutes to compute, is refused by its length."""
    assert "a number of 2" in _refused(text, path)
    assert _seconds(text, path) < 1


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[" * 100 + "]" * 100, YAML),
        ("{a: " * 100 + "1" + "}" * 100, YAML),
        ("[" * 100 + "]" * 100, JSON),
        ('{"a": ' * 20_000 + "1" + "}" * 20_000, JSON),
    ],
)
def test_data_nested_too_deeply_are_refused(text: str, path: Path) -> None:
    """No file of ours nests a hundred times."""
    assert "nested too deeply" in _refused(text, path)


def test_doubled_key_among_many_is_found_at_once() -> None:
    """Which key stands twice is found in one pass over them all."""
    text = "{" + "".join(f'"k{number}": 1, ' for number in range(60_000)) + '"k59999": 1}'
    assert "the key 'k59999' is given twice" in _refused(text, JSON)
    assert _seconds(text, JSON) < 1


def test_half_a_character_is_refused() -> None:
    """A JSON file may hold half of a surrogate pair, which nothing can write down again."""
    assert "half of a character" in _refused(r'{"name": "\ud800"}', JSON)


@pytest.mark.parametrize(
    "content", [b"a: 1\n" + b"#" * documents.LARGEST, b"\xff\xfea\x00:\x00"], ids=["large", "UTF-16"]
)
def test_file_is_refused_in_one_short_line(tmp_path: Path, content: bytes) -> None:
    """A file that is too large, or in another encoding, is told with a remedy and without its content."""
    file = tmp_path / "file.yaml"
    file.write_bytes(content)
    with pytest.raises(DocumentError, match=r"(name the right file|save it as UTF-8)$") as caught:
        documents.read(file)
    assert len(str(caught.value)) < 200 + len(str(file))


def test_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    """A file that an editor begins with a mark is read like any other."""
    for name, text in (("a.yaml", "a: 1\r\nb: 2"), ("a.json", '{"a": 1,\r\n"b": 2}')):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert documents.read(tmp_path / name).data == {"a": 1, "b": 2}


def test_thousands_of_mistakes_are_told_by_the_first_ones() -> None:
    """A file with a mistake on each line gives a page of lines, at once."""
    document = documents.parse("".join(f"k{number}: 1\n" for number in range(20_000)), YAML)
    began = time.process_time()
    told = list(format_problems(document, load_format("target")))
    assert time.process_time() - began < 2
    assert len(told) <= 21
    assert told[-1][1].startswith("more than 20 mistakes")


def test_long_line_is_cut_in_its_middle() -> None:
    """What a file holds is never printed whole, and the remedy at the end of the line stays."""
    error = DocumentError(f"a.yaml:1: {'x' * 100_000!r} is no address; correct it")
    assert len(str(error)) < 1300
    assert str(error).startswith("a.yaml:1: 'xxx")
    assert str(error).endswith("is no address; correct it")
