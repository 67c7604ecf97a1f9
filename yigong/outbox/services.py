"""Says and delivers events."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, is_dataclass
from datetime import timedelta
from typing import Any, ClassVar, Protocol

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from yigong.kit.clock import now
from yigong.outbox import kafka
from yigong.outbox.models import OutboxDelivery, OutboxEvent

log = logging.getLogger("yigong.outbox")
Handler = Callable[[int, dict[str, Any]], None]
LAST_ATTEMPT = 8


class Event(Protocol):
    """A frozen dataclass with the class attribute ``name``, such as ``referral.accepted``.

    It may name in ``key`` the fact it is about (else the first) and in ``version`` the form of its facts (else 1).
    """

    name: ClassVar[str]


class _Encoder(DjangoJSONEncoder):
    """Also facts that are dataclasses of their own; long lists of numbers are not copied one by one."""

    def default(self, o: Any) -> Any:
        return asdict(o) if is_dataclass(o) and not isinstance(o, type) else super().default(o)


def say(event: Event) -> int:
    """Announce *event* in the present transaction: it is heard if and only if the transaction holds. Its id."""
    if not is_dataclass(event) or isinstance(event, type):
        raise TypeError("an event is a frozen dataclass")
    facts = json.loads(json.dumps({f.name: getattr(event, f.name) for f in fields(event)}, cls=_Encoder))
    with transaction.atomic():
        moment = now()
        row = OutboxEvent.objects.create(
            name=event.name, facts=facts, said_at=moment, key=_key(event, facts), version=getattr(event, "version", 1)
        )
        ways = [*handlers().get(event.name, ()), *([kafka.HANDLER] if settings.KAFKA else [])]
        OutboxDelivery.objects.bulk_create(OutboxDelivery(event=row, handler=w, due_at=moment) for w in ways)
    return row.pk


def _key(event: Event, facts: dict[str, Any]) -> str:
    """What an event is about, as text: the fact it names, else its first one."""
    name = getattr(event, "key", "") or next(iter(facts), "")
    value = facts.get(name, "")
    return f"{name}={value if isinstance(value, str | int) else json.dumps(value)}"[:120]


def handlers() -> Mapping[str, list[str]]:
    """Event name -> dotted paths of handlers, from the wiring."""
    return getattr(settings, "EVENT_HANDLERS", {})


def dispatch(limit: int = 200) -> int:
    """Deliver what is due, oldest first, each in a transaction of its own; how many were delivered.

    Several workers may run: a delivery under way is skipped by the others. A handler that fails is tried again later
    (1, 2, 4 … minutes), and after the last attempt the delivery is marked dead and stays for a person to look at.
    """
    done = 0
    while done < limit and _deliver_one():
        done += 1
    return done


@transaction.atomic
def _deliver_one() -> bool:
    delivery = (
        OutboxDelivery.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("event")
        .filter(dead=False, due_at__lte=now())
        .exclude(handler=kafka.HANDLER)
        .order_by("event_id")
        .first()
    )
    if delivery is None:
        return False
    try:
        with transaction.atomic():
            _handler(delivery.handler)(delivery.event_id, delivery.event.facts)
        delivery.delete()
    except Exception as error:
        log.exception("handler %s failed for event %s", delivery.handler, delivery.event_id)
        delivery.attempts += 1
        delivery.error = f"{type(error).__name__}: {error}"[:500]
        delivery.dead = delivery.attempts >= LAST_ATTEMPT
        delivery.due_at = now() + timedelta(minutes=2 ** (delivery.attempts - 1))
        delivery.save()
    return True


def _handler(path: str) -> Handler:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
