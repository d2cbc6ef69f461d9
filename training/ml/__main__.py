"""``python -m training.ml``."""

import os
import sys

# Before any library with threads loads: threads that wait must sleep. Spinning ones cost much where anything else wants
# a core (40 steps, two threads, two busy cores: 141 s with OMP_WAIT_POLICY=ACTIVE, 30 s with PASSIVE).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from training.ml.cli import main

sys.exit(main())
