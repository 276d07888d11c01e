"""Where this user's programs keep what they have found out: the state that stays, and the cache that may go.

Must not make a folder.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def state_folder(
    environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> Path | None:
    """Return where this user's programs keep their state, None where nothing tells.

    XDG_STATE_HOME where it is a whole path (XDG Base Directory Specification 0.8), else the platform's usual place.
    """
    given = Path(environment.get("XDG_STATE_HOME", ""))
    if given.is_absolute():
        return given
    if platform == "win32" and environment.get("LOCALAPPDATA"):
        return Path(environment["LOCALAPPDATA"])
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if platform == "darwin":
        return home / "Library" / "Application Support"
    return home / ".local" / "state"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return where this user's programs keep what can be had anew, None where nothing tells.

    XDG_CACHE_HOME where it is a whole path (XDG Base Directory Specification 0.8), else `.cache` at home.
    """
    given = Path(environment.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():
        return given
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        return None
