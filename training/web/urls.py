"""Addresses of the nights."""

from datetime import date

from django.urls import path, register_converter

from training.web import cards, runs


class NightConverter:
    """A date such as ``2026-11-21``; what is no date is no address."""

    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, value: str) -> date:
        """Raises ValueError for such as ``2026-02-31``, which Django turns into 404."""
        return date.fromisoformat(value)

    def to_url(self, value: date | str) -> str:
        """The date as it stands in the address."""
        return str(value)


register_converter(NightConverter, "night")

urlpatterns = [
    path("runs/<slug:slug>/", runs.list_runs, name="runs"),
    path("runs/<slug:slug>/<night:night>/", runs.show_run, name="run"),
    path("runs/<slug:slug>/<night:night>/progress", runs.show_progress, name="run_progress"),
    path("runs/<slug:slug>/<night:night>/card/", cards.show_card, name="model_card"),
    path("runs/<slug:slug>/<night:night>/card.md", cards.download_markdown, name="model_card_markdown"),
    path("runs/<slug:slug>/<night:night>/card.json", cards.download_json, name="model_card_json"),
]
