"""Tiny independent implementations of the services under test, some right, some wrong and some hostile.

They were written from the cookbooks alone, without a look at the harness, so that a misreading of the harness is
not repeated here. Standard library only (and cryptography for tokens); everything listens on loopback, on a port the
system chooses.

- ``status_dashboard``: ``VARIANTS`` and ``serve(name)``; BASE/dashboard, BASE/dashboard/int and BASE/dashboard/acc.
- ``incidents_interventions``: ``VARIANTS`` and ``serve(name)``; BASE/incidents and BASE/interventions.
- ``therapeutic_exclusion``: ``VARIANTS`` and ``serve(name)``, which yields a target's section; ``tokens`` issues.
- ``hostile``: ``BEHAVIOURS``, ``serve(name)`` and ``elsewhere_requests(base_url)``; raw sockets that break HTTP itself.
- ``server``: the little HTTP server and the layers of which the variants of both services are made.

Each of them runs by hand: ``python -m tests.peers.status_dashboard --variant plain --port 0`` prints the base URL
and serves until interrupted, ``--list`` prints what there is, one a line.
"""
