"""Makes one HTML file of a run's allure-results with the npm package `allure`, and takes its analytics out.

To be run as `python -m conformance.reporting.allure_report RUN_FOLDER`. The file is written only
where nothing in it would be loaded from elsewhere. Must not install anything nor contact anything.
"""

import argparse
import base64
import binascii
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

from conformance.model.errors import ConformanceError, UsageError
from conformance.reporting.allure import CATEGORIES, FOLDER, categories_file

REPORT = "allure.html"
_NAME = "eHealth conformance"
GENERATION = "3"
"""The generation of the npm package that is known to work."""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data: blob:; style-src 'unsafe-inline' data: blob:; "
    "img-src data: blob:; font-src data:; media-src data: blob:; connect-src data: blob:; frame-src data: blob:; "
    "worker-src data: blob:; form-action 'none'"
)
"""What a browser may load: only what the file itself holds."""

_TRACKERS = ("googletagmanager.com", "google-analytics.com")
_SCRIPT = re.compile(r"<script\b[^>]*>.*?</script\s*>", re.IGNORECASE | re.DOTALL)
_SMALL = 4096
"""Characters; an inline script as small as this that speaks of a tracker is its start, not the viewer."""
_TRACKING = re.compile(
    r"\bgtag\s*\(|\bdataLayer\b|GoogleAnalyticsObject|\bga\s*\(\s*['\"]create"
)
_LOADING = {
    "script": ("src",),
    "link": ("href", "imagesrcset"),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "frame": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "audio": ("src",),
    "video": ("src", "poster"),
    "source": ("src", "srcset"),
    "track": ("src",),
    "input": ("src",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
    "base": ("href",),
}
"""The attributes that make a browser load something."""
_STYLE_ADDRESS = re.compile(
    r"""(?:@import\s+|url\()\s*['"]?\s*([^'")\s]+)""", re.IGNORECASE
)
_HARMLESS = re.compile(r"data:|#|about:", re.IGNORECASE)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_KEPT_VARIABLES = (
    "PATH",
    "HOME",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "APPDATA",
    "LOCALAPPDATA",
    "USERPROFILE",
)
_TIME_LIMIT = 600
_LAST_LINES = 5


class ReportError(ConformanceError):
    """The generator failed, or what it made is not fit to be evidence."""


@dataclass(frozen=True, slots=True)
class Generator:
    """A way to start the npm package's command line."""

    command: tuple[str, ...]
    version: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the report and return the exit code: 0 made, 2 wrong input or no generator, 4 it went wrong."""
    options = _parser().parse_args(arguments)
    try:
        path = make_report(options.folder, options.out, options.allure)
    except ConformanceError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"error: {error.filename}: {error.strerror}\n")
        return ReportError.exit_code
    sys.stdout.write(
        f"{path} is written: one file, nothing in it is loaded from elsewhere\n"
    )
    return 0


def make_report(
    folder: Path, out: Path | None = None, program: str | None = None
) -> Path:
    """Write the Allure report of a run folder (or of a folder of Allure's results) and return its path.

    Raises UsageError where the folder or the npm package is missing, ReportError where the report
    cannot be made or would load something from elsewhere; then nothing is written.
    """
    results = _results(folder)
    out = out or folder / REPORT
    if not out.parent.is_dir():
        raise UsageError(
            f"{out.parent}: there is no such folder to write the report to"
        )
    generator = find_generator(program)
    with tempfile.TemporaryDirectory(prefix="ehealth-conformance-allure-") as scratch:
        page = clean(_generated(generator, results, Path(scratch)))
    problems = external_references(page)
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise ReportError(
            f"nothing is written, because the report would load or report something elsewhere:\n{listed}"
        )
    _write(out, page)
    return out


def find_generator(program: str | None = None) -> Generator:
    """Return the npm package's command line: as given, on the PATH, or installed where npx finds it.

    Raises UsageError, with what to do, where there is none.
    """
    candidates = (
        [[program]]
        if program
        else [["allure"], ["npx", "--offline", "--no-install", "allure"]]
    )
    tried = [_probe(candidate) for candidate in candidates]
    usable = next((generator for generator in tried if _usable(generator)), None)
    if usable is not None:
        return usable
    if shutil.which("node") is None:
        raise UsageError(
            "node is missing: install Node.js 20 or later, then: npm install --global allure@3"
        )
    versions = ", ".join(
        f"{' '.join(other.command)} is {other.version}" for other in tried if other
    )
    raise UsageError(
        f"the npm package allure {GENERATION}.x is missing{f' ({versions})' if versions else ''}: "
        "npm install --global allure@3, or npm install allure@3 in this folder, or name it by --allure PROGRAM"
    )


def clean(page: str) -> str:
    """Return a report without its analytics scripts, and with a policy that lets it load nothing from elsewhere."""
    page = _SCRIPT.sub(
        lambda match: "" if _is_tracking(match.group()) else match.group(), page
    )
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    page, count = _HEAD.subn(lambda match: match.group() + policy, page, count=1)
    if not count:
        raise ReportError(
            "what the generator made has no <head>, so that it is not a report as known"
        )
    return page


def external_references(page: str) -> list[str]:
    """Return what a page would load from elsewhere, and where it names a tracker, in the page or in a script of it."""
    reader = _References()
    reader.feed(page)
    reader.close()
    foreign = [
        reference for reference in reader.found if not _HARMLESS.match(reference[2])
    ]
    problems = [f"<{tag} {name}> loads {value[:100]}" for tag, name, value in foreign]
    programs = [
        page,
        *(_decoded(value) for tag, _, value in reader.found if tag == "script"),
    ]
    problems += [
        f"it names {tracker}"
        for tracker in _TRACKERS
        if any(tracker in text for text in programs)
    ]
    return problems


class _References(HTMLParser):
    """Collects the addresses from which a page loads something, as tag, attribute and address."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str, str]] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._style = tag == "style"
        for name, value in attrs:
            if name in _LOADING.get(tag, ()) and value:
                self.found.append((tag, name, value.strip()))
            if name == "style" and value:
                self._add_styles(tag, value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._style = False

    def handle_data(self, data: str) -> None:
        if self._style:
            self._add_styles("style", data)

    def _add_styles(self, tag: str, text: str) -> None:
        self.found += [
            (tag, "url()", match.group(1)) for match in _STYLE_ADDRESS.finditer(text)
        ]


def _is_tracking(script: str) -> bool:
    """Tell whether a script element is analytics: loaded from elsewhere, or the few lines that start it."""
    reader = _References()
    reader.feed(script[: script.index(">") + 1])
    if any(not _HARMLESS.match(value) for _, _, value in reader.found):
        return True
    return not reader.found and len(script) < _SMALL and bool(_TRACKING.search(script))


def _decoded(address: str) -> str:
    """Return the text of a data: address, empty for any other."""
    kind, comma, data = address.partition(",")
    if not comma or not kind.lower().startswith("data:"):
        return ""
    raw = unquote_to_bytes(data)
    if kind.lower().endswith(";base64"):
        try:
            raw = base64.b64decode(raw)
        except binascii.Error:
            return ""
    return raw.decode("utf-8", "replace")


def _results(folder: Path) -> Path:
    """Return the folder of Allure's results: below a run folder, or the given one itself."""
    for candidate in (folder / FOLDER, folder):
        if any(candidate.glob("*-result.json")):
            return candidate
    raise UsageError(
        f"{folder}: neither a run folder with {FOLDER}/ nor a folder of Allure's results"
    )


def _probe(command: Sequence[str]) -> Generator | None:
    """Return a command with its version, or None where it does not run."""
    program = shutil.which(command[0])
    if program is None:
        return None
    full = (program, *command[1:])
    try:
        done = subprocess.run(  # noqa: S603 - the user's own program
            [*full, "--version"],
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (
        Generator(full, done.stdout.strip())
        if done.returncode == 0 and done.stdout.strip()
        else None
    )


def _usable(generator: Generator | None) -> bool:
    return generator is not None and generator.version.split(".")[0] == GENERATION


def _generated(generator: Generator, results: Path, scratch: Path) -> str:
    """Return the report that the generator makes of some results, as it is."""
    config = scratch / "allurerc.json"
    config.write_text(
        json.dumps({"categories": _categories(results)}), encoding="utf-8"
    )
    made = scratch / "report"
    command = [
        *generator.command,
        "awesome",
        ".",
        "--cwd",
        str(results.resolve()),
        "--config",
        str(config),
    ]
    command += [
        "--single-file",
        "--output",
        str(made),
        "--report-name",
        _NAME,
        "--group-by",
        "parentSuite,suite",
    ]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own program
            command,
            env=_environment(scratch),
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ReportError(
            f"allure {generator.version} was not ready after {_TIME_LIMIT} seconds"
        ) from None
    pages = sorted(made.rglob("*.html"))
    if done.returncode != 0 or len(pages) != 1:
        output = "\n".join(
            (done.stderr + done.stdout).strip().splitlines()[-_LAST_LINES:]
        )
        raise ReportError(
            f"allure {generator.version} made {len(pages)} page(s), exit code {done.returncode}:\n{output}"
        )
    return pages[0].read_text("utf-8")


def _categories(results: Path) -> object:
    """Return the categories of the results, or ours; Allure 3 takes them from its configuration only."""
    copied = results / CATEGORIES
    return json.loads(
        (copied if copied.exists() else categories_file()).read_text("utf-8")
    )


def _environment(scratch: Path | None = None) -> Mapping[str, str]:
    """Return an environment in which the generator finds no build server and no git repository to name."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | ({"GIT_DIR": str(scratch / "none")} if scratch else {})


def _write(path: Path, text: str) -> None:
    """Write a private file so that it appears whole or not at all."""
    with _draft(path) as draft:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance.reporting.allure_report",
        description="Make one HTML file of a run's allure-results with the npm package allure, without its analytics.",
    )
    parser.add_argument(
        "folder",
        type=Path,
        metavar="RUN_FOLDER",
        help="a run folder, or a folder of Allure's results",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=f"file to write (default: RUN_FOLDER/{REPORT})",
    )
    parser.add_argument(
        "--allure",
        metavar="PROGRAM",
        help="the npm package's program (default: from the PATH or npx)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
