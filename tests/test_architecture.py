"""Keeps the house in order: direction of imports, no cycles, one home for each foreign library."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "conformance"

ORDER = (
    ("model", "identifiers"),
    ("formats", "soap", "traffic"),
    ("checks", "strategies", "evidence"),
    ("contracts",),
    ("target", "judging", "mock"),
    ("credentials",),
    ("messages",),
    ("engine",),
    ("review", "catalogue"),
    ("reporting",),
    ("replay", "plugin"),
    ("selftest", "options"),
    ("cli",),
    ("__main__",),
)
"""The rooms, lowest first: a room imports from rooms of earlier rows only, or from itself."""

RANKS = {name: rank for rank, row in enumerate(ORDER) for name in row}

HOMES = {
    "allure": {"reporting"},
    "allure_commons": {"reporting"},
    "allure_pytest": {"reporting"},
    "click": {"cli"},
    "cryptography": {"checks", "credentials", "mock", "review", "soap"},
    "filelock": {"engine", "traffic"},
    "h11": {"traffic"},
    "hypothesis": {"strategies", "engine"},
    "joserfc": {"credentials", "mock"},
    "jsonschema": {"formats", "catalogue"},
    "jsonschema_rs": {"checks", "formats"},
    "lxml": {"checks", "mock", "soap"},
    "pytest": {"plugin", "selftest", "cli", "reporting", "options"},
    "rich": {"cli"},
    "starlette": {"checks", "mock"},
    "uvicorn": {"mock"},
    "xmlsec": {"soap"},
    "yaml": {"formats"},
    "zeep": {"soap"},
}
"""The rooms in which a foreign library may be imported."""

CLOCKS = {"time", "secrets"}
PURE = {"model", "identifiers", "formats", "soap", "checks", "judging"}


def modules() -> list[Path]:
    """Return all modules of the package."""
    return sorted(
        path for path in PACKAGE.rglob("*.py") if not {"specs", "suites"} & set(path.relative_to(PACKAGE).parts)
    )


def room(path: Path) -> str:
    """Return the room a module belongs to: its folder, or its own name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(path: Path) -> Iterator[str]:
    """Yield the full names of what a module imports, those for type checking included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_room_has_a_rank() -> None:
    """A new room must be given its place."""
    assert {room(path) for path in modules()} - {"__init__"} == set(RANKS)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    """A module imports from rooms of lower rank or from its own, which leaves no cycle between rooms."""
    own = room(path)
    for name in imports(path):
        first, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if first == "conformance" and own != "__init__" and other in RANKS and other != own:
            assert RANKS[other] < RANKS[own], f"{path.name} ({own}) imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_foreign_libraries_stay_at_home(path: Path) -> None:
    """Each foreign library is imported in its home only, so that it can be replaced there."""
    for name in imports(path):
        library = name.partition(".")[0]
        if library in sys.stdlib_module_names or library == "conformance":
            continue
        assert library in HOMES, f"{path.name} imports {library}, which has no home"
        assert room(path) in HOMES[library], f"{path.name} imports {library}, whose home is {HOMES[library]}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_pure_rooms_have_no_clock_and_no_chance(path: Path) -> None:
    """Values, checks and judgement take time and chance as arguments."""
    if room(path) in PURE:
        assert not CLOCKS & {name.partition(".")[0] for name in imports(path)}
        assert "datetime.now(" not in path.read_text(encoding="utf-8")


def test_no_module_is_named_for_nothing() -> None:
    """Names such as utils say nothing about what is inside."""
    assert not {path.stem for path in modules()} & {"utils", "util", "helpers", "helper", "common", "misc"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    """A module begins with its responsibility."""
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_nothing_is_wired_to_a_service() -> None:
    """No module but the local platform's own ones names a service: services are data."""
    services = [path.name for path in (PACKAGE.parent / "specs").iterdir() if path.is_dir()]
    services = [name for name in services if "-" in name]
    assert services
    for path in modules():
        if room(path) in {"mock", "cli"}:
            continue
        text = path.read_text(encoding="utf-8")
        assert not [name for name in services if name in text], path
