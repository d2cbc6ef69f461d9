"""Addresses of the start page, signing in and out, and health."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from config.web import health, home

login = LoginView.as_view(template_name="config/login.html", redirect_authenticated_user=True)

urlpatterns = [
    path("", home.show_home, name="home"),
    path("login/", login, name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("healthz", health.show_alive, name="healthz"),
    path("readyz", health.show_ready, name="readyz"),
]
