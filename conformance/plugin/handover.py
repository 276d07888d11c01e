"""What passes between the command line and a pytest session of its own: a prepared run in, the results document out.

Keys and values only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.engine.events import Listener
from conformance.engine.plan import Plan


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """What the command line hands in, which has parsed the options itself; `listeners` are told of the run's events."""

    plan: Plan
    folder: Path
    listeners: tuple[Listener, ...] = ()


PREPARED = pytest.StashKey[PreparedRun]()
DOCUMENT = pytest.StashKey[Mapping[str, Any]]()
"""The results document, once the session has finished."""
