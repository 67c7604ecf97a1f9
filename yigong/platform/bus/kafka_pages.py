"""The page of Kafka: what waits, how far each reader is, what the broker says; pause and resume."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.outbox import api as outbox
from yigong.platform.bus import kafka_status, lists
from yigong.platform.bus.models import Endpoint
from yigong.platform.bus.told import kafka_word
from yigong.security.api import action
from yigong.web.http import page, say, sentence

STALLED = timedelta(minutes=1)  # an event that waits longer while nothing is wrong has no worker
NO_TOPIC = re.compile(r"Subscribed topic not available: ([\w.-]+)")


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined,no-any-return]


@action("bus.view")
def status(request: HttpRequest) -> HttpResponse:
    """What this house knows by itself; what the broker knows is asked for by the page, so that one that is away delays nothing."""
    ctx = _ctx(request)
    waiting, since = outbox.waits()
    relay = outbox.relay()
    context = {
        "address": settings.KAFKA, "prefix": settings.KAFKA_PREFIX, "held": waiting, "since": since, "relay": relay,
        "trouble": _trouble(relay.error, relay.reason), "mended": bool(relay.sent_at and relay.failed_at and relay.sent_at > relay.failed_at),
        "may_pause": ctx.may("bus.pause_kafka"), "may_resume": ctx.may("bus.resume_kafka"), "readers": kafka_status.readers(ctx),
        "stalled": since is not None and now() - since > STALLED, "tabs": lists.tabs("kafka", ctx),
    }  # fmt: skip
    return page(request, "bus/kafka.html", context)


@action("bus.view")
def broker(request: HttpRequest) -> HttpResponse:
    """What the broker says now: whether it answers, its topics, how far each reader is behind."""
    ctx = _ctx(request)
    said, readers = outbox.topics(), kafka_status.readers(ctx)
    sinks = Endpoint.objects.filter(direction="out", kind="kafka").order_by("code")
    named = {t.topic for t in said} | {t for r in readers for t in r.topics} | {e.address for e in sinks}
    address = settings.KAFKA
    seen = kafka_status.look(named, address) if address else kafka_status.BrokerSeen("")
    context = {
        "address": address, "seen": seen, "refused": sentence(seen.refused) if seen.refused else "",
        "topics": [(t, seen.count(t.topic), seen.records(t.topic)) for t in said],
        "sinks": [(e, seen.count(e.address), seen.records(e.address)) for e in sinks],
        "readers": [_reader(r, seen) for r in readers], "reached": bool(address) and not seen.refused,
        "may_pause": ctx.may("bus.pause_kafka"), "may_resume": ctx.may("bus.resume_kafka"),
    }  # fmt: skip
    return page(request, "bus/_broker.html", context)


def _reader(row: Any, seen: kafka_status.BrokerSeen) -> dict[str, Any]:
    places = kafka_status.positions(row, seen)
    lags = [p.lag for p in places]
    return {
        "row": row, "runs": kafka_status.runs(row), "places": places, "trouble": _trouble(row.error, row.reason),
        "lag": sum(n or 0 for n in lags) if lags and None not in lags else None,
    }  # fmt: skip


def _trouble(code: str, reason: str) -> str:
    """Why, in words; a topic that is not there yet is no fault of the network."""
    missing = NO_TOPIC.search(reason)
    if missing:
        return sentence(Refused("bus.kafka_no_topic", topic=missing[1]))
    return sentence(Refused(code, reason=kafka_word(reason) or _("没有说明"))) if code else ""


@require_POST
@action("bus.pause_kafka")
def pause(request: HttpRequest) -> HttpResponse:
    """Stop sending events, or reading into an endpoint."""
    kafka_status.pause(_ctx(request), request.POST.get("what", ""))
    return say(request, redirect("bus:kafka"), _("已暂停；新来的留着，恢复后从停下处继续"))


@require_POST
@action("bus.resume_kafka")
def resume(request: HttpRequest) -> HttpResponse:
    """Go on where it stopped."""
    kafka_status.resume(_ctx(request), request.POST.get("what", ""))
    return say(request, redirect("bus:kafka"), _("已恢复，从停下处继续"))
