"""The exception tree: each error says whose fault it is and which exit code follows.

Must not know where the errors come from, nor print them.
"""

import errno
import os
import traceback
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

TRACEBACK_VARIABLE: Final = "EHEALTH_TRACEBACK"
"""The environment variable that shows where the harness broke: any value but the empty one."""
DETAILS: Final = f"{TRACEBACK_VARIABLE}=1 shows the details"
_PACKAGE: Final = f"{os.sep}conformance{os.sep}"

_LONGEST_LINE: Final = 1200
"""Characters of a line that says what is wrong; what a file holds may be longer."""
_KEPT_END: Final = 300
"""Characters of a line's end that are kept, where the remedy stands."""


class ConformanceError(Exception):
    """Base of everything the harness raises on purpose; the harness itself is at fault."""

    exit_code = 4


class UsageError(ConformanceError):
    """The user's input is wrong, known before any request is sent.

    `problems` holds one readable line per mistake, so that all are reported at once.
    """

    exit_code = 2

    def __init__(self, problems: Sequence[str] | str) -> None:
        """Keep each problem apart; the message joins them by line."""
        lines = (problems,) if isinstance(problems, str) else problems
        self.problems = tuple(map(_shortened, lines))
        super().__init__("\n".join(self.problems))


class TargetError(UsageError):
    """A target file, or what it refers to, is wrong."""


class SecretError(UsageError):
    """A secret that a run needs cannot be had: variable not set, file missing, command failed."""


class SpecError(UsageError):
    """A spec folder breaks its own format or refers to something that does not exist."""


class DocumentError(UsageError):
    """A YAML or JSON file cannot be read as data."""


class ForbiddenTrafficError(ConformanceError):
    """A request was refused before it was sent, because the target's environment forbids it."""


class MissingDataError(ConformanceError):
    """The target does not give an identity or a token that a case needs; the case is not applicable."""


class CredentialRefusedError(ConformanceError):
    """A credential cannot be had over the network: its issuer refuses or is silent; cases become inconclusive.

    `wait` is for how many seconds the issuer asked to be left alone.
    """

    exit_code = 3

    def __init__(self, message: str, wait: float = 0.0) -> None:
        """Keep what the issuer asked for."""
        super().__init__(message)
        self.wait = wait


class BudgetError(ConformanceError):
    """The target's budget of requests is used up; the case concerned is not run."""


class NotKeptError(ConformanceError):
    """What is to be kept cannot be written: a full disk, a quota, a read-only file system."""


_UNWRITTEN: Final = {
    errno.ENOSPC: ("the disk is full", "make room there"),
    errno.EDQUOT: ("the disk quota is used up", "make room in your quota"),
    errno.EFBIG: (
        "it has reached the largest size allowed",
        "raise the limit (ulimit -f)",
    ),
    errno.EROFS: ("the file system is read-only", "make it writable"),
    errno.EIO: ("the device reports an input/output error", "check the device"),
    errno.EACCES: ("permission is denied", "allow writing there"),
    errno.EPERM: ("permission is denied", "allow writing there"),
}
"""Why a file cannot be written, and the remedy, by the system's number of the error."""


def why_unwritten(error: OSError) -> str:
    """Return why something could not be written, and the remedy."""
    unknown = (error.strerror or str(error), "see to it")
    cause, remedy = _UNWRITTEN.get(error.errno or 0, unknown)
    return f"{cause}; {remedy}, or write to another place (--out)"


def not_kept(path: PurePath, error: OSError) -> NotKeptError:
    """Return the error that says in one line why a file could not be written, and the remedy."""
    return NotKeptError(f"{path} could not be written: {why_unwritten(error)}")


def defect_line(error: BaseException) -> str:
    """Return in one line what broke in the harness where nobody foresaw it, where, and how to see more."""
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"the harness cannot go on: {place}{error.strerror}; {DETAILS}"
    said = " ".join(str(error).split())
    kind = type(error).__name__
    what = f"{kind}: {said}" if said else kind
    return f"the harness itself failed: {_shortened(what)}{_place_of(error)}; please report it; {DETAILS}"


def _place_of(error: BaseException) -> str:
    """Return the last place of the harness that an error came through, " " before it, "" where there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _PACKAGE in frame.filename]
    if not own:
        return ""
    module = own[-1].filename.rpartition(_PACKAGE)[2]
    return f" ({module}, line {own[-1].lineno})"


def _shortened(line: str) -> str:
    """Return a line that a terminal can show: of a longer one its beginning and its end."""
    if len(line) <= _LONGEST_LINE:
        return line
    left_out = len(line) - _LONGEST_LINE
    begin = line[: _LONGEST_LINE - _KEPT_END]
    return f"{begin}… ({left_out} characters more) …{line[-_KEPT_END:]}"
