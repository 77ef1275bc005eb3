"""Owns the release of a set: the requirements and named cases as they are, written to `spec/sets/` under a name.

It must not know what any of them says. Run by hand from the project's folder, once all rows of a release are there:
`python -m tests.bench.release_set 2026.11`. It sends nothing, and takes as long as planning a thorough run.
"""

# ruff: noqa: T201 - what the script prints is its result

from __future__ import annotations

import argparse

from invoice_conformance.config import Settings
from invoice_conformance.session import Suite
from invoice_conformance.sets import RequirementSet


def main() -> None:
    """Write the set that the command line names; one of that name is written anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="year and month, such as 2026.11")
    given = parser.parse_args()
    suite = Suite.load()
    plan = suite.plan(Settings(profile="thorough"))
    released = RequirementSet.of(given.name, suite.catalogue, plan.scripts)
    print(f"{released.write()}: {len(released.levels)} requirements, {len(released.cases)} cases")


if __name__ == "__main__":
    main()
