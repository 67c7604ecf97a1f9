"""Scores by institution, data set, field, dimension and month, each with what it is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from yigong.kit.clock import today
from yigong.quality import closing, domain, selectors
from yigong.quality.domain import Line, Score
from yigong.standards.quality import api as quality


@dataclass(frozen=True, slots=True)
class Window:
    """Whole months from *start* to before *end*."""

    start: date
    end: date
    closed: bool = False  # as the month was closed, not as it is now

    @property
    def words(self) -> str:
        """2026-09 – 2026-11."""
        last = back(self.end, 1)
        return f"{self.start:%Y-%m}" if last == self.start else f"{self.start:%Y-%m} – {last:%Y-%m}"


def back(month: date, number: int) -> date:
    """The first of the month *number* months before."""
    count = month.year * 12 + month.month - 1 - number
    return date(count // 12, count % 12 + 1, 1)


LENGTHS = {"month": 1, "quarter": 3, "year": 12}


def report_window(month: date) -> Window:
    """A month as its report tells it: as it was closed, or as it is while it is not."""
    return Window(month, back(month, -1), closing.is_closed(month))


def window(name: str, month: date | None = None) -> Window:
    """The window of that name that ends with *month*, the present one unless told."""
    last = (month or today()).replace(day=1)
    return Window(back(last, LENGTHS[name] - 1), back(last, -1))


def counted(rule: quality.Rule) -> bool:
    """Whether a rule counts for scores: a suspicion is no fault, so screening stands beside them."""
    return rule.dimension is not quality.Dimension.FABRICATION


def _lines(
    found: list[tuple[Any, str, str, int, int]],
    key: Callable[[Any, quality.Rule, str], Any],
    *,
    counts: Callable[[quality.Rule], bool] = counted,
    least_rules: int = domain.LEAST_RULES,
    w: Window | None = None,
) -> dict[Any, Score]:
    """Key -> score. A rule weighs once in it, over all data sets that it judged there; in a closed window as it weighed then."""
    rules = closing.rules_of(w.start) if w and w.closed else {r.code: r for r in quality.rules()}
    grouped: dict[Any, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for by, code, data_set, judged, failed in found:
        rule = rules.get(code)
        if rule is not None and counts(rule):
            sums = grouped[key(by, rule, data_set)][code]
            sums[0] += judged
            sums[1] += failed
    return {
        k: domain.score([Line(rules[c].weight, j, f) for c, (j, f) in theirs.items()], least_rules=least_rules)
        for k, theirs in grouped.items()
    }


def by_institution(w: Window, orgs: list[str] | None = None) -> dict[str, Score]:
    """Institution -> its score."""
    return _lines(_sums(w, "org_code", orgs), lambda by, _r, _d: by, w=w)


def by_data_set(w: Window, orgs: list[str] | None = None) -> dict[str, Score]:
    """Data set -> its score."""
    return _lines(_sums(w, "data_set", orgs), lambda by, _r, _d: by, w=w)


def by_dimension(w: Window, orgs: list[str] | None = None) -> dict[str, Score]:
    """Dimension -> its score; one rule is enough for a dimension to be told."""
    return _shares(w, orgs, lambda rule, _d: rule.dimension.value)


def by_field(w: Window, orgs: list[str] | None = None) -> dict[tuple[str, str], Score]:
    """(data set, field) -> its score."""
    return _shares(w, orgs, lambda rule, data_set: (data_set, rule.fields[0] if rule.fields else ""))


def _shares(w: Window, orgs: list[str] | None, key: Callable[[quality.Rule, str], Any]) -> dict[Any, Score]:
    """The weighted share that passes, told when enough values were judged, of however many rules."""
    found = _sums(w, "rule", orgs)
    return _lines(found, lambda _by, rule, data_set: key(rule, data_set), counts=lambda _r: True, least_rules=1, w=w)


def _sums(w: Window, by: str, orgs: list[str] | None) -> list[tuple[Any, str, str, int, int]]:
    return selectors.sums(start=w.start, end=w.end, by=by, orgs=orgs, closed=w.closed)


def by_month(orgs: list[str] | None = None, number: int = 12) -> list[tuple[date, Score]]:
    """The last months with their scores, the oldest first; months without data have a withheld score."""
    w = Window(back(today().replace(day=1), number - 1), back(today().replace(day=1), -1))
    found = _lines(selectors.sums(start=w.start, end=w.end, by="month", orgs=orgs), lambda by, _r, _d: by)
    every = [back(w.end, n) for n in range(number, 0, -1)]
    return [(m, found.get(m, domain.score([]))) for m in every]


def total(w: Window, orgs: list[str] | None = None) -> Score:
    """One score over all institutions of the window."""
    return _lines(_sums(w, "rule", orgs), lambda *_: "", w=w).get("", domain.score([]))


@dataclass(frozen=True, slots=True)
class Place:
    """An institution in the ranking; without a score it has no place."""

    org_code: str
    score: Score
    place: int | None
    before: Score  # of the window before


def _told(score: Score) -> str:
    """A score as it is shown: two that look alike have the same place."""
    return f"{score.value:.1f}"


def ranking(w: Window) -> list[Place]:
    """Institutions by score, the best first; those without a score last, also who sent nothing in the window."""
    nothing = domain.score([])
    now = dict.fromkeys(selectors.sources(w.end if w.closed else None), nothing) | by_institution(w)
    length = (w.end.year - w.start.year) * 12 + w.end.month - w.start.month
    earlier = back(w.start, length)
    before = by_institution(report_window(earlier) if w.closed else Window(earlier, w.start))
    told = sorted((o for o, s in now.items() if s.value is not None), key=lambda o: (-float(now[o].value or 0), o))
    rest = sorted(o for o, s in now.items() if s.value is None)
    places: dict[str, int] = {}
    for at, org in enumerate(told):
        alike = at and _told(now[org]) == _told(now[told[at - 1]])
        places[org] = places[told[at - 1]] if alike else at + 1
    return [Place(o, now[o], places.get(o), before.get(o, nothing)) for o in (*told, *rest)]
