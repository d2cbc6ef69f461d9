"""``python -m training.ml``."""

import os
import sys

# Before any library with threads loads: threads that wait must sleep. By default they spin, and where anything else
# wants a core, spinning made training five times slower (two threads, two busy cores: 141 s against 30 s).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from training.ml.cli import main

sys.exit(main())
