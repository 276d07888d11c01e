"""The ids that a shell completes, kept in the user's cache: a shell that completes waits, and reading specs takes long.

Must load the contracts only where the cache is not up to date.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from conformance import __version__
from conformance.files.writing import write_atomically
from conformance.formats.schemas import services_below, specs_root
from conformance.state.folders import cache_folder

CASES, REQUIREMENTS, ERRATA, FAULTS = KINDS = (
    "cases",
    "requirements",
    "errata",
    "faults",
)
Ids = Mapping[str, Sequence[str]]
"""The ids of a service by their kind."""


def ids_beginning(start: str, kinds: Collection[str]) -> list[str]:
    """Return the ids of some kinds that begin with a text, each once."""
    found: dict[str, None] = {}
    for service in services_below(specs_root()):
        if service.startswith(start[: len(service)]):
            ids = _ids_of(service)
            found |= {
                name: None
                for kind in KINDS
                if kind in kinds
                for name in ids[kind]
                if name.startswith(start)
            }
    return list(found)


def _ids_of(service: str) -> Ids:
    """Return a service's ids from the cache, read anew where its files have changed since."""
    stamp = _stamp(service)
    cache = cache_folder()
    if cache is None:
        return _read(service)
    path = cache / "ehealth-conformance" / "ids" / f"{service}.json"
    kept = _kept(path, stamp)
    if kept is not None:
        return kept
    ids = _read(service)
    _keep(path, {"stamp": stamp, "ids": ids})
    return ids


def _read(service: str) -> Ids:
    """Return a service's ids from its spec folder, none where that is broken: `lint` says what is wrong with it."""
    from conformance.contracts.loading import load_spec  # noqa: PLC0415 - takes long, and the cache mostly has it
    from conformance.model.errors import UsageError  # noqa: PLC0415 - the same

    try:
        spec = load_spec(service)
    except UsageError:
        return dict.fromkeys(KINDS, ())
    return {
        CASES: list(spec.cases),
        REQUIREMENTS: list(spec.contract.requirements),
        ERRATA: list(spec.contract.errata),
        FAULTS: list(spec.faults),
    }


def _stamp(service: str) -> list[str]:
    """Return what changes where a file of a service or of all services changes."""
    return [f"{__version__} {specs_root()}", *_states(service), *_states("common")]


def _states(folder: str) -> Iterator[str]:
    for path in sorted(specs_root().joinpath(folder).rglob("*.yaml")):
        state = path.stat()
        yield f"{path.name} {state.st_size} {state.st_mtime_ns}"


def _kept(path: Path, stamp: list[str]) -> Ids | None:
    """Return the ids that were kept, None where there are none, or none of the files as they are now."""
    try:
        kept = json.loads(path.read_text("utf-8"))
        ids: dict[str, list[str]] = kept["ids"]
        texts = [name for kind in KINDS for name in ids[kind]]
        fits = kept["stamp"] == stamp and all(isinstance(name, str) for name in texts)
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return ids if fits else None


def _keep(path: Path, content: Mapping[str, object]) -> None:
    """Write the cache, whole or not at all; where that cannot be, completion takes longer."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, json.dumps(content))
