"""Where nodes speak to the centre over HTTPS: every answer is signed, every size bounded before it is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from yigong.edge import api as edge
from yigong.kit.errors import Refused
from yigong.platform.exchange.edge import certificates, inbound, probing, refusals, signing
from yigong.platform.exchange.edge.models import Node
from yigong.security.api import public

Act = Callable[[Node, bytes], dict[str, Any]]
STATUS = {"edge.key_unknown": 401, "edge.signature_wrong": 401, "edge.revoked": 403, "edge.too_large": 413}


def _spoken(method: str, act: Act) -> Callable[[HttpRequest], HttpResponse]:
    """The view that does *act* for the node whose signature stands under the request."""

    def view(request: HttpRequest) -> HttpResponse:
        try:
            asked = _asked(request)
            said = inbound.answer(asked, act)
        except Refused as refused:
            refusals.note(
                refused.code, request.META.get("REMOTE_ADDR", ""), node=request.headers.get(edge.NODE, "")[:20]
            )
            said = {"refused": refused.code, "facts": refused.facts}
        return _signed(request, said)

    return public(csrf_exempt(require_http_methods([method])(view)))


def _asked(request: HttpRequest) -> inbound.Asked:
    """The request as it came. Raises Refused edge.malformed, edge.too_large."""
    count, moment = request.headers.get(edge.COUNT, ""), request.headers.get(edge.TIME, "")
    if not (_is_number(count) and _is_number(moment)):
        raise Refused("edge.malformed", part="headers")
    return inbound.Asked(
        method=request.method or "", path=request.path, node=request.headers.get(edge.NODE, "")[:20], count=int(count),
        time_ms=int(moment), signature=request.headers.get(edge.SIGNATURE, "")[:200], body=_body(request),
        address=request.META.get("REMOTE_ADDR", ""),
    )  # fmt: skip


def _body(request: HttpRequest) -> bytes:
    """The body, read no further than its bound. Raises Refused edge.too_large, edge.malformed."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal():
        raise Refused("edge.malformed", part="length")
    if int(length) > edge.MAX_BODY:
        raise Refused("edge.too_large", limit=edge.MAX_BODY)
    body = request.read(int(length))
    if len(body) != int(length):
        raise Refused("edge.malformed", part="length")
    return body


def _is_number(text: str) -> bool:
    return text.isdecimal() and text.isascii() and len(text) < 18


def _signed(request: HttpRequest, said: dict[str, Any]) -> HttpResponse:
    """The answer with the centre's time and signature; it answers this count of this node and nothing else."""
    body = json.dumps(said, ensure_ascii=False, default=str).encode()
    status = STATUS.get(said["refused"], 409) if "refused" in said else 200
    node, count = request.headers.get(edge.NODE, "")[:20], request.headers.get(edge.COUNT, "")
    moment = inbound.now_ms()
    response = HttpResponse(body, status=status, content_type="application/json")
    if _is_number(count):
        base = edge.answer_base(node, int(count), status, moment, body)
        response[edge.TIME], response[edge.SIGNATURE] = str(moment), signing.sign(base)
    response["Cache-Control"] = "no-store"
    return response


@public
@csrf_exempt
@require_http_methods(["POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """Take a node in; both sides show that they know the code, so neither needs a key for it yet."""
    address, invitation = request.META.get("REMOTE_ADDR", ""), ""
    try:
        facts = edge.read_json(_body(request)[:10_000])
        invitation = str(facts.get("invitation", ""))[:4]
        said = inbound.enrol(facts, address)
    except Refused as refused:
        refusals.note(refused.code, address, invitation=invitation)
        said = {"refused": refused.code, "facts": refused.facts}
    body = json.dumps(said, ensure_ascii=False, default=str).encode()
    return HttpResponse(body, status=409 if "refused" in said else 200, content_type="application/json")


time_only = _spoken("POST", inbound.time_only)
beat = _spoken("POST", inbound.beat)
configuration = _spoken("GET", inbound.configuration)
new_key = _spoken("POST", inbound.new_key)
closes = _spoken("POST", certificates.answered)
probes = _spoken("POST", probing.answered)
bundles = _spoken("POST", inbound.bundle)
