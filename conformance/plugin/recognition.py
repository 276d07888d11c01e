"""Recognises the suites: by a folder, and by the arguments of a pytest session.

Must load nothing but the list of options: every pytest session of the environment runs it.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from conformance.plugin.options import RUN_OPTIONS

PACKAGE = "conformance.suites"
_FOLDER = "suites"
_OURS = Path(__file__).resolve().parents[1]


def is_suites_folder(folder: Path) -> bool:
    """Tell whether a folder holds the suites: inside an installed package, or beside the package in a clone."""
    if folder.name != _FOLDER:
        return False
    above = folder.resolve().parent
    return above == _OURS or (above / "conformance/plugin/recognition.py").is_file()


def names_suites(arguments: Iterable[str], directory: Path, *, pyargs: bool) -> bool:
    """Tell whether one of the arguments, as seen from a directory, is the suites' folder or something in it."""
    return any(_is_suite(argument, directory, pyargs) for argument in arguments)


def without_values(arguments: Sequence[str], places: Iterable[str]) -> list[str]:
    """Return the places that arguments name, without those that are values of the options of a run.

    pytest takes `t.yaml` of `--target t.yaml` for a place until it knows the option.
    """
    valued = {option.name for option in RUN_OPTIONS if option.takes_value}
    remaining = list(places)
    for name, value in pairwise(arguments):
        if name in valued and value in remaining:
            remaining.remove(value)
    return remaining


def _is_suite(argument: str, directory: Path, pyargs: bool) -> bool:  # noqa: FBT001 - private
    place = argument.partition("::")[0]
    if pyargs and (place == PACKAGE or place.startswith(f"{PACKAGE}.")):
        return True
    path = directory / place
    return is_suites_folder(path if path.is_dir() else path.parent)
