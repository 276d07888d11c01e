"""Measures what the runner adds to an exchange, beside the same requests sent by a bare shared httpx client.

One command, one table: `python benchmarks/own_cost.py`. Both face the same local platform, a process
of its own, in turns within one run; figures are medians of the rounds. The runner's time includes
checks, evidence on disk and all outputs of the run folder.
"""

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import httpx
from platforms import local_platform

from conformance.engine.campaign import Campaign, open_campaign
from conformance.engine.embedded import start_embedded
from conformance.engine.plan import Selection, make_plan
from conformance.model.exchange import Request
from conformance.reporting.outputs import write_outputs
from conformance.target.reading import choose_services, load_target

SERVICE, CASE = "status-dashboard", "status-dashboard/7.2/dashboard"
LIMIT = 2.5
EXCHANGES_A_CASE = 25


def bare(request: Request, count: int) -> float:
    """Return the seconds that a shared httpx client takes for `count` requests and their bodies."""
    with httpx.Client() as client:
        prepared = client.build_request(
            request.method, request.url, headers=list(request.headers)
        )
        began = time.perf_counter()
        for _ in range(count):
            client.send(prepared)
        return time.perf_counter() - began


def own(target: Path, folder: Path, count: int) -> float:
    """Return the seconds that the runner takes for `count` exchanges, spread over cases, outputs included."""
    campaign = _campaign(target, folder, count // EXCHANGES_A_CASE)
    began = time.perf_counter()
    for case in campaign.plan.cases:
        results = [campaign.run(case) for _ in range(EXCHANGES_A_CASE)]
        numbers = tuple(number for result in results for number in result.exchanges)
        campaign.tally.add(replace(results[-1], exchanges=numbers))
    campaign.close()
    write_outputs(campaign)
    return time.perf_counter() - began


def _campaign(target: Path, folder: Path, count: int) -> Campaign:
    loaded = load_target(str(target))
    (service,) = choose_services(loaded, (SERVICE,))
    case = service.spec.cases[CASE]
    cases = {
        f"{CASE}-{number}": replace(case, id=f"{CASE}-{number}")
        for number in range(count)
    }
    many = replace(service, spec=replace(service.spec, cases=cases))
    plan = make_plan(loaded, (many,), Selection())
    return open_campaign(plan, folder, start_embedded(plan.services))


def measure(target: Path, parent: Path, count: int, rounds: int) -> tuple[float, float]:
    """Return the medians, in milliseconds an exchange, of the bare client and of the runner."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            campaign = _campaign(target, Path(folder), 1)
            request = campaign.runner(SERVICE).session.requests.request(
                next(campaign.plan.cases).request
            )
            campaign.close()
            times[0].append(bare(request, count))
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            times[1].append(own(target, Path(folder), count))
    plain, full = (statistics.median(found) / count * 1000 for found in times)
    return plain, full


def main() -> int:
    """Print the table; end with 1 where the ratio in memory-backed storage is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--count", type=int, default=1000, help="requests a round (default: 1000)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    options = parser.parse_args()
    memory = Path("/dev/shm")  # noqa: S108 - memory-backed
    if not memory.is_dir():
        memory = Path(tempfile.gettempdir())
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        local_platform(Path(folder)) as target,
    ):
        for name, parent in (("memory", memory), ("disk", Path(tempfile.gettempdir()))):
            plain, full = measure(target, parent, options.count, options.rounds)
            rows.append((name, plain, full, full / plain))
    print(f"{'run folder in':14}{'bare httpx ms':>15}{'runner ms':>12}{'ratio':>8}")
    for name, plain, full, ratio in rows:
        print(f"{name:14}{plain:15.3f}{full:12.3f}{ratio:8.2f}")
    print(
        f"limit: {LIMIT} in memory; {options.rounds} rounds of {options.count} requests"
    )
    return int(rows[0][3] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
