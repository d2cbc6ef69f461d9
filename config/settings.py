"""Django settings. No logic: values come from ``config.env``; without any, the embedded services are used."""

from pathlib import Path

import dj_database_url

from config.env import Env
from config.mail import read_email_url
from foundation import services

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent

# --- where things live -----------------------------------------------------------------------------------------
DAYBREAK_HOME = env.path("DAYBREAK_HOME", BASE_DIR / ".daybreak")
_urls = services.urls(DAYBREAK_HOME)  # of the embedded services, whether or not they run yet
DATABASE_URL = env.text("DATABASE_URL", _urls.database)
REDIS_URL = env.text("REDIS_URL", _urls.redis)
STORAGE_URL = env.text("STORAGE_URL", f"file://{DAYBREAK_HOME / 'blobs'}")

# --- who may talk to us ----------------------------------------------------------------------------------------
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY") or services.local_secret(DAYBREAK_HOME)
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "config",
    "foundation",
    "collector",
    "modelhub",
    "training",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.contrib.humanize",  # "3 days ago" on allauth's pages
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.headless",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "foundation.problems.ProblemMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.web.factors.SecondFactorMiddleware",  # after whoever says who is signed in
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
SECURE = env.flag("SECURE", default=False)  # behind HTTPS: production turns this on
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_SSL_REDIRECT = SECURE
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}

# --- signing in (django-allauth) -------------------------------------------------------------------------------
AUTH_USER_MODEL = "foundation.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [  # for the few accounts that have one
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "home"
REQUIRE_MFA = env.flag("REQUIRE_MFA", default=SECURE)  # of reviewers, leads and admins; a laptop need not bother
ACCOUNT_ADAPTER = "config.web.accounts.AccountAdapter"
ACCOUNT_FORMS = {"login": "config.web.accounts.SignInForm"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None  # the e-mail address is the name
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]  # no password to think up, to forget, to leak
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 900  # seconds: mail is slow at times, and so is reading a code letter by letter
ACCOUNT_EMAIL_VERIFICATION = "mandatory"  # what belongs to an account, photos above all, follows its address
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True  # a code works where the link would open another browser
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PREVENT_ENUMERATION = True  # the answer to an unknown address is that to a known one
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Daybreak: "
ACCOUNT_EMAIL_NOTIFICATIONS = True  # whoever did not add that passkey should hear of it
ACCOUNT_CHANGE_EMAIL = True  # one address, changed once the new one is proved; several would only confuse
ACCOUNT_SESSION_REMEMBER = True  # phones and desks: being asked each morning teaches people to use weak ways
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SECURE else "http"
MFA_ADAPTER = "config.web.accounts.FactorAdapter"
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {"add_webauthn": "config.web.accounts.AddPasskeyForm"}
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SECURE  # browsers allow passkeys on http://localhost, and nowhere else
MFA_TOTP_ISSUER = "Daybreak"
MFA_TOTP_TOLERANCE = 1  # half a minute early or late: clocks of phones differ
USERSESSIONS_TRACK_ACTIVITY = False  # an address and a time for every request: more than the list of sessions needs
HEADLESS_CLIENTS = ("app",)  # phones; browsers use the pages
# How many proxies before us add to X-Forwarded-For. With 0 the header is not believed, and behind a proxy all people
# would share the limits of one address.
ALLAUTH_TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXIES", 0)

# --- mail ------------------------------------------------------------------------------------------------------
_mail = read_email_url(env.text("EMAIL_URL", "console:"))
EMAIL_BACKEND, EMAIL_FILE_PATH = _mail.backend, _mail.folder
EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.use_tls, _mail.use_ssl
EMAIL_TIMEOUT = 10  # seconds: somebody waits at the sign-in page
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("EMAIL_FROM", "Daybreak <daybreak@localhost>")

# --- database, cache, files ------------------------------------------------------------------------------------
DATABASES = {
    "default": {
        **dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True),
        "ATOMIC_REQUESTS": False,
    }
}
CACHES = {  # the limits on signing in; they go on in each process alone while Redis is away
    "default": {
        "BACKEND": "config.cache.RedisOrOwnMemory",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    }
}
STATIC_URL = "static/"
STATIC_ROOT = DAYBREAK_HOME / "static"
WHITENOISE_USE_FINDERS = True  # a checkout serves its own static files without a collectstatic step
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # forms and JSON; photos are streamed and have their own limit
DATA_UPLOAD_MAX_NUMBER_FILES = 1

# --- time and language -----------------------------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

# --- Daybreak's own --------------------------------------------------------------------------------------------
JOB_LEASE_S = env.integer("JOB_LEASE_S", 120, minimum=3)
JOB_ATTEMPTS = env.integer("JOB_ATTEMPTS", 3, minimum=1)
ORIGINAL_DAYS = env.integer("ORIGINAL_DAYS", 7)
HUB_KEY_FILE = env.path("HUB_KEY_FILE", DAYBREAK_HOME / "keys" / "hub.ed25519")
HUB_EXPIRES_H = env.integer("HUB_EXPIRES_H", 7 * 24, minimum=4)  # beat signs anew hourly, at half this
NIGHT_HOUR_UTC = env.integer("NIGHT_HOUR_UTC", 1)
EXPORT_DAYS = env.integer("EXPORT_DAYS", 7, minimum=1)
PUBLIC_URL = env.text("PUBLIC_URL", "http://127.0.0.1:8000")
TRAINING_LITERT_PYTHON = env.text("TRAINING_LITERT_PYTHON")  # empty: the worker's own interpreter
PROJECT_CHECKS = {  # what these fields of a project may hold is for training to say
    "architectures": "training.domain.networks.check",
    "capture_profile": "training.domain.profiles.check",
}
TRAINING_SHARD_PHOTOS = env.integer(
    "TRAINING_SHARD_PHOTOS", 2000, minimum=1
)  # new photos one training worker takes at a time

# --- how much is too much: counted in Redis, per volunteer or per network address ---------------------------------
LIMIT_UPLOADS = env.rates("LIMIT_UPLOADS", "600/hour, 2000/day")  # a week's queue of a returning phone goes at once
LIMIT_UPLOAD_MB = env.rates("LIMIT_UPLOAD_MB", "8000/day")
LIMIT_RECONCILES = env.rates("LIMIT_RECONCILES", "120/hour")  # of up to 500 photos each
LIMIT_GUESTS = env.rates("LIMIT_GUESTS", "60/hour, 200/day")  # per address: a school class shares one
TRUSTED_PROXIES = env.integer("TRUSTED_PROXIES", 0)  # how many stand before us and write X-Forwarded-For

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO")},
}
