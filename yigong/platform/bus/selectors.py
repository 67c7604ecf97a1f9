"""What is read of the bus, within the reader's institutions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from yigong.kit.clock import COUNTY_ZONE
from yigong.kit.ctx import Ctx, Reach
from yigong.kit.errors import Refused
from yigong.kit.hl7v2.charset import decode
from yigong.kit.hl7v2.parse import Message as Parsed
from yigong.kit.hl7v2.parse import NotHl7
from yigong.kit.xml import parse as parse_xml
from yigong.platform.bus.models import Endpoint, Message, MessageState

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
    ctx: Ctx, *, endpoint: str = "", state: str = "", kind: str = "", days: tuple[date, date] | None = None, q: str = ""
) -> QuerySet[Message]:
    """Messages in reach; *q* is a whole patient number, order number or control id."""
    ctx.must("bus.view")
    found = Message.objects.select_related("endpoint").defer("raw")
    if ctx.reach != Reach.COUNTY:
        found = found.filter(org_code__in=ctx.orgs)
    wanted = {"endpoint__code": endpoint, "state": state, "kind": kind}
    found = found.filter(**{name: value for name, value in wanted.items() if value})
    if days:
        found = found.filter(received_at__gte=_midnight(days[0]), received_at__lt=_midnight(days[1], after=1))
    return found.filter(Q(local_id=q) | Q(order_no=q) | Q(control_id=q)) if q else found


def _midnight(day: date, after: int = 0) -> datetime:
    return datetime.combine(day + timedelta(days=after), time(), COUNTY_ZONE)


def message(ctx: Ctx, message_id: int) -> Message:
    """One message with its bytes. Raises Refused no_such_message."""
    found = messages(ctx).defer(None).filter(pk=message_id).first()
    if found is None:
        raise Refused("no_such_message")
    return found


def senders(message_ids: Sequence[int]) -> dict[int, str]:
    """Message id -> who sent it."""
    return dict(Message.objects.filter(pk__in=message_ids).values_list("pk", "sender"))


def dead_count(ctx: Ctx) -> int:
    """How many messages wait for a person."""
    return messages(ctx, state=MessageState.DEAD).count()


def kinds() -> list[str]:
    """The types of message that came."""
    return list(Message.objects.order_by("kind").values_list("kind", flat=True).distinct())


def masked(identifier: str) -> str:
    """A number of which one sees only the ends."""
    return f"{identifier[:2]}{MASK}{identifier[-2:]}" if len(identifier) > 5 else MASK if identifier else ""


def endpoints_of(kind: str) -> list[Endpoint]:
    """The declared endpoints of a kind; they say nothing about anybody."""
    return list(Endpoint.objects.filter(kind=kind).order_by("code"))


def payload(raw: bytes) -> list[tuple[str, list[tuple[int, str]]]]:
    """The segments of a message with their fields; what tells who the person is is masked."""
    if bytes(raw[:200]).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _elements(bytes(raw))
    decoded = decode(bytes(raw))
    try:
        parsed = Parsed(decoded.text, decoded.charset)
    except NotHl7:
        return []
    return [(s.name, _shown(s.name, s.fields[1:])) for s in parsed]


def _elements(raw: bytes) -> list[tuple[str, list[tuple[int, str]]]]:
    """The elements of an XML message: codes and times are shown, every other word may be a person's and is masked."""
    try:
        root = parse_xml(raw).root
    except Refused:
        return []
    lines: list[tuple[str, list[tuple[int, str]]]] = []
    for element in root.iter("*"):
        said = [
            f"{k}={v if k in OPEN_ATTRIBUTES or element.tag in OPEN_ELEMENTS else MASK}"
            for k, v in _attributes(element)
        ]
        if (element.text or "").strip():
            said.append(MASK)
        if said and len(lines) < ELEMENTS_SHOWN:
            lines.append((str(element.tag)[:40], list(enumerate((text[:120] for text in said), start=1))))
    return lines


def _attributes(element: Any) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in element.items()]


def _shown(name: str, fields: list[str]) -> list[tuple[int, str]]:
    open_fields = PERSONAL.get(name)
    return [
        (number, value if open_fields is None or number in open_fields else MASK)
        for number, value in enumerate(fields, start=1)
        if value
    ]
