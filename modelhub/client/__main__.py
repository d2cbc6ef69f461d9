"""``python -m modelhub.client``."""

import sys

from modelhub.client.cli import main

sys.exit(main())
