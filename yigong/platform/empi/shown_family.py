"""How a household looks on its page: members, generations with their ties, who may be whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from yigong.platform.empi import kin
from yigong.platform.empi.review import Member, Suspicion
from yigong.platform.empi.shown_words import KINDS, PERSON_STATES, SEXES


def member(one: Member) -> dict[str, Any]:
    """A row of a household."""
    words = {"phone": _("同电话"), "address": _("同住址")}
    return {
        "person_id": one.person_id,
        "name": one.full_name or _("未记录"),
        "sex": SEXES.get(one.sex_code, ""),
        "born_on": one.born_on,
        "state": PERSON_STATES.get(one.state, one.state),
        "because": " · ".join(str(words[why]) for why in one.because),
        "registrations": one.registrations,
    }


def tree(members: Sequence[Member], person_id: int) -> dict[str, Any]:
    """A household by generations, each member with the ties that the registrations tell."""
    souls = [kin.Soul(m.person_id, m.full_name, m.sex_code, m.born_on, m.contacts) for m in members]
    found = kin.tree(souls)
    names = {m.person_id: m.full_name or _("未记录") for m in members}
    words = {"child": _("登记为%(name)s之子女"), "contact": _("联系人 %(name)s")}
    said: dict[int, list[str]] = {}
    for tie in found.ties:
        said.setdefault(tie.younger, []).append(words[tie.kind] % {"name": names[tie.elder]})

    def drawn(soul: kin.Soul) -> dict[str, Any]:
        ties = list(dict.fromkeys(said.get(soul.person_id, [])))
        return {"person_id": soul.person_id, "name": names[soul.person_id], "sex": SEXES.get(soul.sex_code, ""),
                "born_on": soul.born_on, "ties": ties, "here": soul.person_id == person_id}  # fmt: skip

    rows = [{"word": _generation(n, row), "souls": [drawn(s) for s in row]} for n, row in enumerate(found.generations)]
    if found.undated:
        rows.append({"word": _("出生日期未记录"), "souls": [drawn(s) for s in found.undated]})
    return {"rows": rows, "tied": bool(found.ties)}


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
