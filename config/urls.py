"""Where everything is mounted."""

from django.contrib import admin
from django.urls import include, path

from config.api import api

urlpatterns = [
    path("", include("config.web.urls")),
    path("", include("collector.web.urls")),
    path("", include("training.web.urls")),
    path("", include("modelhub.urls")),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
]
