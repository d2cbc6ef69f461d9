"""How to learn tonight: decided by what the head on cached features measured, and said in words for the run's page.

The head is always first. It is cheap, and how it does on volunteers it has not seen says how like ImageNet the photos
are, and whether anything is left to gain.
"""

from dataclasses import dataclass

HEAD = "head on cached features"
LAST_BLOCKS = "head, then last blocks"
ALL_BLOCKS = "head, then all blocks"
SCRATCH, WARM = "from scratch", "warm start"

FEW, FEW_OF_A_LABEL = 500, 20  # fewer photos than that are too few to move a backbone
MANY, HUGE = 3_000, 20_000  # enough for all blocks; enough to need no pretrained weights
UNLIKE = 0.6  # where the head names fewer of unseen volunteers' photos, ImageNet's features do not fit
BY_HEART = 0.2  # knowing so much more of learned photos than of unseen ones, it has learned them by heart
TRIED_ON = 5  # one part in so many of the photos judges whether the blocks helped
TELLING = 10  # mistakes the head must make there: half of them mended is more than luck (five coins alike, 3%)


@dataclass(frozen=True, slots=True)
class Probe:
    """What the head measured. Shares are of photos named rightly, 0..1."""

    photos: int
    fewest: int  # photos of the label that has fewest
    learned: float  # of the photos it learned from
    unseen: float  # of volunteers left out in turn


def choose(probe: Probe) -> tuple[str, str]:
    """The strategy, and the reason in a sentence."""
    seen = (
        f"The head names {probe.unseen:.1%} of photos by volunteers it has not seen, and {probe.learned:.1%} of those "
        "it learned from"
    )
    mistakes = (1 - probe.unseen) * probe.photos / TRIED_ON
    if probe.photos < FEW or probe.fewest < FEW_OF_A_LABEL:
        few = f"{probe.photos:,} photos, {probe.fewest:,} of the rarest label, are too few to change more than the head"
        return HEAD, f"{few} ({FEW:,} and {FEW_OF_A_LABEL} are needed)."
    if mistakes < TELLING:
        return HEAD, f"{seen}: too few mistakes are left for anybody to tell whether more learning helps."
    if probe.unseen < UNLIKE and probe.photos >= HUGE:
        return SCRATCH, f"{seen}: ImageNet's features do not fit, and {probe.photos:,} photos are enough without them."
    if probe.photos >= MANY:
        return ALL_BLOCKS, f"{seen}, and {probe.photos:,} photos are enough for all blocks to learn from."
    if probe.learned - probe.unseen > BY_HEART:
        return HEAD, f"{seen}: it knows those by heart, and what is missing is more people, not more to learn with."
    return LAST_BLOCKS, f"{seen}, and {probe.photos:,} photos are enough for the last blocks, but not for all."
