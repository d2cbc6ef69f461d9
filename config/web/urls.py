"""Addresses of the start page, signing in and out, one's own account, and health."""

from allauth.account.views import login, logout
from django.urls import path
from django.views.decorators.http import require_POST

from config.web import account, factors, health, home

urlpatterns = [
    path("", home.show_home, name="home"),
    path("login/", login, name="login"),
    path("logout/", require_POST(logout), name="logout"),
    path("account/", account.show_account, name="account"),
    path("account/sessions/<int:session_id>/end", account.end_session, name="account_end_session"),
    path("account/devices/<int:device_id>/revoke", account.revoke_device, name="account_revoke_device"),
    path("account/export", account.ask_export, name="account_export"),
    path("account/exports/<uuid:export_id>", account.download_export, name="account_download"),
    path("account/erase", account.erase_account, name="account_erase"),
    path("account/erased/<uuid:erasure_id>", account.show_receipt, name="account_erased"),
    path("account/second-factor", factors.show_needed, name="factor_needed"),
    path("healthz", health.show_alive, name="healthz"),
    path("readyz", health.show_ready, name="readyz"),
]
