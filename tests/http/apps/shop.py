"""A small shop on Django: sessions and orders in PostgreSQL, everything set by the environment."""

import os

from django.conf import settings

HERE = os.environ["SHOP_FOLDER"]


def switch(name):
    return os.environ.get(name) == "1"


settings.configure(
    SECRET_KEY="of no worth outside a test",
    ALLOWED_HOSTS=os.environ["SHOP_HOSTS"].split(","),
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.sessions"],
    MIDDLEWARE=[
        f"{__name__}.crash",
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "postgres",
            "HOST": os.environ["SHOP_DATABASE"].rsplit(":", 1)[0],
            "PORT": os.environ["SHOP_DATABASE"].rsplit(":", 1)[1],
            "OPTIONS": {"connect_timeout": 2},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    # A cache that keeps nothing, as it stands in settings for development.
    CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}},
    SESSION_ENGINE="django.contrib.sessions.backends."
    + ("cache" if switch("SHOP_FORGETS") else "db"),
    SESSION_COOKIE_DOMAIN=os.environ.get("SHOP_COOKIE_DOMAIN") or None,
    SESSION_COOKIE_PATH=os.environ.get("SHOP_COOKIE_PATH") or "/",
    SESSION_COOKIE_SECURE=switch("SHOP_COOKIE_SECURE"),
    SECURE_SSL_REDIRECT=switch("SHOP_HTTPS"),
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    SECURE_HSTS_SECONDS=0,
    LOGGING_CONFIG=None,
)

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402


def crash(get_response):
    """Ends the worker in the middle of a request while there is a file of this name."""

    def answer(request):
        if os.path.exists(os.path.join(HERE, "crash")):
            os._exit(1)
        return get_response(request)

    return answer


def page(request):
    return HttpResponse("<!doctype html><title>Shop</title><h1>Welcome to the shop</h1>\n")


def session(request):
    if request.method == "POST":
        request.session["who"] = "visitor"
    return JsonResponse({"valid": request.session.get("who") == "visitor"})


def health(request):
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception as error:
        return JsonResponse({"status": "degraded", "database": type(error).__name__})
    return JsonResponse({"status": "ok", "database": "ok"})


def orders(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orders")
        return JsonResponse({"orders": cursor.fetchone()[0]})


urlpatterns = [
    path("", page),
    path("api/session", session),
    path("api/health", health),
    path("api/orders", orders),
]

if switch("SHOP_MIGRATES"):
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS orders (id int)")
    connection.close()

application = get_wsgi_application()
