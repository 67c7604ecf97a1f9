"""How a person's history is laid out: lanes, marks, bars and ticks of the timeline. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")

#: kind of event -> group of the filter
GROUP_OF = {
    "outpatient": "visit", "emergency": "visit", "inpatient": "visit", "surgery": "visit", "birth": "visit",
    "death": "visit", "referral": "visit", "appointment": "visit", "laboratory": "laboratory", "imaging": "imaging",
    "follow_up": "follow_up", "examination": "follow_up", "vaccination": "follow_up",
    "prescription": "medication", "order": "medication", "document": "document",
}  # fmt: skip
GROUPS = ("visit", "laboratory", "imaging", "follow_up", "medication", "document")
#: prescriptions show as bars of supply, documents open from their visit: both may be switched on
OPEN_GROUPS = ("visit", "laboratory", "imaging", "follow_up")
KINDS_OF = {g: tuple(k for k, v in GROUP_OF.items() if v == g) for g in GROUPS}

#: how far back the timeline looks: code -> days (0: everything)
SPANS = {"3m": 92, "12m": 366, "3y": 1097, "all": 0}

#: name stems of medication whose supply is drawn, by the long-term problem it is for
SUPPLY_CLASSES = {
    "antihypertensive": (
        "I10",
        ("地平", "沙坦", "普利", "洛尔", "氢氯噻嗪", "吲达帕胺", "螺内酯", "可乐定", "唑嗪", "利血平"),
    ),
    "glucose_lowering": (
        "E11",
        ("二甲双胍", "格列", "列净", "列汀", "胰岛素", "波糖", "鲁肽"),
    ),
}


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of time that is drawn."""

    start: date
    end: date

    def place(self, moment: date | datetime) -> float:
        """Where a moment stands, in percent of the width."""
        day = moment.astimezone(ZONE) if isinstance(moment, datetime) else moment
        whole = (self.end - self.start).days
        since = (day.date() if isinstance(day, datetime) else day) - self.start
        part = (day.hour * 60 + day.minute) / 1440 if isinstance(day, datetime) else 0.0
        return round(min(max((since.days + part) / whole * 100, 0.0), 100.0), 2)


@dataclass(frozen=True, slots=True)
class Happening:
    """What the layout needs of an event."""

    id: int
    lane: str
    kind: str
    at: datetime
    until: datetime | None
    title: str
    flag: str = ""


@dataclass(slots=True)
class Mark:
    """A mark in a lane: one event, a stay as a bar, or several events that would lie on each other."""

    left: float
    events: list[Happening]
    width: float = 0.0
    level: int = 0  # -1 above, 0 middle, 1 below

    @property
    def first(self) -> Happening:
        """The event the mark opens: the longest of a stay, else the most serious, else the newest."""
        return max(self.events, key=lambda e: ((e.until or e.at) - e.at, SERIOUS.get(e.flag, 0), e.at))

    @property
    def rise(self) -> int:
        """How far the mark stands below the middle of its lane."""
        return self.level * 7

    @property
    def count(self) -> int:
        """How many events stand behind the mark."""
        return len(self.events)


SERIOUS = {"critical": 2, "abnormal": 1}


@dataclass(slots=True)
class Lane:
    """What happened at one institution."""

    key: str
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the calendar; its label is a text, or a month of the year to be said in the reader's language."""

    left: float
    label: str | int


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of supply, or a gap in it."""

    left: float
    width: float
    lane: str
    days: int
    is_gap: bool = False

    @property
    def middle(self) -> float:
        """Where its words stand."""
        return round(self.left + self.width / 2, 2)


def window(span: str, today: date, first: date | None) -> Window:
    """The stretch drawn for a span, a little past today for what is planned."""
    days = SPANS.get(span, SPANS["12m"]) or max((today - (first or today)).days + 30, 92)
    return Window(today - timedelta(days=days), today + timedelta(days=max(14, round(days * 0.06))))


def fitting_span(today: date, first: date | None, last: date | None) -> str:
    """The span to open with: a year, or wider when the last event is older."""
    if last is None or first is None or (today - last).days <= 330:
        return "12m"
    return "3y" if (today - last).days <= 1000 else "all"


def ticks(frame: Window) -> list[Tick]:
    """Months, quarters or years, at most some fifteen; a year is named where it begins."""
    months = (frame.end.year - frame.start.year) * 12 + frame.end.month - frame.start.month
    step = next((s for s in (1, 3, 6, 12, 24, 60) if months / s <= 14), 120)
    found: list[Tick] = []
    year, month = frame.start.year, frame.start.month
    for _ in range(months + 1):
        day = date(year, month, 1)
        if frame.start <= day <= frame.end and (year * 12 + month - 1) % step == 0:
            begins = not found or month == 1
            label = (f"{year}" if step >= 12 else f"{year}-{month:02d}") if begins else month
            found.append(Tick(frame.place(day), label))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found


def lanes(events: Iterable[Happening], frame: Window, order: Callable[[str], object]) -> list[Lane]:
    """Marks by institution; marks that would touch stand above each other, more than two become one with a number."""
    grouped: dict[str, list[Happening]] = defaultdict(list)
    for event in events:
        grouped[event.lane].append(event)
    return [Lane(key, _marks(grouped[key], frame)) for key in sorted(grouped, key=order)]  # type: ignore[arg-type]


NEAR = 1.7  # percent of the width that a mark takes


def _marks(events: Sequence[Happening], frame: Window) -> list[Mark]:
    stays = _stays([e for e in events if e.kind == "inpatient"], frame)
    points: list[Mark] = []
    for event in sorted((e for e in events if e.kind != "inpatient"), key=lambda e: (e.at, e.id)):
        left = frame.place(event.at)
        if points and left - points[-1].left < NEAR:
            points[-1].events.append(event)
        else:
            points.append(Mark(left, [event]))
    return [*stays, *(m for point in points for m in _spread(point))]


def _stays(events: Sequence[Happening], frame: Window) -> list[Mark]:
    """Stays as bars; the records of one stay (admission, front page, summary) are one bar."""
    found: list[Mark] = []
    ends: list[datetime] = []
    for event in sorted(events, key=lambda e: e.at):
        end = max(event.until or event.at, event.at)
        if found and event.at <= ends[-1] + timedelta(days=1):
            found[-1].events.append(event)
            ends[-1] = max(ends[-1], end)
        else:
            found.append(Mark(frame.place(event.at), [event]))
            ends.append(end)
    for mark, end in zip(found, ends, strict=True):
        mark.width = max(round(frame.place(end) - mark.left, 2), 1.2)
    return [m for m, end in zip(found, ends, strict=True) if end.astimezone(ZONE).date() >= frame.start]


def _spread(mark: Mark) -> list[Mark]:
    """Two events above each other; three or more stay one mark with a number."""
    if mark.count != 2:
        return [mark]
    upper, lower = mark.events
    return [Mark(mark.left, [upper], level=-1), Mark(mark.left, [lower], level=1)]


def bars(stretches: Sequence[tuple[date, date, str]], gaps: Sequence[tuple[date, date]], frame: Window) -> list[Bar]:
    """Stretches of supply and gaps, cut to what is drawn."""
    found = [_bar(a, b, org, frame) for a, b, org in stretches] + [_bar(a, b, "", frame, gap=True) for a, b in gaps]
    return sorted((b for b in found if b.width > 0), key=lambda b: b.left)


def _bar(start: date, end: date, lane: str, frame: Window, *, gap: bool = False) -> Bar:
    left = frame.place(start)
    return Bar(left, round(frame.place(end) - left, 2), lane, (end - start).days, gap)


@lru_cache(maxsize=5000)
def supply_class(name: str) -> str:
    """The class of medication a name belongs to, by the stem of its generic name; empty where none."""
    return next((key for key, (_, stems) in SUPPLY_CLASSES.items() if any(s in name for s in stems)), "")


def age(born: date | None, today: date) -> tuple[int, str] | None:
    """Age as it is said: days under a month, months under three years, else years."""
    if born is None or born > today:
        return None
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    if months < 1:
        return (today - born).days, "days"
    return (months, "months") if months < 36 else (months // 12, "years")


def walk(ids: Sequence[int], current: int) -> tuple[int | None, int | None, int]:
    """Neighbours of an event among those shown (newer, older) and its place, counted from one."""
    if current not in ids:
        return None, None, 0
    at = ids.index(current)
    return (ids[at - 1] if at else None), (ids[at + 1] if at + 1 < len(ids) else None), at + 1
