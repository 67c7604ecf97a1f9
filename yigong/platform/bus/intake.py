"""Calls of registered services over HTTP: the caller known by its key, its quota held, the message kept, then 202.

``POST /bus/v1/<service>`` with ``Authorization: Bearer …``. ``Idempotency-Key`` names the message (else its digest does),
``X-Message-Type`` its type (else the service), ``X-Partition-Key`` what it is about (else the patient's number).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import get_language

from yigong.kit.clock import now
from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.kit.hl7v2.parse import NotHl7
from yigong.platform.bus import services
from yigong.platform.bus.content import HL7V2, Content
from yigong.platform.bus.domain import SERVING, Bucket, Priority, SubscriptionState
from yigong.platform.bus.envelope import Envelope, read_envelope, refusal
from yigong.platform.bus.journal import accept, journalled
from yigong.platform.bus.models import Endpoint, Service, Subscription
from yigong.platform.bus.register import digest

LIMIT = 16 << 20


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it came."""

    service: str
    key: str
    body: bytes
    message_id: str = ""
    kind: str = ""
    about: str = ""


def take(call: Call) -> int:
    """Keep the message of a call durably; its id in the journal. Called again with the same message it is the same id.

    Raises Refused bus.no_key, bus.not_subscribed, bus.not_serving, bus.over_quota (``seconds`` to wait), bus.empty, and
    bus.not_taken for HL7 v2 of a charset, version or type that nobody reads; it is kept with the reason.
    """
    if not call.body.strip():
        raise Refused("bus.empty")
    caller = _caller(call)
    endpoint = _endpoint(caller.service)
    sent = _envelope(call, caller)
    kept = journalled(endpoint.pk, sent)
    if kept is None:
        _spend(caller)
        accept(endpoint.pk, [sent])
        kept = journalled(endpoint.pk, sent)
    assert kept is not None
    if sent.is_refused:
        because = refusal(sent)["en" if get_language() == "en" else "zh"]
        raise Refused("bus.not_taken", because=because)
    return kept


def _caller(call: Call) -> Subscription:
    """Who calls, as one who may."""
    if not call.key:
        raise Refused("bus.no_key")
    found = (
        Subscription.objects.select_related("service")
        .filter(key_digest=digest(call.key), service__code=call.service).first()
    )  # fmt: skip
    if found is None or found.state != SubscriptionState.ACTIVE:
        raise Refused("bus.not_subscribed", service=call.service[:60])
    if found.service.state not in SERVING:
        raise Refused("bus.not_serving", service=found.service.name)
    return found


def _endpoint(service: Service) -> Endpoint:
    code = f"in/{service.code}"[:40]
    found = Endpoint.objects.filter(code=code).first()
    if found is None:
        found = services.open_endpoint(system(), code, kind="http", version=service.version)
        Endpoint.objects.filter(pk=found.pk).update(service=service, name=service.name)
    if found.state != "open":
        raise Refused("bus.endpoint_closed", endpoint=code)
    return found


def _spend(caller: Subscription) -> None:
    """One token of the caller's quota.

    The row is held for the moment of counting, not while the message is written to the disk: callers of one key would
    wait for one another's commit. Where the quota is none, nobody waits.
    """
    if caller.quota_per_minute or caller.service.quota_per_minute:
        spend(caller.pk)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the register says of a caller of a service that is not called over the bus."""

    subscription_id: int | None  # None: nothing is counted
    is_suspended: bool = False


def agreed(service: str, caller: str, org_code: str) -> Agreed:
    """Whether a caller is counted. One that has a quota by its service gets a subscription to be counted by."""
    found = Service.objects.filter(code=service, state__in=SERVING).order_by("-pk").first()
    if found is None:
        return Agreed(None)
    held = found.subscriptions.filter(caller=caller).exclude(state=SubscriptionState.ENDED).first()
    if held is None and found.quota_per_minute:
        facts = {"org_code": org_code, "state": SubscriptionState.ACTIVE, "created_at": now()}
        living = Subscription.objects.exclude(state=SubscriptionState.ENDED)
        held, _ = living.get_or_create(service=found, caller=caller, defaults=facts)
    if held is None:
        return Agreed(None)
    is_counted = bool(held.quota_per_minute or found.quota_per_minute)
    return Agreed(held.pk if is_counted else None, held.state == SubscriptionState.SUSPENDED)


def spend(subscription_id: int) -> None:
    """One token of a caller's quota. Raises Refused bus.over_quota (``quota``, ``seconds`` to wait)."""
    with transaction.atomic():
        held = Subscription.objects.select_for_update(of=("self",)).select_related("service")
        _count(held.get(pk=subscription_id), now())


def _count(caller: Subscription, at: datetime) -> None:
    with connection.cursor() as cursor:  # a token forgotten in a crash is given again
        cursor.execute("set local synchronous_commit to off")
    quota = caller.quota_per_minute or caller.service.quota_per_minute
    bucket = Bucket(quota, 0, at)
    if caller.filled_at is None:
        bucket = Bucket(quota, bucket.capacity, at)
    else:
        bucket = Bucket(quota, caller.tokens, caller.filled_at).filled(at)
    gives = bucket.gives(Priority.EMERGENCY)
    if gives is not None and gives < 1:
        raise Refused("bus.over_quota", quota=quota, seconds=max(1, round((1 - bucket.tokens) * 60 / quota)))
    caller.tokens, caller.filled_at = bucket.less(1).tokens, at
    caller.save(update_fields=["tokens", "filled_at"])


def _envelope(call: Call, caller: Subscription) -> Envelope:
    content = Content(call.body)
    hashed = hashlib.sha256(call.body).hexdigest()
    control = _clean(call.message_id) or hashed
    sender = f"{caller.caller}^{caller.org_code}"[:200]
    kind, about = _clean(call.kind)[:40] or caller.service.code[:40], _clean(call.about)[:80]
    if content.form == HL7V2:
        try:
            opened = read_envelope(call.body)
        except NotHl7:
            pass
        else:  # the call names the message, MSH-10 need not
            faults = tuple(f for f in opened.faults if f.spot != "MSH-10")
            return opened._replace(sender=sender, control_id=control[:200], org_code=caller.org_code, faults=faults)
    key = f"{caller.org_code}|{about}" if about else hashed
    return Envelope(call.body, hashed, sender, control[:200], kind, "utf-8", caller.org_code, about, "", key[:200])


def _clean(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()
