"""Prepares the standard streams of a command for whatever the user's environment has left of them.

Must not decide what is printed.
"""

import io
import os
import sys

_STANDARD_DESCRIPTORS = 3


def prepare_streams() -> None:
    r"""Make every character printable in any encoding, and keep files from getting the number of a closed stream.

    A character that the encoding lacks is escaped (`\u2026`): in cp1252, in ASCII, with LC_ALL=C.
    """
    _hold_closed_descriptors()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _hold_closed_descriptors() -> None:
    """Open what leads nowhere in the place of each standard stream that was closed from the start (`<&-`)."""
    for number in range(_STANDARD_DESCRIPTORS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
