"""What all tests share: they are true on a busy machine, and whatever the environment of who runs them says."""

import os

from hypothesis import settings

# Hypothesis gives an example 200 ms of wall time by default, which a busy machine takes for any. No test here is about
# the time of one example; whoever is, measures.
settings.register_profile("tests", parent=settings(), deadline=None)
settings.load_profile("tests")

# What a developer has set for work (a proxy, a target, further arguments for pytest) would reach the processes that
# tests start, and the clients that they use. A test that is about such a variable sets it itself.
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
for _name in (*PROXIES, *map(str.upper, PROXIES), "EHEALTH_TARGET", "PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
    os.environ.pop(_name, None)
