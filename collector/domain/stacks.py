"""Photos of one moment share a stack, of which reviewers see the one on top."""

import uuid
from collections.abc import Iterable


def promote(photo_ids: Iterable[uuid.UUID]) -> None:
    """Give each of these photos' stacks exactly one photo on top among those that wait."""
