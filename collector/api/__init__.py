"""What phones may ask of the collector, as JSON. ``config.api`` mounts it."""

from ninja import Router

from collector.api import account, appeals, challenges, guests, photos, reconcile
from collector.api.refusals import add_problem_handlers

__all__ = ["add_problem_handlers", "router"]

router = Router()
router.add_router("", reconcile.router)  # before the addresses with an id in them
router.add_router("", photos.router)
router.add_router("", appeals.router)
router.add_router("", guests.router)
router.add_router("", challenges.router)
router.add_router("", account.router)
