"""CPU time of a night on 2,000 photos of which 200 are new, against a plain torchvision fine-tuning loop.

Ours is the whole of ``manage.py nightly`` on the second night of a real project: every stage, every child, Django and
all imports, as the kernel counts them when the command ends; PostgreSQL and Redis are counted apart. The loop
(loop.py) learns from the same train photos and the same weights, and is given the golden accuracy ours reached; its
CPU time counts until an epoch first reaches it, or to the end of 25 epochs, at the best of three rates. Its checks on
the golden photos are not counted.

The 1,753 sign-language digits are made up to 2,000 with photos of the same volunteers, turned and lit otherwise.
NIGHT_LOOP=0 leaves the loop out, NIGHT_SIZE says the network's input (224), BENCH_WORK keeps the folders.
"""

from benchmarks.night.measuring import main

__all__ = ["main"]
