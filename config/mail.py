"""Where mail goes, as one address: ``EMAIL_URL``."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

BACKENDS = {
    "console": "django.core.mail.backends.console.EmailBackend",
    "file": "django.core.mail.backends.filebased.EmailBackend",
    "smtp": "django.core.mail.backends.smtp.EmailBackend",
    "smtps": "django.core.mail.backends.smtp.EmailBackend",
}
PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, kw_only=True)
class Mail:
    """Django's settings for mail, by shorter names."""

    backend: str
    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = ""
    use_tls: bool = False
    use_ssl: bool = False
    folder: str | None = None


def read_email_url(url: str) -> Mail:
    """``smtp://user:password@host:587`` (STARTTLS), ``smtps://`` (TLS at once), ``file:///folder`` or ``console:``.

    Plain SMTP without encryption only to this very machine. Raises ImproperlyConfigured.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _wrong(url, str(error)) from error
    if parts.scheme not in BACKENDS:
        raise _wrong(url, "it begins with none of these")
    backend = BACKENDS[parts.scheme]
    if parts.scheme == "console":
        return Mail(backend=backend)
    if parts.scheme == "file":
        if not parts.path.startswith("/"):
            raise _wrong(url, "the folder is missing")
        return Mail(backend=backend, folder=unquote(parts.path))
    if not parts.hostname:
        raise _wrong(url, "the host is missing")
    is_here = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return Mail(
        backend=backend,
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        use_tls=parts.scheme == "smtp" and not is_here,
        use_ssl=parts.scheme == "smtps",
    )


def _wrong(url: str, why: str) -> ImproperlyConfigured:
    shown = url.rpartition("@")[2]  # never the password
    return ImproperlyConfigured(
        f"EMAIL_URL is {shown!r}: {why}. Allowed are smtp://user:password@host:587, smtps://user:password@host:465, "
        "file:///folder and console:. Correct it, or unset it to write mail to the console."
    )
