"""What all tests share: they are true on a busy machine, and whatever the environment of who runs them says."""

import atexit
import os
import shutil
import tempfile

from hypothesis import settings

# Hypothesis gives an example 200 ms of wall time by default, which a busy machine takes for any. No test here is about
# the time of one example; whoever is, measures.
settings.register_profile("tests", parent=settings(), deadline=None)
settings.load_profile("tests")

# What a developer or a build server has set (a proxy, a target, colours, further arguments for pytest) would reach the
# processes that tests start and the clients that they use. A test that is about such a variable sets it itself.
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
COLOURS = ("FORCE_COLOR", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PY_COLORS", "COLUMNS", "LINES")
OPTIONS = ("EHEALTH_TARGET", "PYTEST_ADDOPTS", "PYTEST_PLUGINS")
for _name in (*PROXIES, *map(str.upper, PROXIES), *COLOURS, *OPTIONS):
    os.environ.pop(_name, None)

# What runs remember of their target files goes into a state of the tests' own, never into the user's.
_STATE = tempfile.mkdtemp(prefix="ehealth-conformance-state-")
os.environ["XDG_STATE_HOME"] = _STATE
atexit.register(shutil.rmtree, _STATE, ignore_errors=True)
