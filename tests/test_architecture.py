"""Keeps the house in order: direction of imports, no cycles, one home for each foreign library."""

import ast
import functools
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.formats import documents

PACKAGE = Path(__file__).resolve().parent.parent / "conformance"

ORDER = (
    ("model", "identifiers", "files"),
    ("formats", "soap", "traffic", "state"),
    ("checks", "strategies", "evidence"),
    ("contracts",),
    ("target", "judging", "mock"),
    ("credentials",),
    ("messages",),
    ("engine",),
    ("review", "catalogue"),
    ("reporting",),
    ("client", "replay"),
    ("plugin",),
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
    "httpx": {"client"},
    "hypothesis": {"strategies", "engine"},
    "joserfc": {"credentials", "mock"},
    "jsonschema": {"formats", "catalogue"},
    "jsonschema_rs": {"checks", "formats"},
    "lxml": {"checks", "mock", "soap"},
    "pytest": {"plugin", "selftest", "cli", "reporting", "options"},
    "rich": {"cli"},
    "starlette": {"mock"},
    "uvicorn": {"mock"},
    "xmlsec": {"soap"},
    "yaml": {"formats"},
    "zeep": {"soap"},
}
"""The rooms in which a foreign library may be imported.

Checks of requests look at XML and at certificates as lxml and cryptography have them, but know no HTTP library.
"""

LONGEST_CHAIN = 17
"""Modules on the longest way of imports at the top of modules; the house before its rooms had 18."""

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


def test_every_service_module_lists_problems_of_requests() -> None:
    """Each module that plays a service has what an observer of its clients asks it (`ServiceModule`)."""
    playing = [path for path in modules() if room(path) == "mock" and "def serve(spec" in path.read_text("utf-8")]
    assert len(playing) >= 4
    for path in playing:
        names = {node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}
        assert "request_problems" in names, path


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


# ---------------------------------------------------------------------------------- no word of a single cookbook


SPECS = PACKAGE.parent / "specs"
PLATFORM_WORDS = {
    "BusinessError": "an error of the platform in a fault's detail (errors core v1), whatever the service",
    "SystemError": "an error of the platform in a fault's detail (errors core v1), whatever the service",
    "IssueInstant": "an attribute of every SAML 1.1 assertion",
    "RequestType": "an element of every WS-Trust 1.3 request",
}
"""Words that specs declare, but that standards or the platform as a whole have too, each with where it comes from."""
PRINTED_PLACE = re.compile(r"\b(?:Table|Annex|Appendix|Figure) [0-9A-Z]+\b")
"""How a cookbook names a part of itself that nothing but that cookbook has."""


def core() -> list[Path]:
    """Return the modules that know no service: all but those that play services, and the terminal's."""
    return [path for path in modules() if room(path) not in {"mock", "cli"}]


def _members(value: Any) -> Iterator[str]:  # noqa: ANN401 - any part of a YAML or JSON document
    """Yield what a document of OpenAPI or JSON Schema names: properties, operations, parameters."""
    if isinstance(value, Mapping):
        properties = value.get("properties")
        yield from properties if isinstance(properties, Mapping) else ()
        yield from (str(value[key]) for key in ("operationId", "name") if isinstance(value.get(key), str))
        for inside in value.values():
            yield from _members(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _members(inside)


@functools.cache
def spec_words() -> frozenset[str]:
    """Return the names that specs declare and that are no words of English: mixed case, eight letters and more."""
    found: set[str] = set()
    for path in sorted({*SPECS.rglob("*.wsdl"), *SPECS.rglob("*.xsd")}):
        found |= set(re.findall(r'\bname="([^"]+)"', path.read_text(encoding="utf-8")))
    for pattern in ("*/*/openapi.yaml", "*/*/schemas/*.schema.json"):
        for path in SPECS.glob(pattern):
            found |= set(_members(documents.read(path).data))
    for path in SPECS.glob("*/*/names.yaml"):
        for roles in documents.read(path).data.values():
            spellings = [word for given in roles.values() for word in ([given] if isinstance(given, str) else given)]
            found |= {part.removeprefix("@") for word in spellings for part in word.split("/")}
    return frozenset(word for word in found if len(word) >= 8 and re.fullmatch(r"\w*[a-z][A-Z]\w*", word))


def test_specs_have_words_of_their_own() -> None:
    """The words that are looked for are those of elements, operations, parameters and members."""
    wanted = {"StatusMessage", "StatusCode", "CovidDossierIdentifier", "CbssStatus", "GenerateCovidId"}
    assert wanted | {"hcPartySsin", "patientSsin", "declareExclusion", "getDashboard"} <= spec_words()


@pytest.mark.parametrize("path", core(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_core_has_no_word_of_a_single_cookbook(path: Path) -> None:
    """What a cookbook calls its elements, operations and tables stands in its spec folder, and nowhere else."""
    text = path.read_text(encoding="utf-8")
    foreign = spec_words() - PLATFORM_WORDS.keys()
    assert sorted(foreign & set(re.findall(r"[A-Za-z_]\w*", text))) == []
    assert PRINTED_PLACE.findall(text) == []


def test_every_word_of_the_platform_is_needed() -> None:
    """A word that the core no longer has, or that no spec declares, leaves the list."""
    texts = [path.read_text(encoding="utf-8") for path in core()]
    for word in PLATFORM_WORDS:
        assert word in spec_words(), word
        assert any(word in text for text in texts), word


def top_level(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the full names of what some statements import as soon as they run, types for checking left out."""
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            yield from top_level([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            yield from top_level([*node.body, *node.orelse, *node.finalbody])
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def import_graph() -> Mapping[str, frozenset[str]]:
    """Return, for each module of the package, the modules that importing it imports at once."""
    names = {".".join(("conformance", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in modules()}
    paths = {name.removesuffix(".__init__"): path for name, path in names.items()}
    graph = {}
    for name, path in paths.items():
        imported = set(top_level(ast.parse(path.read_text(encoding="utf-8")).body))
        found = {other if other in paths else other.rpartition(".")[0] for other in imported}
        graph[name] = frozenset(found & set(paths)) - {name}
    return graph


def longest_chain() -> tuple[str, ...]:
    """Return the modules on the longest way of imports; fails on the first cycle."""
    graph = import_graph()
    chains: dict[str, tuple[str, ...]] = {}

    def chain_from(name: str, above: tuple[str, ...]) -> tuple[str, ...]:
        assert name not in above, f"a cycle of imports: {' > '.join((*above, name))}"
        if name not in chains:
            below = [chain_from(other, (*above, name)) for other in sorted(graph[name])]
            chains[name] = (name, *max(below, key=len, default=()))
        return chains[name]

    return max((chain_from(name, ()) for name in sorted(graph)), key=len)


def test_imports_are_neither_deep_nor_in_a_circle() -> None:
    """What importing one module drags in stays within reach, and no file needs one that needs it."""
    chain = longest_chain()
    assert len(chain) <= LONGEST_CHAIN, " > ".join(chain)


def test_nothing_needs_the_command_line() -> None:
    """The command line is a face of the harness: only its own modules and the entry point import it."""
    for path in modules():
        if room(path) not in {"cli", "__main__"}:
            assert not [name for name in imports(path) if name.split(".")[1:2] == ["cli"]], path


# ------------------------------------------------------------------------------------------------ size, names, nevers


LONGEST_FILE = 400
MOST_FILES = 20
NEVERS = {
    "evidence": {"engine"},
    "engine": {"reporting", "review"},
    "judging": {"traffic"},
    "checks": {"judging", "contracts", "mock"},
    "replay": {"cli"},
    "plugin": {"cli"},
}
"""Rooms that a room never imports, whatever their order: what they are for would be turned round."""


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_is_too_long_to_read(path: Path) -> None:
    """A file does one thing, which takes 400 lines at the most."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_no_room_is_crowded() -> None:
    """A folder with more files than a screen holds wants rooms of its own."""
    folders = Counter(path.parent for path in modules())
    assert {folder: number for folder, number in folders.items() if number > MOST_FILES} == {}


def test_no_class_name_stands_for_two_things() -> None:
    """A class is known by its name alone, an underscore before it or not."""
    names = Counter(
        node.name.lstrip("_")
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert {name: number for name, number in names.items() if number > 1} == {}


@pytest.mark.parametrize("own", NEVERS)
def test_some_rooms_never_meet(own: str) -> None:
    """What a room must never import, it does not import."""
    for path in modules():
        if room(path) == own:
            others = {name.split(".")[1] for name in imports(path) if name.startswith("conformance.")}
            assert not others & NEVERS[own], path


def test_httpx_is_known_to_the_client_alone() -> None:
    """What the harness sends goes over its own wire; httpx is for users."""
    homes = {room(path) for path in modules() if any(name.startswith("httpx") for name in imports(path))}
    assert homes == {"client"}
