"""How a referral is shown: rows with their words, groups by time limit, the line of its life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from yigong.collaboration.referral import words
from yigong.collaboration.referral.domain import FADING, OPEN_TO_RECEIVER, READ_DAYS_AFTER
from yigong.collaboration.referral.models import Referral, ReferralMove
from yigong.collaboration.referral.selectors import Anchor, Filters, Row
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry
from yigong.web import parts

LINE = ("draft", "sent", "accepted", "arrived", "closed")


def row(r: Row) -> SimpleNamespace:
    """A row with institutions and words beside its codes."""
    tone, word = words.STATES[r.state]
    return SimpleNamespace(
        **asdict(r),
        sender=registry.institution(r.from_org),
        receiver=registry.institution(r.to_org),
        sex_word=words.SEXES.get(r.sex_code or "", ""),
        state_tone=tone,
        state_word=word,
        urgent_state_word=f"{words.URGENCIES['emergency']} · {word}",
        direction_word=words.DIRECTIONS[r.direction],
        urgency_word=words.URGENCIES[r.urgency],
    )


def groups(rows: Sequence[Row], filters: Filters) -> list[tuple[dict[str, Any] | None, list[SimpleNamespace]]]:
    """The worklist in groups of urgency; other lists as one."""
    if filters.tab != "todo" or filters.sort:
        return [(None, [row(r) for r in rows])]
    found: dict[str, list[SimpleNamespace]] = {name: [] for name in words.GROUPS}
    for r in rows:
        found[_group(r.minutes_left)].append(row(r))
    heads = {name: {"tone": tone, "word": word} for name, (tone, word) in words.GROUPS.items()}
    return [(heads[name], members) for name, members in found.items() if members]


def _group(minutes: int | None) -> str:
    if minutes is None:
        return "other"
    return "late" if minutes < 0 else "hour" if minutes < 60 else "today" if minutes < 24 * 60 else "later"


def tabs(request: HttpRequest, counts: dict[str, int], active: str) -> list[parts.Tab]:
    """The states of the list with their counts."""
    return [parts.Tab(word, f"?tab={name}", counts[name], name == active) for name, word in words.TABS.items()]


def chips(request: HttpRequest, filters: Filters) -> list[parts.Chip]:
    """The filters that are set, each with its way out."""
    known = registry.institution(filters.org)
    active = [
        ("q", _("查找"), filters.text),
        ("direction", _("方向"), words.DIRECTIONS.get(filters.direction, "")),
        ("urgency", _("缓急"), words.URGENCIES.get(filters.urgency, "")),
        ("org", _("机构"), known.name if known else filters.org),
    ]
    return [parts.Chip(label, value, _without(request, name)) for name, label, value in active if value]


def _without(request: HttpRequest, name: str) -> str:
    query = request.GET.copy()
    query.pop(name, None)
    query.pop("page", None)
    return f"?{query.urlencode()}"


def pager(filters: Filters, total: int) -> SimpleNamespace:
    """Where we are in the list."""
    first = (filters.page - 1) * filters.size + 1
    return SimpleNamespace(
        number=filters.page,
        num_pages=max(1, -(-total // filters.size)),
        count=total,
        start_index=lambda: min(first, total),
        end_index=lambda: min(first + filters.size - 1, total),
    )


def person(who: Row | Anchor, summary: Any) -> parts.Person:
    """The banner of a case; what the history says only where it is open to the reader."""
    return parts.Person(
        name=who.full_name,
        sex=words.SEXES.get(who.sex_code or "", ""),
        born_on=who.born_on,
        id_no=who.id_no or "",
        url=person_url(who.person_id) if summary else "",
        allergies=allergies(summary),
        problems=[parts.Problem(p.name, f"{p.since:%Y}") for p in (summary.problems if summary else ())][:4],
        conflicts=[
            _("%(what)s：几处记录不一致") % {"what": c.subject} for c in (summary.contradictions if summary else ())
        ][:2],
    )


def allergies(summary: Any) -> list[parts.Allergy] | None:
    """Allergies as the banner wants them: None where nobody asked or the history is closed to the reader."""
    if summary is None or summary.allergy_state == "not_asked":
        return None
    found = records.present_allergies(summary.allergies)
    return [parts.Allergy(a.substance or _("过敏史"), _more(a.detail, a.substance), a.source.org_code) for a in found]


def _more(detail: str, substance: str) -> str:
    """What the detail adds to the name of the substance; sources often say the name twice."""
    return "" if detail.removesuffix("类") == substance else detail


def person_url(person_id: int) -> str:
    """The address of the person view."""
    try:
        return reverse("sharing:person", args=[person_id])
    except NoReverseMatch:
        return ""


def results(summary: Any) -> list[dict[str, Any]]:
    """The latest results worth a line: abnormal ones first."""
    latest = list(summary.latest) if summary else []
    chosen = sorted(latest, key=lambda r: (not r.is_abnormal, r.name))[:5]
    return [
        {
            "name": r.name,
            "value": r.value if r.value is not None else r.text,
            "unit": r.unit,
            "at": r.at,
            "flag": r.flag,
            "arrow": "↑" if "high" in r.flag else "↓" if "low" in r.flag else "",
        }
        for r in chosen
    ]


def move(m: ReferralMove) -> SimpleNamespace:
    """A line of the history."""
    institution = registry.institution(m.org_code)
    verbs = {**words.VERBS, "draft": _("填写申请")}
    return SimpleNamespace(
        at=m.at,
        word=verbs.get(m.verb, m.verb),
        by_name=m.by_name,
        org_name=institution.name if institution else m.org_code,
        facts=[(words.FACTS[k][0], _fact(k, v)) for k, v in m.given.items() if k in words.FACTS],
    )


def _fact(name: str, value: Any) -> Any:
    if name == "to_org" and (found := registry.institution(str(value))):
        return found.name
    if name == "appointment_at" and (moment := parse_datetime(str(value))):
        return f"{localtime(moment):%Y-%m-%d %H:%M}"
    return value


def steps(referral: Referral, moves: Sequence[ReferralMove]) -> list[parts.Step]:
    """The main line of the life cycle; a side exit stands where the case left the line."""
    at = {m.target: m for m in moves}
    here = LINE.index(referral.state) if referral.state in LINE else None
    reached = here if here is not None else max((LINE.index(s) for s in at if s in LINE), default=0)
    line = [
        _step(s, at.get(s) if i <= reached else None, "now" if i == here else "done" if i <= reached else "later")
        for i, s in enumerate(LINE)
    ]
    if here is None:
        line.insert(reached + 1, _step(referral.state, at.get(referral.state), "now"))
    return line


def _step(state: str, moved: ReferralMove | None, phase: str) -> parts.Step:
    who = f"{moved.by_name} {localtime(moved.at):%m-%d %H:%M}" if moved else ""
    return parts.Step(words.STATES[state][1], phase, who)


def consequence(referral: Referral) -> str:
    """What the state means for reading the history, and until when."""
    if referral.state in OPEN_TO_RECEIVER:
        return _("接收方现在可以读这位患者的病历，因为这份转诊。")
    if referral.state in FADING:
        return _("病历在结束后 %(n)s 天内仍对接收方开放。") % {"n": READ_DAYS_AFTER}
    return _("病历不因这份转诊对接收方开放。")
