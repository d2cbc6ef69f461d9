"""How much one account may count among the photos that teach: a bound on what a single person can do to a model.

An account over the bound keeps all its photos, each with a weight below one. Pure functions, no database.
"""

import math
from collections.abc import Mapping

LEAST_VOLUNTEERS = 10  # with fewer, a bound would mostly punish whoever began the project
ALWAYS_ALLOWED = 0.1  # of the weight of all train photos
TIMES_EQUAL = 2.0  # an equal share so many times is allowed too, or few accounts could not keep to the bound


def bound_of(accounts: int) -> float:
    """The share that one of so many teaching accounts may have."""
    return max(ALWAYS_ALLOWED, TIMES_EQUAL / accounts)


def weigh_accounts(photos: Mapping[str, int], others: int = 0) -> dict[str, float]:
    """Account to the weight of each of its photos, for accounts over the bound; the rest weigh one a photo.

    ``photos`` counts the train photos of each account, ``others`` those of nobody known, which share in the whole only.
    Weights are rounded down to six decimals, so that the same photos give the same bytes and nobody passes the bound.
    """
    counts = {name: count for name, count in photos.items() if count}
    if not counts:
        return {}
    bound = bound_of(len(counts))
    rest = others + sum(counts.values())
    level = 0.0  # what an account may weigh in all, where those over it weigh just that
    for heavier, count in enumerate(sorted(counts.values(), reverse=True)):
        level = bound * rest / (1 - bound * heavier)  # never by zero: fewer than half of the accounts can be heavier
        if count <= level:
            break
        rest -= count
    return {name: math.floor(1e6 * level / count) / 1e6 for name, count in sorted(counts.items()) if count > level}
