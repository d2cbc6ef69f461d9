"""Where everything is mounted."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from config.api import api

# One way to sign in, with its limits and second factors, for the admin too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", include("config.web.urls")),
    path("", include("collector.web.urls")),
    path("", include("training.web.urls")),
    path("", include("modelhub.urls")),
    path("", include("allauth.account.urls")),  # /login/, /signup/, /logout/, /email/, /reauthenticate/
    path("account/factors/", include("allauth.mfa.urls")),
    path("_allauth/", include("allauth.headless.urls")),  # what phones sign in with; see docs/protocol.md
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
]
