"""What the pages of a person show, put together from the doors of the platform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from yigong.kit.clock import COUNTY_ZONE, now, today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.text import mask_id_no
from yigong.platform.empi import api as empi
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry
from yigong.security.api import registration_ids
from yigong.sharing import domain


@dataclass(frozen=True, slots=True)
class Banner:
    """What stands at the head of every page about a person."""

    person_id: int
    full_name: str
    sex_code: str
    born_on: date | None
    age: tuple[int, str] | None
    id_masked: str
    health_card_no: str
    phone: str
    address: str
    state: str
    orgs: tuple[str, ...]
    registration_ids: tuple[int, ...]
    summary: records.PersonSummary

    @property
    def anchor(self) -> int:
        """The registration under which readings are written down."""
        return self.registration_ids[0]

    @property
    def allergies(self) -> list[records.Allergy]:
        """Substances that some source calls an allergy."""
        return records.present_allergies(self.summary.allergies)

    @property
    def disputed(self) -> set[str]:
        """Substances over which sources disagree."""
        return {c.subject for c in self.summary.contradictions if c.kind == "allergy"}


def anchors(ctx: Ctx, person_id: int) -> tuple[int, ...]:
    """The registrations of a person in reach. Raises Refused not_found, or not_related when out of reach."""
    return tuple(r.id for r in _registrations(ctx, person_id))


def _registrations(ctx: Ctx, person_id: int) -> list[empi.Registration]:
    found = empi.registrations(ctx, person_id)
    if not found:
        raise Refused("not_related", person_id=person_id) if registration_ids(person_id) else Refused("not_found")
    return found


def banner(ctx: Ctx, person_id: int) -> Banner:
    """Who the person is and what has to be known first. Raises Refused as ``anchors`` does."""
    known = _registrations(ctx, person_id)
    golden = empi.golden(ctx, person_id)
    born = golden.birth
    return Banner(
        person_id=person_id,
        full_name=golden.full_name or "",
        sex_code=golden.sex_code or "",
        born_on=born,
        age=domain.age(born, today()),
        id_masked=mask_id_no(golden.id_no) if golden.id_no else "",
        health_card_no=golden.health_card_no or "",
        phone=golden.phone or "",
        address=golden.address or "",
        state=golden.state,
        orgs=tuple(dict.fromkeys(r.org_code for r in known)),
        registration_ids=tuple(r.id for r in known),
        summary=records.summary(ctx, person_id),
    )


@dataclass(slots=True)
class Timeline:
    """The timeline as drawn."""

    span: str
    groups: tuple[str, ...]
    window: domain.Window
    ticks: list[domain.Tick]
    lanes: list[domain.Lane]
    supplies: list[tuple[str, list[domain.Bar], date | None]]
    today_left: float
    events: list[records.Event]
    counts: dict[str, int] = field(default_factory=dict)
    is_cut: bool = False

    @property
    def query(self) -> str:
        """What is shown, as it stands in an address."""
        return urlencode([("span", self.span), *(("kind", g) for g in self.groups)])

    @property
    def rows(self) -> list[tuple[int, domain.Lane]]:
        """The lanes with the height of their middle."""
        return [(AXIS + LANE * n + LANE // 2, lane) for n, lane in enumerate(self.lanes)]

    @property
    def supply_rows(self) -> list[tuple[int, str, list[domain.Bar], date | None]]:
        """The rows of supply below the lanes, with the height of their upper edge."""
        top = AXIS + LANE * len(self.lanes)
        return [(top + SUPPLY * n, *row) for n, row in enumerate(self.supplies)]

    @property
    def height(self) -> int:
        """The height of the drawing."""
        return AXIS + LANE * len(self.lanes) + SUPPLY * len(self.supplies)


#: heights in the drawing: calendar, a lane, a row of supply
AXIS, LANE, SUPPLY = 24, 32, 36


EVENT_LIMIT = 1000


def timeline(ctx: Ctx, who: Banner, *, span: str, groups: Sequence[str]) -> Timeline:
    """The history of a person over all institutions, laid out for a span of time and groups of kinds."""
    first = who.summary.first_at.astimezone(COUNTY_ZONE).date() if who.summary.first_at else None
    last = who.summary.last_at.astimezone(COUNTY_ZONE).date() if who.summary.last_at else None
    chosen = span if span in domain.SPANS else domain.fitting_span(today(), first, last)
    frame = domain.window(chosen, today(), first)
    start = datetime.combine(frame.start, datetime.min.time(), COUNTY_ZONE)
    events = records.timeline(ctx, who.person_id, start=start, limit=EVENT_LIMIT)
    counts = dict.fromkeys(domain.GROUPS, 0)
    for e in events:
        counts[domain.GROUP_OF.get(e.kind, "visit")] += 1
    shown = [e for e in events if domain.GROUP_OF.get(e.kind, "visit") in groups]
    order = {i.code: n for n, i in enumerate(registry.institutions())}
    return Timeline(
        span=chosen,
        groups=tuple(groups),
        window=frame,
        ticks=domain.ticks(frame),
        lanes=domain.lanes((_happening(e) for e in shown), frame, lambda code: (order.get(code, 9999), code)),
        supplies=_supplies(ctx, who, frame),
        today_left=frame.place(today()),
        events=shown,
        counts=counts,
        is_cut=len(events) == EVENT_LIMIT,
    )


def _happening(e: records.Event) -> domain.Happening:
    return domain.Happening(e.id, e.org_code, e.kind, e.event_at, e.ended_at, e.title, e.flag)


def _supplies(ctx: Ctx, who: Banner, frame: domain.Window) -> list[tuple[str, list[domain.Bar], date | None]]:
    """Bars of supply for the medication classes of the person's long-term problems."""
    days = (today() - frame.start).days + 90
    every = who.summary.prescribed if days <= 460 else records.medications(ctx, who.person_id, days=days)
    found = []
    for key in domain.SUPPLY_CLASSES:
        stretches = records.supply([m for m in every if domain.supply_class(m.name) == key])
        if stretches:
            until = max(end for _, end, _ in stretches)
            bars = domain.bars(stretches, records.gaps(stretches, today()), frame)
            found.append((key, bars, until if until >= today() else None))
    return found


def shown_ids(ctx: Ctx, person_id: int, *, span: str, groups: Sequence[str]) -> list[int]:
    """The events a timeline shows, newest first: what the arrow keys walk."""
    kinds = [k for g in groups for k in domain.KINDS_OF.get(g, ())]
    days = domain.SPANS.get(span, domain.SPANS["12m"])
    start = now() - timedelta(days=days) if days else None
    return [e.id for e in records.timeline(ctx, person_id, kinds=kinds, start=start, limit=EVENT_LIMIT)]


def dock_default(events: Sequence[records.Event]) -> records.Event | None:
    """The event that opens beside the timeline: a critical one, else the newest stay, an abnormal one, the newest."""
    wanted = ("critical", "inpatient", "abnormal", "")
    recent = list(events[:60])
    return next((e for w in wanted for e in recent if w in ("", e.flag, e.kind)), None)


def chart_item(who: Banner) -> str:
    """The laboratory item that is drawn first: one with a history and a result out of range, else the longest."""
    several = [r for r in who.summary.latest if r.series >= 3 and r.value is not None]
    several.sort(key=lambda r: (not r.is_abnormal, -r.series))
    return several[0].item_code if several else ""
