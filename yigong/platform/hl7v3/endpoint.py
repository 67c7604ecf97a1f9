"""The addresses that callers use: SOAP by POST, WSDL by GET. They need no log in; each call says who calls."""

from __future__ import annotations

import base64
import binascii

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from yigong.kit.errors import Refused
from yigong.platform.hl7v3 import declared, services, soap
from yigong.security.api import public


@csrf_exempt
@never_cache
@public
def endpoint(request: HttpRequest, service: str = "") -> HttpResponse:
    """HIPMessageServer of one service, or of all of them at the common address."""
    spec = declared.by_name(service) if service else None
    if service and spec is None:
        return HttpResponse("no such service\n", status=404, content_type="text/plain; charset=utf-8")
    if request.method == "POST":
        return _answered(_received(request, service))
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})
    words = f"{spec.key} {spec.service.name_zh}" if spec else "HIPService"
    address = request.build_absolute_uri(request.path)
    return HttpResponse(soap.wsdl(address, words, spec.root if spec else "*"), content_type="text/xml; charset=utf-8")


def _received(request: HttpRequest, service: str) -> services.Answered:
    body = request.read(soap.LIMIT + 1)
    if len(body) > soap.LIMIT:
        refused = Refused("xml_too_large", size=len(body), limit=soap.LIMIT)
        return services.fault("1.2", refused)
    user, secret = _basic(request.headers.get("Authorization", ""))
    return services.receive(body, service=service, user=user, secret=secret)


def _basic(header: str) -> tuple[str, str]:
    """Name and secret of HTTP Basic; empty when there is none."""
    kind, _blank, value = header.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        name, _colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


def _answered(found: services.Answered) -> HttpResponse:
    response = HttpResponse(found.body, status=found.status, content_type=found.media_type)
    if found.status == 401:
        response["WWW-Authenticate"] = 'Basic realm="HIPService"'
    return response
