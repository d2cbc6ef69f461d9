"""The assembly: settings, urls, Celery, and the demo. May import every app; no app imports it."""
