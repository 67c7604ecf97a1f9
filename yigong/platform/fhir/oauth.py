"""The token endpoint and what clients learn of it (SMART backend services, RFC 6749)."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from yigong.platform.fhir import access
from yigong.security.guard import public


@public
@csrf_exempt
def token(request: HttpRequest) -> HttpResponse:
    """``POST`` of client credentials; the token is good for five minutes."""
    if request.method != "POST":
        return _denied(access.Denied("invalid_request", "POST a form", 405))
    try:
        form = {k: str(v) for k, v in request.POST.items()}
        answer: HttpResponse = JsonResponse(access.grant_token(form, _basic(request), access.token_url(request)))
    except access.Denied as denied:
        return _denied(denied)
    answer["Cache-Control"] = "no-store"
    return answer


def _denied(denied: access.Denied) -> HttpResponse:
    body = {"error": denied.error, "error_description": denied.description}
    answer = JsonResponse(body, status=denied.status)
    if denied.status == 401:
        answer["WWW-Authenticate"] = 'Basic realm="fhir"'
    answer["Cache-Control"] = "no-store"
    return answer


def _basic(request: HttpRequest) -> tuple[str, str] | None:
    head = request.headers.get("Authorization", "")
    if head[:6].lower() != "basic ":
        return None
    try:
        client, _, secret = base64.b64decode(head[6:].strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise access.Denied("invalid_client", "malformed Basic header", 401) from None
    return unquote(client), unquote(secret)


@public
def smart_configuration(request: HttpRequest) -> HttpResponse:
    """``.well-known/smart-configuration``."""
    return JsonResponse(
        {
            "issuer": access.base_url(request).rstrip("/"),
            "token_endpoint": access.token_url(request),
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": list(access.ALGORITHMS),
            "grant_types_supported": ["client_credentials"],
            "scopes_supported": ["system/*.cruds", "system/*.rs", "system/Patient.rs", "system/Observation.rs"],
            "capabilities": [
                "client-confidential-symmetric",
                "client-confidential-asymmetric",
                "permission-v1",
                "permission-v2",
            ],
        }
    )
