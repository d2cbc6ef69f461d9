"""``python -m benchmarks AREA ...``: every module here that has a ``main`` is an area."""

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence

import benchmarks

NOT_AREAS = {"databases", "lines", "serving", "__main__"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the areas in turn; returns 1 if a target was missed."""
    areas = sorted(found.name for found in pkgutil.iter_modules(benchmarks.__path__) if found.name not in NOT_AREAS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measurements, one JSON line each; exit status 1 if a target was missed.",
        epilog=f"areas: {', '.join(areas)}",
    )
    parser.add_argument("areas", nargs="+", choices=areas, metavar="AREA", help="what to measure")
    chosen = parser.parse_args(arguments).areas
    met = [importlib.import_module(f"benchmarks.{area}").main() for area in chosen]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
