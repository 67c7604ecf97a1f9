"""How a household looks on its page: members, generations with their ties, who may be whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from yigong.platform.empi import kin
from yigong.platform.empi.review import Household, Member, Suspicion
from yigong.platform.empi.shown_words import KINDS, PERSON_STATES, SEXES


def member(one: Member) -> dict[str, Any]:
    """A row of a household."""
    return {
        "person_id": one.person_id,
        "name": one.full_name or _("未记录"),
        "sex": SEXES.get(one.sex_code, ""),
        "born_on": one.born_on,
        "state": PERSON_STATES.get(one.state, one.state),
        "because": " · ".join(_shared(one)),
        "registrations": one.registrations,
    }


def _shared(one: Member) -> list[str]:
    """What a member has in common with the persons whose household it is."""
    words = {"phone": _("同电话"), "address": _("同住址"), "card": _("同健康卡号")}
    return [str(words[why]) for why in one.because]


def tree(found: Household, *here: int) -> dict[str, Any]:
    """A household by generations: each member with ties that the registrations tell, what is shared, whom it was taken for."""
    members = found.members
    laid = kin.tree([kin.Soul(m.person_id, m.full_name, m.sex_code, m.born_on, m.contacts) for m in members])
    names = {m.person_id: m.full_name or _("未记录") for m in members}
    words = {"child": _("登记为%(name)s之子女"), "contact": _("联系人 %(name)s")}
    said: dict[int, list[str]] = {}
    for tie in laid.ties:
        said.setdefault(tie.younger, []).append(words[tie.kind] % {"name": names[tie.elder]})
    shared, taken = {m.person_id: _shared(m) for m in members}, _taken_for(found.suspicions, names, frozenset(here))

    def drawn(soul: kin.Soul) -> dict[str, Any]:
        one = soul.person_id
        return {"person_id": one, "name": names[one], "sex": SEXES.get(soul.sex_code, ""), "born_on": soul.born_on,
                "ties": list(dict.fromkeys(said.get(one, []))), "shared": [] if one in here else shared[one],
                "taken": taken.get(one, []), "here": one in here}  # fmt: skip

    rows = [{"word": _generation(n, row), "souls": [drawn(s) for s in row]} for n, row in enumerate(laid.generations)]
    if laid.undated:
        rows.append({"word": _("出生日期未记录"), "souls": [drawn(s) for s in laid.undated]})
    return {"rows": rows, "tied": bool(laid.ties), "alone": len(members) <= len(here)}


def _taken_for(
    suspicions: Sequence[Suspicion], names: Mapping[int, Any], here: frozenset[int]
) -> dict[int, list[dict[str, str]]]:
    """For each member whom it may be or was once taken for; the pair that is looked at is not said again."""
    made: dict[int, list[dict[str, str]]] = {}
    for one in suspicions:
        if {one.one, one.other} == here:
            continue
        answered = one.state == "rejected"
        word = _("曾疑为 %(name)s，已答不是") if answered else _("疑与 %(name)s 同人")
        for who, other in ((one.one, one.other), (one.other, one.one)):
            made.setdefault(who, []).append(
                {"word": word % {"name": names[other]}, "tone": "ok" if answered else "warn"}
            )
    return made


def _generation(place: int, row: Sequence[kin.Soul]) -> str:
    first, last = (row[at].born_on for at in (0, -1))
    span = f"{first:%Y}" if first and last and first.year == last.year else f"{first:%Y} – {last:%Y}"
    return _("第 %(n)s 代 · 生于 %(span)s") % {"n": place + 1, "span": span}


def suspicion(one: Suspicion, names: Mapping[int, object]) -> dict[str, Any]:
    """Two members who may be one."""
    word, tone, icon = KINDS.get(one.kind, KINDS["alike"])
    answered = one.state == "rejected"
    return {
        "candidate_id": one.candidate_id,
        "names": f"{names[one.one]} / {names[one.other]}",
        "score": one.score,
        "word": _("不是同一人") if answered else word,
        "tone": "ok" if answered else tone,
        "icon": "check" if answered else icon,
        "open": not answered,
    }
