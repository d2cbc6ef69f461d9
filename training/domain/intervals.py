"""How far a share of so few photos can be trusted."""

import math
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)  # 95%, both sides


def wilson(correct: int, photos: int) -> tuple[float, float]:
    """The 95% interval of a share, by Wilson's score: sensible for few photos, and for none or all of them right.

    It takes photos for independent. Those of one person are not, so that the truth may lie somewhat further off.
    Raises ValueError where there is nothing to judge by.
    """
    if not 0 <= correct <= photos or photos == 0:
        raise ValueError(f"{correct} right of {photos} photos is no share; allowed is 0 to all of at least one photo.")
    share, weight = correct / photos, Z * Z / photos
    middle = share + weight / 2
    reach = Z * math.sqrt(share * (1 - share) / photos + weight / (4 * photos))
    low, high = (middle - reach) / (1 + weight), (middle + reach) / (1 + weight)
    return max(0.0, min(low, share)), min(1.0, max(high, share))  # what rounding adds must not exclude the share
