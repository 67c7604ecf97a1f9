"""The way of requests to FHIR: past sessions, forms, languages and messages, which only pages need.

Stands in MIDDLEWARE behind SecurityMiddleware, whose headers these answers bear like all others.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_resolver
from django.utils import translation

from yigong.kit.ids import new_request_id

PREFIX = "/fhir/r4/"
URLS = "yigong.platform.fhir.urls"


class FhirDoor:
    """Answers what is asked below PREFIX, and lets everything else go on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        try:
            match = get_resolver(URLS).resolve(request.path_info[len(PREFIX) - 1 :])
        except Resolver404:
            return self.get_response(request)
        request.request_id = new_request_id()  # type: ignore[attr-defined]
        translation.activate(settings.LANGUAGE_CODE)  # the thread may have spoken another one just now
        answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        answer.headers["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        answer.headers["X-Frame-Options"] = "DENY"
        if (
            "Cache-Control" not in answer.headers
        ):  # kept by nobody but the client, and asked about before it is used again
            answer.headers["Cache-Control"] = "private, no-cache"
            answer.headers["Vary"] = "Accept, Authorization"
        if isinstance(answer, HttpResponse):
            answer.headers["Content-Length"] = str(len(answer.content))
        return answer
