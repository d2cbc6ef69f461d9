from django.apps import AppConfig


class AssemblyConfig(AppConfig):
    """Makes config's management commands, templates and static files known to Django."""

    name = "config"

    def ready(self) -> None:
        """Make our Celery app the current one, so that doorbells reach our broker."""
        import config.celery  # noqa: F401 -- here, for Celery's fix-up wants Django's apps first
