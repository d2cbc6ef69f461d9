"""The hub's three addresses."""

from django.urls import path, re_path

from modelhub.api.files import artifact
from modelhub.api.keys import keys
from modelhub.api.latest import latest

urlpatterns = [
    path("models/latest", latest, name="models_latest"),
    path("models/key", keys, name="models_key"),
    re_path(r"^m/sha256/(?P<shard>[0-9a-f]{2})/(?P<sha256>[0-9a-f]{64})$", artifact, name="artifact"),
]
