"""Measures how this package is built: size, density, documentation, tests and the graph of its imports.

Run it from the root of a checkout, with radon from the `bench` extra:

    pip install ".[bench]"
    python benchmarks/house.py                        # this checkout
    python benchmarks/house.py --beside ../other      # and another one beside it

Lines of a function go from `def` to its end, with its docstring, without its decorators. Code lines are radon's `sloc`,
which counts the lines of docstrings. Comments are lines of their own; public are the names without an underscore at
the start, methods of private classes too. The longest import chain follows imports at the top of modules; those for
type checking alone do not count.
"""

import argparse
import ast
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

from radon.complexity import cc_visit
from radon.raw import analyze

PACKAGE = "conformance"
LONG_FUNCTION, LONG_FILE, COMPLEX = 40, 400, 10

Graph = Mapping[str, frozenset[str]]
Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """A file of Python with its text and its tree."""

    name: str
    text: str
    tree: ast.Module


def read_modules(root: Path, folder: str) -> list[Module]:
    """Return the modules below a folder of a checkout; data beside the package is none."""
    modules = []
    for path in sorted((root / folder).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        text = path.read_text(encoding="utf-8")
        modules.append(Module(name, text, ast.parse(text)))
    return modules


def functions(module: Module) -> Iterator[Definition]:
    """Yield the functions and methods of a module, those inside others too."""
    for node in ast.walk(module.tree):
        if isinstance(node, Definition):
            yield node


def complexities(module: Module) -> list[int]:
    """Return the cyclomatic complexity of each function and method."""
    blocks = cc_visit(module.text)
    return [block.complexity for block in blocks if not hasattr(block, "methods")]


def comment_lines(module: Module) -> int:
    """Return the number of lines that are comments and nothing else."""
    lines = iter(module.text.splitlines(keepends=True))
    tokens = tokenize.generate_tokens(lambda: next(lines, ""))
    comments = [token for token in tokens if token.type == tokenize.COMMENT]
    return sum(1 for token in comments if token.line.lstrip().startswith("#"))


def public_docstrings(body: Sequence[ast.stmt]) -> Iterator[bool]:
    """Tell of each class, function and method with a public name whether it has a docstring."""
    for node in body:
        if not isinstance(node, Definition | ast.ClassDef):
            continue
        if not node.name.startswith("_"):
            yield bool(ast.get_docstring(node))
        if isinstance(node, ast.ClassDef):
            yield from public_docstrings(node.body)


def top_level_imports(module: Module) -> Iterator[str]:
    """Yield the full names that a module imports when it is loaded."""
    for node in module.tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def import_graph(modules: Sequence[Module]) -> Graph:
    """Return the modules of the package that each of its modules imports."""
    names = {module.name for module in modules}
    graph = {}
    for module in modules:
        imported = {_known(name, names) for name in top_level_imports(module)}
        graph[module.name] = frozenset(imported - {"", PACKAGE, module.name})
    return graph


def _known(name: str, names: set[str]) -> str:
    """Return the module of an imported name, which may be a definition in it; "" for a foreign one."""
    if name in names:
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in names else ""


def cycles(graph: Graph) -> list[list[str]]:
    """Return the groups of modules that import each other."""
    reached = {name: _reachable(graph, name) for name in graph}
    groups = {}
    for name in graph:
        together = {other for other in reached[name] if name in reached[other]}
        if together:
            groups[min(together)] = sorted(together)
    return list(groups.values())


def _reachable(graph: Graph, start: str) -> set[str]:
    reached: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += graph[name]
    return reached


def longest_chain(graph: Graph) -> list[str]:
    """Return the longest row of modules of which each imports the next; empty where there are cycles."""
    if cycles(graph):
        return []

    @cache
    def chain(name: str) -> tuple[str, ...]:
        chains = [chain(other) for other in sorted(graph[name])]
        return (name, *max(chains, key=len, default=()))

    return list(max(map(chain, graph), key=len, default=()))


def measures(root: Path) -> dict[str, str]:
    """Return the figures of a checkout by name."""
    modules = read_modules(root, PACKAGE)
    raw = {module.name: analyze(module.text) for module in modules}
    code_lines = sum(row.sloc for row in raw.values())
    test_lines = sum(
        analyze(module.text).sloc for module in read_modules(root, "tests")
    )
    definitions = [node for module in modules for node in functions(module)]
    lengths = sorted((node.end_lineno or 0) - node.lineno + 1 for node in definitions)
    complexity = [value for module in modules for value in complexities(module)]
    described = [
        row for module in modules for row in public_docstrings(module.tree.body)
    ]
    comments = sum(map(comment_lines, modules))
    graph = import_graph(modules)
    return {
        "files": f"{len(modules)}",
        "code lines": f"{code_lines:,}",
        "functions": f"{len(lengths):,}",
        "median lines of a function": f"{median(lengths):g}",
        "90 % of the functions have at most": f"{lengths[len(lengths) * 9 // 10]}",
        "longest function": f"{lengths[-1]}",
        f"functions over {LONG_FUNCTION} lines": f"{sum(length > LONG_FUNCTION for length in lengths)}",
        f"files over {LONG_FILE} lines": f"{sum(row.loc > LONG_FILE for row in raw.values())}",
        "mean complexity": f"{sum(complexity) / len(complexity):.1f}",
        f"functions of a complexity over {COMPLEX}": f"{sum(value > COMPLEX for value in complexity)}",
        "complexity per 1,000 code lines": f"{1000 * sum(complexity) / code_lines:.0f}",
        "comment lines per 100 code lines": f"{100 * comments / code_lines:.1f}",
        "public definitions with a docstring, %": f"{100 * sum(described) / len(described):.0f}",
        "test lines per code line": f"{test_lines / code_lines:.1f}",
        "longest import chain": f"{len(longest_chain(graph)) or 'cyclic'}",
        "import cycles": f"{len(cycles(graph))}",
    }


def main() -> None:
    """Print the figures of this checkout, and of another one beside it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--beside", type=Path, metavar="DIR", help="the root of another checkout"
    )
    parser.add_argument(
        "--chain",
        action="store_true",
        help="print the longest import chain and the cycles, too",
    )
    arguments = parser.parse_args()
    here = Path(__file__).resolve().parents[1]
    roots = [here, *([arguments.beside] if arguments.beside else [])]
    columns = [measures(root) for root in roots]
    headings = ["this checkout", *([str(arguments.beside)] if arguments.beside else [])]
    print(f"{'':42}" + "".join(f"{heading:>16}" for heading in headings))
    for name in columns[0]:
        print(f"{name:42}" + "".join(f"{column[name]:>16}" for column in columns))
    if arguments.chain:
        graph = import_graph(read_modules(here, PACKAGE))
        print("\nlongest chain:", " > ".join(longest_chain(graph)))
        for group in cycles(graph):
            print("cycle:", ", ".join(group))


if __name__ == "__main__":
    main()
