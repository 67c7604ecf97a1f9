"""What is read of the services: how each stands, who called, what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Q, QuerySet

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx, Reach
from yigong.kit.errors import Refused
from yigong.platform.bus import api as bus
from yigong.platform.hl7v3 import declared
from yigong.platform.hl7v3.models import Application, Call

WINDOW = timedelta(days=30)
EDITIONS = ("regional", "newer", "local")


@dataclass(frozen=True, slots=True)
class Standing:
    """A service with its state and its calls of the last thirty days."""

    key: str
    action: str
    name: str
    part: str
    edition: str
    verb: str
    root: str
    certainty: str
    state: str  # open closed
    calls: int
    accepted: int
    refused: int
    last_at: datetime | None
    callers: int


def services(ctx: Ctx, *, q: str = "", edition: str = "", state: str = "") -> list[Standing]:
    """All services, within the reader's institutions as far as calls are counted."""
    ctx.must("hl7v3.view")
    states = {e.code.removeprefix("v3/"): e.state for e in bus.endpoints_of("hl7v3")}
    counted = _counts(ctx)
    rows = [
        _standing(spec, states.get(spec.key, "open"), counted.get(spec.key, {})) for spec in declared.specs().values()
    ]
    text = q.lower()
    return [
        r for r in rows
        if (not text or text in f"{r.key} {r.action} {r.name} {r.root}".lower()) and edition in ("", r.edition) and state in ("", r.state)
    ]  # fmt: skip


def _standing(spec: declared.Spec, state: str, found: Mapping[str, object]) -> Standing:
    s = spec.service
    return Standing(
        spec.key, spec.action, s.name_zh, s.part_zh, spec.edition, spec.verb, spec.root, s.certainty, state,
        int(found.get("calls", 0) or 0), int(found.get("accepted", 0) or 0), int(found.get("refused", 0) or 0),  # type: ignore[call-overload]
        found.get("last_at"), int(found.get("callers", 0) or 0),  # type: ignore[arg-type, call-overload]
    )  # fmt: skip


def _counts(ctx: Ctx) -> dict[str, Mapping[str, object]]:
    found = in_reach(ctx).filter(at__gte=now() - WINDOW).values("service").annotate(
        calls=Count("id"), accepted=Count("id", filter=Q(type_code="AA")), refused=Count("id", filter=~Q(type_code="AA")),
        last_at=Max("at"), callers=Count("application", distinct=True),
    )  # fmt: skip
    return {str(row["service"]): row for row in found}


def in_reach(ctx: Ctx) -> QuerySet[Call]:
    """Calls of the reader's institutions; all where the role works for the county."""
    found = Call.objects.select_related("application").defer("reply")
    return found.filter(application__org_code__in=ctx.orgs) if ctx.reach == Reach.OWN else found


def calls(ctx: Ctx, *, service: str = "", type_code: str = "", q: str = "", application: str = "") -> QuerySet[Call]:
    """Calls, by service, answer, caller or message id."""
    ctx.must("hl7v3.view")
    wanted = {"service": service, "type_code": type_code, "control_id": q, "application__code": application}
    return in_reach(ctx).filter(**{n: v for n, v in wanted.items() if v})


def applications(ctx: Ctx, *, q: str = "", state: str = "") -> QuerySet[Application]:
    """Applications with the number of their calls of the last thirty days."""
    ctx.must("hl7v3.view")
    recent = Q(calls__at__gte=now() - WINDOW)
    found = Application.objects.annotate(count=Count("calls", filter=recent), last_at=Max("calls__at"))
    found = found.filter(org_code__in=ctx.orgs) if ctx.reach == Reach.OWN else found
    found = found.filter(state=state) if state else found
    return found.filter(Q(code__icontains=q) | Q(name__contains=q)) if q else found


def application(ctx: Ctx, application_id: int) -> Application:
    """One application in reach. Raises Refused v3.no_application."""
    found = applications(ctx).filter(pk=application_id).first()
    if found is None:
        raise Refused("v3.no_application")
    return found
