"""Counts false alarms: the suites of all services against the faultless local platform, once a seed.

    python benchmarks/false_alarms.py --seeds 50

Ends with 1 where any run finds anything, or cannot decide a case.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from conformance.contracts.loading import service_ids
from conformance.engine.plan import LOCAL_EXAMPLES
from conformance.selftest.mutants import Mutant, MutantResult, MutantStatus
from conformance.selftest.selftest import SelftestSettings, examine, processors


def main() -> None:
    """Run every service with every seed, telling alarms at once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seeds", type=int, default=50, help="how many seeds, from 1 on (default: 50)"
    )
    parser.add_argument(
        "--examples", type=int, default=LOCAL_EXAMPLES, help="examples a property draws"
    )
    options = parser.parse_args()
    services, began, alarms, cases, done = service_ids(), time.perf_counter(), 0, 0, 0
    with ProcessPoolExecutor(processors(), get_context("spawn")) as pool:
        runs = {
            pool.submit(
                examine, Mutant(service), SelftestSettings(seed, options.examples)
            ): (
                service,
                seed,
            )
            for seed in range(1, options.seeds + 1)
            for service in services
        }
        for future in as_completed(runs):
            found: MutantResult = future.result()
            cases, done = cases + found.cases, done + 1
            if found.status is not MutantStatus.CLEAN:
                alarms += 1
                service, seed = runs[future]
                print(
                    f"{found.status}: {service}, seed {seed}: {found.case}: {found.found}",
                    flush=True,
                )
            if done % 10 == 0:
                print(f"{done} of {len(runs)} runs", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - began
    print(
        f"{alarms} false alarms in {len(runs)} runs ({options.seeds} seeds, {cases} cases), {seconds:.0f} s"
    )
    sys.exit(bool(alarms))


if __name__ == "__main__":
    main()
