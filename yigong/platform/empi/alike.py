"""One set of facts against a few registrations, without frames: the same texts, numbers and bands as ``matching``, in microseconds.

``matching`` compares thousands of pairs by columns; for one question its fixed cost is twenty times that of comparing.
Both ask the same engine, and the tests hold their answers against each other. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from yigong.kit.text import pinyin
from yigong.platform.empi.bands import AUTO, NONE, PLACEHOLDER, REVIEW, UNKNOWN
from yigong.platform.empi.clusters import CERTAIN
from yigong.platform.empi.engine import pairs, standard
from yigong.platform.empi.engine.model import Model
from yigong.platform.empi.engine.score import UNIT
from yigong.platform.empi.engine.standard import Rows
from yigong.platform.empi.identity import form_of, trust_word

_COUNTY = ZoneInfo("Asia/Shanghai")
_PLACEHOLDER, _UNKNOWN = re.compile(PLACEHOLDER), re.compile(UNKNOWN)
#: the blanks of the batch's own expressions, sign by sign
_BLANKS = re.compile("[\x00\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_MOBILE, _NO_DIGITS = re.compile(r"\A(?:0086|86)(1\d{10})\Z"), re.compile(r"\D")


class Facts(NamedTuple):
    """What is compared of one registration; the names of ``empi_registration``."""

    full_name: str | None = None
    name_key: str | None = None
    sex_code: str | None = None
    born_on: date | None = None
    id_no: str | None = None
    id_trust: str = "missing"
    phone: str | None = None
    address: str | None = None
    health_card_no: str | None = None
    contact_name: str | None = None
    registered_at: datetime | None = None


COLUMNS = ", ".join(f"r.{name}" for name in Facts._fields)
_TEXT = ("full_name", "sex_code", "id_type_code", "id_no", "phone", "address", "health_card_no", "contact_name")


class Key(NamedTuple):
    """A block in which to look."""

    rule: int
    key: int


class Question(NamedTuple):
    """One set of facts, ready to be compared."""

    facts: Facts
    row: Rows  # the engine's form
    keys: list[Key]  # the blocks in which registrations worth comparing stand


class Said(NamedTuple):
    """Facts as a caller gives them, cleaned; how far the number is trusted is not known yet."""

    facts: Facts
    id_type_code: str | None


def said(given: Mapping[str, Any]) -> Said:
    """Facts as a caller gives them, in the form in which registrations are kept."""
    text = {name: narrowed(given.get(name)) for name in _TEXT}
    name = text["full_name"]
    facts = Facts(
        full_name=name,
        name_key=(pinyin(name).replace(" ", "") or None) if name else None,
        sex_code=text["sex_code"],
        born_on=_day(given.get("born_on")),
        id_no=form_of(text["id_no"]),
        phone=phone_of(text["phone"]),
        address=text["address"],
        health_card_no=text["health_card_no"],
        contact_name=text["contact_name"],
        registered_at=_moment(given.get("registered_at")),
    )
    return Said(facts, text["id_type_code"])


def question(given: Mapping[str, Any], model: Model) -> Question:
    """One set of facts, ready to be compared."""
    return questions([said(given)], model)[0]


def questions(all_said: Sequence[Said], model: Model) -> list[Question]:
    """Some sets of facts, ready to be compared: read by the engine together, for a call costs more than what it reads."""
    rows = rows_of([one.facts for one in all_said], model)
    out = []
    for n, ((facts, kind), state) in enumerate(
        zip(all_said, standard.number_states(rows, model).tolist(), strict=True)
    ):
        row = rows[n * model.width : (n + 1) * model.width]
        trust = trust_word(state, facts.id_no, kind)
        out.append(Question(facts._replace(id_trust=trust), row, [Key(*one) for one in pairs.keys_of(row, model)]))
    return out


def of_frame(frame: pl.DataFrame, ending: str = "") -> list[Facts]:
    """The facts of a frame that has all columns of Facts, each name with this *ending*."""
    return list(map(Facts, *(frame.get_column(name + ending).to_list() for name in Facts._fields)))


def narrowed(value: object) -> str | None:
    """Text as it is kept: full-width signs made half-width, one blank for many, nothing for empty."""
    if value is None:
        return None
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", str(value))).strip(" ") or None


def phone_of(text: str | None) -> str | None:
    """A telephone number as it is kept: digits, without the country in front of a mobile number."""
    return None if text is None else _MOBILE.sub(r"\1", _NO_DIGITS.sub("", text))


def _day(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date) or value is None:
        return value
    try:
        return date.fromisoformat(str(value).strip().replace("/", "-"))
    except ValueError:
        return None


def _moment(value: object) -> datetime | None:
    """A moment in UTC; what carries no zone was written in the county."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  - of the county, below
    if not isinstance(value, datetime):
        return None
    return in_county(value).astimezone(UTC)


def in_county(moment: datetime) -> datetime:
    """A moment with its zone: what carries none was written in the county."""
    return moment if moment.tzinfo else moment.replace(tzinfo=_COUNTY)


def _columns(all_facts: Sequence[Facts]) -> dict[str, list[str]]:
    """The texts that the engine may see: no number that has lost its trust, no name that is none."""
    return {
        "full_name": [f.full_name if f.full_name and not _UNKNOWN.match(f.full_name) else "" for f in all_facts],
        "sex_code": [f.sex_code or "" for f in all_facts],
        "born_on": [f.born_on.isoformat() if f.born_on else "" for f in all_facts],
        "id_no": [f.id_no if f.id_no and f.id_trust != "shared" else "" for f in all_facts],
        "phone": [f.phone or "" for f in all_facts],
        "address": [f.address or "" for f in all_facts],
        "health_card_no": [f.health_card_no or "" for f in all_facts],
        "contact_name": [f.contact_name or "" for f in all_facts],
        "registered_at": [
            f.registered_at.astimezone(_COUNTY).date().isoformat() if f.registered_at else "" for f in all_facts
        ],
    }


def rows_of(all_facts: Sequence[Facts], model: Model) -> Rows:
    """The engine's form of a few registrations."""
    return standard.rows_of_texts(_columns(all_facts), model)


def scores(
    asked: Question, known: Sequence[Facts], model: Model, bounds: tuple[float, float]
) -> list[tuple[float, str]]:
    """Bits and band (``auto review none``) of each known registration; *bounds* are those of auto and of review."""
    return scores_of([(asked, known)], model, bounds)[0]


def scores_of(
    asked: Sequence[tuple[Question, Sequence[Facts]]], model: Model, bounds: tuple[float, float]
) -> list[list[tuple[float, str]]]:
    """The same for some questions, each with the registrations that it is to be compared with."""
    known = [facts for _, some in asked for facts in some]
    if not known:
        return [[] for _ in asked]
    rows = np.concatenate([*(one.row for one, _ in asked), rows_of(known, model)])
    left = np.repeat(np.arange(len(asked), dtype=np.uint32), [len(some) for _, some in asked])
    right = np.arange(len(asked), len(asked) + len(known), dtype=np.uint32)
    bits = iter((pairs.score_between(rows, model, left, right).scores / UNIT).tolist())
    return [[judged(one.facts, other, next(bits), bounds) for other in some] for one, some in asked]


def judged(a: Facts, b: Facts, bits: float, bounds: tuple[float, float]) -> tuple[float, str]:
    """Bits and band of a pair that scores *bits*: the rules that need no weights come first."""
    auto, review = bounds
    if a.id_trust == b.id_trust == "trusted" and a.id_no != b.id_no:  # two sound numbers are two people
        return bits, REVIEW if _twin_like(a, b) else NONE
    if _certain(a, b):
        bits = max(bits, CERTAIN)
    if bits >= auto and _named(a) and _named(b):
        return bits, AUTO
    return bits, REVIEW if bits >= review else NONE


def _certain(a: Facts, b: Facts) -> bool:
    """A rule that needs no weights: the same sound number under the same name."""
    sound = ("trusted", "other")
    if a.id_trust not in sound or b.id_trust not in sound or a.id_no is None or a.id_no != b.id_no:
        return False
    same_name = a.name_key is not None and a.name_key == b.name_key
    return same_name and all(_named(f) and not _PLACEHOLDER.search(f.full_name or "") for f in (a, b))


def kind(a: Facts, b: Facts) -> str:
    """The kind of question that a pair is; the words of ``rules.RISK``."""
    clash = a.id_trust == b.id_trust == "trusted" and a.id_no != b.id_no
    same_birth = _same(a, b, "born_on")
    if clash:
        return "twins" if same_birth else "numbers"
    if any(f.full_name is None or _PLACEHOLDER.search(f.full_name) for f in (a, b)):
        return "newborn"
    if _same(a, b, "id_no") and not _same(a, b, "name_key"):
        return "borrowed"
    if {a.id_trust, b.id_trust} & {"bad", "doubtful", "shared"}:
        return "doubtful"
    if _same(a, b, "name_key") and not _same(a, b, "full_name"):
        return "homophone"
    return "alike" if same_birth else "birth"


def _same(a: Facts, b: Facts, name: str) -> bool:
    value = getattr(a, name)
    return value is not None and value == getattr(b, name)


def _named(facts: Facts) -> bool:
    return facts.full_name is not None and not _UNKNOWN.match(facts.full_name)


def _twin_like(a: Facts, b: Facts) -> bool:
    alike = _same(a, b, "name_key") and _same(a, b, "born_on")
    return alike and (_same(a, b, "phone") or _same(a, b, "address"))
