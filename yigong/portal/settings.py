"""Django settings, all from the typed environment."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import psycopg.conninfo

from yigong.portal import wiring
from yigong.portal.env import ROOT, env, secret

BASE_DIR = ROOT
SECRET_KEY = secret("django")
EDGE_SECRET = secret("edge")  # the centre's signing key for edge nodes is made of it
SECRET_OF = secret  # of outside systems, by name: pacs_<code>
OPAQUE_KEY = secret("opaque")  # turns internal ids into ids that may stand in an address
DEBUG = env().debug
_smtp = urlsplit(env().smtp)  # the password is the secret "smtp"
EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER = _smtp.hostname or "127.0.0.1", _smtp.port or 25, unquote(_smtp.username or "")
EMAIL_HOST_PASSWORD = secret("smtp") if EMAIL_HOST_USER else ""
EMAIL_USE_SSL, EMAIL_USE_TLS, EMAIL_TIMEOUT = _smtp.scheme == "smtps", "tls=start" in _smtp.query, 10
DEFAULT_FROM_EMAIL = env().mail_from
ALLOWED_HOSTS = list(env().hosts)
CSRF_TRUSTED_ORIGINS = [env().public_url]
SYNTHETIC = env().synthetic
LOCAL = env().local
EXCHANGE_BUFFER = LOCAL / "buffer"  # raw batches kept for some days
EXCHANGE_HASHES = LOCAL / "hashes"  # what whole-table comparison remembers
COUNTY_MAP = LOCAL / "county.geojson"  # put there by the installation; the demonstration draws its own

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    *wiring.APPS,
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "yigong.platform.fhir.door.FhirDoor",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "yigong.security.middleware.CtxMiddleware",
]

ROOT_URLCONF = "yigong.portal.urls"
WSGI_APPLICATION = "yigong.portal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "yigong.portal.navigation.frame",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "yigong.web.templatetags.yg",
                "yigong.web.templatetags.yg_filters",
            ],
        },
    }
]

_database = psycopg.conninfo.conninfo_to_dict(env().database_url)
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.get("dbname", "yigong"),
        "USER": _database.get("user", ""),
        "PASSWORD": _database.get("password", ""),
        "HOST": _database.get("host", ""),
        "PORT": str(_database.get("port", "")),
        # one connection for each worker thread, and some for jobs that carry two batches at once: the pool grows as it
        # is asked and can never be the place where somebody waits; an attempt to connect ends soon, for the pauses
        # between attempts double, and after an outage of minutes nobody would try again for as long
        "OPTIONS": {
            "connect_timeout": 5,  # a host that swallows packets is as away as one that refuses them
            "server_side_binding": True,  # parameters travel beside the statement, so that the ORM's statements are prepared too
            "pool": {"min_size": 1, "max_size": env().web_threads + 16, "timeout": 20, "reconnect_timeout": 3},
            **{k: v for k, v in _database.items() if k not in ("dbname", "user", "password", "host", "port")},
            "prepare_threshold": 5,  # Django says None otherwise, and then psycopg prepares nothing, whoever asks
        },
        "CONN_HEALTH_CHECKS": False,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "security.User"
AUTHENTICATION_BACKENDS = ["yigong.security.backend.StaffBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "security:login"
LOGIN_REDIRECT_URL = "home"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_ENGINE = "yigong.security.backend"  # several processes serve one session
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env().public_url.startswith("https://")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

EVENT_HANDLERS = wiring.HANDLERS
KAFKA, KAFKA_PREFIX = env().kafka, env().kafka_prefix
BUS_HANDLERS, BUS_STEPS, BUS_SERVICES = wiring.BUS_HANDLERS, wiring.BUS_STEPS, wiring.BUS_SERVICES
FHIR_PUBLISHERS = wiring.FHIR_PUBLISHERS
ACTION_TABLES = wiring.ACTIONS
WAREHOUSE_EXTRACTS = wiring.EXTRACTS
SENTENCE_TABLES = wiring.SENTENCES
CSRF_FAILURE_VIEW = "yigong.web.http.csrf_failed"
BEARERS = "yigong.platform.fhir.api:reader_of_persons"  # who asks the direct door of the index with which token
INSTITUTION_LOOKUP = "yigong.platform.registry.api:institution"  # the mark of an institution is drawn from its code
INSTITUTION_LIST = "yigong.platform.registry.api:institutions"  # to choose one of, on pages below the register

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
USE_I18N = True
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = LOCAL / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "yigong.web.finders.PackageFinder",
]
STATICFILES_DIRS: list[str] = []
NODE_MODULES = ROOT / "node_modules"
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"yigong": {"level": "INFO"}, "django.request": {"level": "ERROR"}},
}
