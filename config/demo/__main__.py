"""``python -m config.demo``."""

import sys

from config.demo.demo import main

if __name__ == "__main__":  # the processes that draw photos import this file too
    sys.exit(main())
