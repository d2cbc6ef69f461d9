"""``python -m training.ml``."""

import os
import sys

# Before any library with threads loads: threads that wait may spin for microseconds, then must sleep. On two cores, a
# training step took 170 ms so, 250 ms with threads that sleep at once; with another process that wants the cores, it
# took 480 ms, and 1,100 ms with threads that spin ten times longer.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from training.ml.cli import main

sys.exit(main())
