"""Golden messages of routes, and shadow replay: recorded messages against a version that is not in use yet.

What a golden message gives was agreed when it was set down. A change of its route that gives something else needs somebody's
word; the words and the new outcome are kept. Nothing is ever sent from here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.hl7v2.charset import decode
from yigong.kit.hl7v2.edit import encode
from yigong.kit.hl7v2.parse import Message as Parsed
from yigong.platform.bus import selectors, shadow
from yigong.platform.bus.content import HL7V2, form_of
from yigong.platform.bus.delivery import facts_of
from yigong.platform.bus.domain import RouteState
from yigong.platform.bus.models import Golden, Route
from yigong.platform.bus.shadow import Difference, Recorded, Version
from yigong.security.api import audit

LATEST = 300  # recorded messages that are replayed beside the golden ones
SHOWN = 20
_LETTER, _DIGIT = re.compile(r"[^\W\d_]"), re.compile(r"\d")


class Differing(NamedTuple):
    """A recorded message that a new version treats otherwise; *golden* is its name if it is one."""

    kind: str
    golden: str
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a shadow replay showed: how many messages were replayed, and those that come out otherwise."""

    recorded: int
    golden: int
    differing: Sequence[Differing]

    @property
    def broken(self) -> Sequence[str]:
        """Names of the golden messages that come out otherwise."""
        return [d.golden for d in self.differing if d.golden]


# ---- versions ----


def present(route: Route) -> Version:
    """The version in use."""
    targets = route.targets.filter(is_active=True).select_related("endpoint", "service", "process").order_by("pk")
    return shadow.version(route.condition, [(aim_of(t), t.steps) for t in targets])


def aim_of(target: Any) -> str:
    """Where a target leads, as ``kind:code``."""
    kind = next(k for k in ("endpoint", "service", "process") if getattr(target, f"{k}_id"))
    return f"{kind}:{getattr(target, kind).code}"


def proposed(condition: str, targets: Sequence[Mapping[str, Any]]) -> Version:
    """The version that would be saved: *targets* as for ``save_route``. Raises what conditions raise."""
    return shadow.version(condition, [_aimed(t) for t in targets])


def _aimed(said: Mapping[str, Any]) -> tuple[str, Sequence[Mapping[str, Any]]]:
    kind = next(k for k in ("endpoint", "service", "process") if said.get(k))
    return f"{kind}:{said[kind]}", said.get("steps", [])


# ---- replay ----


def replay(ctx: Ctx, route: Route, new: Version) -> Replayed:
    """The golden messages of a route and the latest recorded ones in reach against a new version."""
    ctx.must("bus.view")
    recorded = _latest(ctx)
    old = present(route)
    rows = [
        Differing(kind, "", found)
        for (kind, _m), (before, after) in zip(
            recorded, shadow.made([old, new], [m for _k, m in recorded]), strict=True
        )
        if (found := shadow.differences(before, after))
    ]
    pinned = list(route.golden.order_by("name"))
    return Replayed(len(recorded), len(pinned), [*_of_golden(pinned, new), *rows])


def _latest(ctx: Ctx) -> list[tuple[str, Recorded]]:
    latest = selectors.messages(ctx).defer(None).select_related("endpoint__service").order_by("-pk")[:LATEST]
    return [(m.kind, Recorded(bytes(m.raw), facts_of(m))) for m in latest]


def _of_golden(pinned: Sequence[Golden], new: Version) -> list[Differing]:
    outcomes = shadow.made([new], [Recorded(bytes(g.raw), g.facts) for g in pinned])
    return [
        Differing(g.facts.get("type", ""), g.name, found)
        for g, (after,) in zip(pinned, outcomes, strict=True)
        if (found := shadow.differences(shadow.opened(g.expected), after))
    ]


def of_route(route: Route) -> list[Differing]:
    """The golden messages of a route that no longer come out as they were set down."""
    return _of_golden(list(route.golden.order_by("name")), present(route))


def check(ctx: Ctx) -> list[tuple[Route, Differing]]:
    """Every golden message against its route as it stands: what an upgrade of the platform or of a value set has changed."""
    ctx.must("bus.view")
    routes = Route.objects.exclude(state=RouteState.RETIRED).filter(golden__isnull=False).distinct().order_by("code")
    return [(r, d) for r in routes for d in of_route(r)]


# ---- the rule, and what is kept ----


def guard(route: Route, new: Version, accepted: str) -> int:
    """Let a version pass whose golden messages come out as agreed, or otherwise with somebody's word; how many changed.

    Called in the transaction that saves the version. Raises Refused bus.golden_differs.
    """
    pinned = list(route.golden.select_for_update().order_by("name"))
    outcomes = shadow.made([new], [Recorded(bytes(g.raw), g.facts) for g in pinned])
    changed = [
        (g, after)
        for g, (after,) in zip(pinned, outcomes, strict=True)
        if shadow.differences(shadow.opened(g.expected), after)
    ]
    if changed and not accepted.strip():
        raise Refused("bus.golden_differs", names=[g.name for g, _after in changed[:10]], count=len(changed))
    for one, after in changed:
        one.expected = shadow.kept(after)
        one.save(update_fields=["expected"])
    return len(changed)


@transaction.atomic
def pin(ctx: Ctx, route: Route, message_id: int, name: str) -> Golden:
    """Set a recorded message down as golden, with what the route makes of it now.

    The persons of HL7 v2 are replaced; other forms are kept as they are, which needs the right to read persons in messages.
    Raises Refused bus.golden_taken, no_such_message, not_permitted.
    """
    ctx.must("bus.manage")
    message = selectors.message(ctx, message_id)
    raw = bytes(message.raw)
    if form_of(raw) != HL7V2:
        ctx.must("bus.reveal")
    if route.golden.filter(name=name).exists():
        raise Refused("bus.golden_taken", name=name)
    body = without_persons(raw)
    facts = {**facts_of(message), "patient": _invented(message.local_id)}
    (outcome,) = shadow.made([present(route)], [Recorded(body, facts)])[0]
    found = Golden.objects.create(
        route=route,
        name=name,
        raw=body,
        facts=facts,
        expected=shadow.kept(outcome),
        set_by=ctx.actor_name,
        set_at=now(),
    )
    audit(ctx, "bus.manage", "bus_golden", found.pk, after={"route": route.code, "name": name, "message": message_id})
    return found


@transaction.atomic
def unpin(ctx: Ctx, route: Route, golden_id: int) -> None:
    """Take a golden message away; its bytes go with it. Raises Refused bus.no_such_golden."""
    ctx.must("bus.manage")
    found = route.golden.filter(pk=golden_id).first()
    if found is None:
        raise Refused("bus.no_such_golden")
    audit(ctx, "bus.manage", "bus_golden", found.pk, before={"route": route.code, "name": found.name})
    found.delete()


def without_persons(raw: bytes) -> bytes:
    """An HL7 v2 message whose fields about persons have the same shape and other letters and digits; others unchanged."""
    if form_of(raw) != HL7V2:
        return raw
    decoded = decode(raw)
    parsed = Parsed(decoded.text, decoded.charset)
    return encode(parsed, (_masked(line, parsed.separators.field) for line in parsed.lines))


def _masked(line: str, sign: str) -> str:
    open_fields = selectors.PERSONAL.get(line[:3])
    if open_fields is None:
        return line
    head, *fields = line.split(sign)
    return sign.join([head, *(f if n in open_fields else _invented(f) for n, f in enumerate(fields, start=1))])


def _invented(text: str) -> str:
    """The same shape: ideographs 某, letters X, digits drawn from the text's own digest."""
    digits = iter(hashlib.sha256(text.encode()).digest() * (len(text) // 32 + 1))
    letters = _LETTER.sub(lambda found: "某" if found[0] > "\u2e7f" else "X", text)
    return _DIGIT.sub(lambda _found: str(next(digits) % 10), letters)
