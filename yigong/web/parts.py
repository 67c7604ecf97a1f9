"""What the components draw: frozen facts that any module fills in. Templates also accept dictionaries with the same names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Allergy:
    """One known allergy; *institution* is an Institution or its code."""

    name: object
    detail: object = ""
    institution: object = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One long-term problem."""

    name: object
    since: object = ""


@dataclass(frozen=True, slots=True)
class Due:
    """What should be done for a person soon."""

    name: object
    when: object = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Who stands in the banner. ``allergies`` None means nobody asked; empty means asked, none known."""

    name: str
    sex: object = ""
    born_on: date | None = None
    id_no: str = ""
    url: str = ""
    note: object = ""
    allergies: Sequence[object] | None = None
    problems: Sequence[object] = ()
    risk: object = ""
    risk_note: object = ""
    due: Sequence[object] = ()
    conflicts: Sequence[object] = ()  # sentences, e.g. "磺胺：两处记录不一致"
    doctor: object = ""


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab with the number of what is behind it."""

    label: object
    url: str
    count: int | None = None
    active: bool = False


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter that is set; *clear* is the address without it."""

    label: object
    value: object
    clear: str


@dataclass(frozen=True, slots=True)
class Step:
    """One station of a life cycle: phase is done, now or later."""

    word: object
    phase: str = "later"
    who: object = ""
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Weight:
    """One step of a score."""

    word: object
    weight: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """A line of the score chart."""

    word: object
    at: float
    tone: str = "idle"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a board. Without a value it is withheld, with its reason and remedy."""

    name: object
    value: object = None
    unit: object = ""
    numerator: object = None
    denominator: object = None
    counted: object = ""  # what is counted: 人次
    change: object = ""
    better: bool | None = None  # whether the change is for the better
    target: object = ""
    definition: object = ""
    url: str = ""
    withheld: object = ""
    remedy_url: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row of two records side by side; tone is empty, warn or bad."""

    word: object
    a: object
    b: object
    verdict: object
    tone: str = ""
    note: object = ""
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Sentences that speak for one reading."""

    word: object
    reasons: Sequence[object]
    icon: str = "equal"


@dataclass(frozen=True, slots=True)
class Account:
    """One row of a reconciliation: read = filtered + rejected + loaded + withdrawn; *source* is what the source says it holds."""

    word: object
    read: int
    filtered: int
    rejected: int
    loaded: int
    source: int | None = None
    rejected_url: str = ""
    withdrawn: int = 0
    is_open: bool = False  # something is under way or failed: even figures alone do not make it even

    @property
    def missing(self) -> int:
        """Rows that stand in no column; 0 when the account is even."""
        told = self.filtered + self.rejected + self.loaded + self.withdrawn
        return (self.read if self.source is None else self.source) - told


@dataclass(frozen=True, slots=True)
class Mark:
    """Something on a lane of the timeline; kind is visit, lab, image, follow_up or stay."""

    at: date
    kind: str
    title: str
    url: str = ""
    until: date | None = None
    planned: bool = False
    tone: str = ""  # bad: abnormal or critical
    on: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """What happened at one institution."""

    institution: object
    marks: Sequence[Mark]
    word: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A bar under the lanes: supply of a drug; a gap is hatched and worded."""

    start: date
    end: date
    word: object = ""
    gap: bool = False
    institution: object = None


@dataclass(frozen=True, slots=True)
class Supply:
    """One row of bars."""

    word: object
    spans: Sequence[Span] = field(default=())


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of long work."""

    tone: str
    state: object
    word: object
    count: object = ""


@dataclass(frozen=True, slots=True)
class Way:
    """One way out of a refusal: who gives it, how long it takes."""

    word: object
    note: object = ""
    url: str = ""
    button: object = ""
    icon: str = "user-check"
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A time limit and since when it runs."""

    due_at: datetime
    since: datetime | None = None
