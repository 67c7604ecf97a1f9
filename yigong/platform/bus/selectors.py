"""What is read of the bus, within the reader's institutions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

import orjson
from django.db import connection
from django.db.models import Count, Exists, Max, Min, OuterRef, QuerySet

from yigong.kit.clock import COUNTY_ZONE
from yigong.kit.ctx import Ctx, Reach
from yigong.kit.errors import Refused
from yigong.kit.hl7v2.charset import decode
from yigong.kit.hl7v2.parse import Message as Parsed
from yigong.kit.hl7v2.parse import NotHl7
from yigong.kit.xml import parse as parse_xml
from yigong.platform.bus.content import HL7V2, JSON, XML, form_of
from yigong.platform.bus.domain import OPEN_DELIVERIES, BreakerState, DeliveryState
from yigong.platform.bus.envelope import business_number_of
from yigong.platform.bus.journal import TEST
from yigong.platform.bus.models import Delivery, Endpoint, Message, MessageState, Run

#: segments about persons: segment -> the fields that may be read by everybody
PERSONAL = {"PID": {1, 8}, "NK1": {1}, "GT1": {1}, "IN1": {1}, "IN2": {1}, "MRG": set(), "PD1": set(), "ACC": {1}}
MASK = "＊＊＊"
#: of XML messages: attributes and elements that tell nothing about a person
OPEN_ATTRIBUTES = {
    "code",
    "codeSystem",
    "root",
    "typeCode",
    "classCode",
    "moodCode",
    "type",
    "mimeType",
    "status",
    "use",
}
OPEN_ELEMENTS = {"creationTime", "interactionId", "low", "high"}
ELEMENTS_SHOWN = 400


def messages(
    ctx: Ctx, *, endpoint: str = "", state: str = "", kind: str = "", days: tuple[date, date] | None = None, q: str = "",
    ways: str = "", test: str = "",
) -> QuerySet[Message]:  # fmt: skip
    """Messages in reach; *q* is a whole business number (patient, order, visit, document) or control id."""
    ctx.must("bus.view")
    found = Message.objects.select_related("endpoint").defer("raw")
    if ctx.reach != Reach.COUNTY:
        found = found.filter(org_code__in=ctx.orgs)
    wanted = {"endpoint__code": endpoint, "state": state, "kind": kind}
    found = found.filter(**{name: value for name, value in wanted.items() if value})
    if days:
        found = found.filter(received_at__gte=_midnight(days[0]), received_at__lt=_midnight(days[1], after=1))
    if test:
        found = found.filter(is_test=test == "yes")
    if ways == "none":  # decided, and no route took it
        nowhere = ~Exists(Delivery.objects.filter(message=OuterRef("pk"))) & ~Exists(
            Run.objects.filter(message=OuterRef("pk"))
        )
        found = found.filter(nowhere, routed_at__isnull=False)
    return found.filter(pk__in=numbered(q)) if q else found


CAUSES = 12


def dead_messages(ctx: Ctx) -> list[dict[str, Any]]:
    """What the dead messages in reach died of, the most frequent first: endpoint, code, count, since, error of the newest."""
    dead = messages(ctx, state=MessageState.DEAD).order_by()
    rows = list(
        dead.values("endpoint_id", "endpoint__code", "error__code")
        .annotate(count=Count("pk"), since=Min("received_at"), newest=Max("pk"))
        .order_by("-count")[:CAUSES]
    )
    errors = dict(Message.objects.filter(pk__in=[r["newest"] for r in rows]).values_list("pk", "error"))
    return [
        {
            "endpoint_id": r["endpoint_id"], "endpoint": r["endpoint__code"], "code": r["error__code"] or "", "count": r["count"],
            "since": r["since"], "error": errors[r["newest"]],
        }
        for r in rows
    ]  # fmt: skip


#: two indexes read one after the other, whatever the planner thinks of an "or"
NUMBERED = (
    "select id from bus_message where keys && %s::varchar[] union select id from bus_message where control_id = %s"
)
KINDS = ("patient", "order", "visit", "document")
MOST_FOUND = 10_000


def numbered(q: str) -> list[int]:
    """The newest messages that bear a business number."""
    with connection.cursor() as cursor:
        cursor.execute(f"{NUMBERED} order by id desc limit {MOST_FOUND}", [[f"{kind}:{q}" for kind in KINDS], q])
        return [row[0] for row in cursor.fetchall()]


def _midnight(day: date, after: int = 0) -> datetime:
    return datetime.combine(day + timedelta(days=after), time(), COUNTY_ZONE)


def message(ctx: Ctx, message_id: int) -> Message:
    """One message with its bytes. Raises Refused no_such_message."""
    found = messages(ctx).defer(None).filter(pk=message_id).first()
    if found is None:
        raise Refused("no_such_message")
    return found


def deliveries(
    ctx: Ctx, *, state: str = "", endpoint: str = "", priority: str = "", q: str = "", message_id: int | None = None
) -> QuerySet[Delivery]:
    """Deliveries of the messages in reach; *q* as for messages."""
    ctx.must("bus.view")
    found = Delivery.objects.select_related("message", "endpoint", "target__route").defer("message__raw", "body")
    if ctx.reach != Reach.COUNTY:
        found = found.filter(message__org_code__in=ctx.orgs)
    wanted = {"state": state, "endpoint__code": endpoint, "priority": priority, "message_id": message_id}
    found = found.filter(**{name: value for name, value in wanted.items() if value not in ("", None)})
    return found.filter(message_id__in=numbered(q)) if q else found


def delivery(ctx: Ctx, delivery_id: int) -> Delivery:
    """One delivery. Raises Refused no_such_message."""
    found = deliveries(ctx).filter(pk=delivery_id).first()
    if found is None:
        raise Refused("no_such_message")
    return found


def before(waiting: Delivery) -> int:
    """How many elder ones of the same key have to leave before a delivery that waits."""
    if waiting.state != DeliveryState.WAITING:
        return 0
    elder = Delivery.objects.filter(
        endpoint_id=waiting.endpoint_id, partition_key=waiting.partition_key, pk__lt=waiting.pk
    )
    return elder.filter(state__in=OPEN_DELIVERIES).count()


def senders(message_ids: Sequence[int]) -> dict[int, str]:
    """Message id -> who sent it."""
    return dict(Message.objects.filter(pk__in=message_ids).values_list("pk", "sender"))


def dead_count(ctx: Ctx) -> int:
    """How much waits for a person: dead messages and deliveries, and endpoints that do not answer."""
    dead = messages(ctx, state=MessageState.DEAD).count() + deliveries(ctx, state=DeliveryState.DEAD).count()
    return dead + tripped_count(ctx)


def tripped_count(ctx: Ctx) -> int:
    """How many open endpoints are not being sent to because they do not answer."""
    ctx.must("bus.view")
    return Endpoint.objects.filter(state="open", gate__breaker__in=[BreakerState.OPEN, BreakerState.HALF_OPEN]).count()


def kinds() -> list[str]:
    """The types of message that came."""
    return list(Message.objects.order_by("kind").values_list("kind", flat=True).distinct())


def masked(identifier: str) -> str:
    """A number of which one sees only the ends."""
    return f"{identifier[:2]}{MASK}{identifier[-2:]}" if len(identifier) > 5 else MASK if identifier else ""


def business_number(message: Message) -> str:
    """The order, visit or document that a message is about, else its own number where a sender gave one."""
    return business_number_of(message.keys) or own_number(message)


def own_number(message: Message) -> str:
    """The number its sender gave a message; where none was given the journal knows it by its digest, and this is empty."""
    return "" if message.control_id == message.sha256 else message.control_id


def business_of(run: Run) -> str:
    """What a reader knows a run by: the business number of its message, the ends of its patient's, else the key it was begun under."""
    if run.message is None:
        return run.key
    return business_number(run.message) or masked(run.message.local_id) or "—"


def endpoints_of(kind: str) -> list[Endpoint]:
    """The declared endpoints of a kind; they say nothing about anybody."""
    return list(Endpoint.objects.filter(kind=kind).order_by("code"))


def payload(raw: bytes, *, reveal: bool = False) -> list[tuple[str, list[tuple[int, str]]]]:
    """The parts of a message with their fields; what tells who the person is is masked unless *reveal*."""
    form = form_of(bytes(raw))
    if form == XML:
        return _elements(bytes(raw), reveal)
    if form != HL7V2:
        return _members(bytes(raw), reveal) if form == JSON else []
    decoded = decode(bytes(raw))
    try:
        parsed = Parsed(decoded.text, decoded.charset)
    except NotHl7:
        return []
    return [(s.name, _shown(s.name, s.fields[1:], reveal)) for s in parsed]


def _members(raw: bytes, reveal: bool) -> list[tuple[str, list[tuple[int, str]]]]:
    """The members of a JSON message by their paths; values may be a person's, so they are masked."""
    try:
        tree = orjson.loads(raw)
    except ValueError:
        return []
    return [
        (path[:80], [(1, said[:120] if reveal else MASK)]) for path, said in islice(_walk(tree, "$"), ELEMENTS_SHOWN)
    ]


def _walk(value: Any, path: str) -> Iterator[tuple[str, str]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if members is None:
        yield path, str(value)
        return
    for name, member in members:
        yield from _walk(member, f"{path}[{name}]" if isinstance(name, int) else f"{path}.{name}")


def _elements(raw: bytes, reveal: bool) -> list[tuple[str, list[tuple[int, str]]]]:
    """The elements of an XML message: codes and times are shown, every other word may be a person's and is masked."""
    try:
        root = parse_xml(raw).root
    except Refused:
        return []
    lines: list[tuple[str, list[tuple[int, str]]]] = []
    for element in root.iter("*"):
        said = [
            f"{k}={v if reveal or k in OPEN_ATTRIBUTES or element.tag in OPEN_ELEMENTS else MASK}"
            for k, v in _attributes(element)
        ]
        if (element.text or "").strip():
            said.append(str(element.text).strip() if reveal else MASK)
        if said and len(lines) < ELEMENTS_SHOWN:
            lines.append((str(element.tag)[:40], list(enumerate((text[:120] for text in said), start=1))))
    return lines


def _attributes(element: Any) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in element.items()]


def _shown(name: str, fields: list[str], reveal: bool) -> list[tuple[int, str]]:
    open_fields = None if reveal else PERSONAL.get(name)
    return [
        (number, value if open_fields is None or number in open_fields else MASK)
        for number, value in enumerate(fields, start=1)
        if value
    ]


def is_set_aside(message_id: int) -> bool:
    """Whether a message is only kept: not taken in, or a test where none are taken."""
    return Message.objects.filter(pk=message_id, outcome__in=("refused", TEST), attempts=0).exists()
