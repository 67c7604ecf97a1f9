"""Finds persons by name, sound, initials, numbers or several of these, best first, within the reader's reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from yigong.kit.ctx import Ctx
from yigong.kit.text import pinyin
from yigong.platform.empi.identity import upgrade
from yigong.platform.empi.selectors import Field, GoldenPerson, Page, PersonHit, ask_rows
from yigong.platform.empi.wanted import Token, tokens
from yigong.platform.registry.api import institutions
from yigong.security.api import persons_in_reach

#: an index that gives more registrations than this is not read to the end
LOOKED_AT = 400

_EDGES = "left(r.full_name, 1) || right(r.full_name, 1) = %(edges)s and length(r.full_name) = 3"
_GIVEN = "right(r.full_name, 2) = %(given)s and length(r.full_name) > 2"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to find registrations by one index."""

    matched: str
    condition: str
    params: dict[str, Any]
    score: str  # SQL
    limit: float = 0.0  # similarity that the trigram index must find at least


@transaction.atomic
def search(ctx: Ctx, text: str, *, page: int = 1, size: int = 20) -> Page:
    """Persons that fit all words of *text*, best first. Fuzzy ways are tried only when exact ones leave room."""
    best: dict[int, tuple[float, str]] = {}
    for word, rest in _readings(tokens(text)):
        _look(ctx, word, rest, best, wanted=page * size)
        if best:
            break
    ranked = sorted(best, key=lambda person: (-best[person][0], person))
    shown = ranked[(page - 1) * size : page * size]
    return Page(hits(shown, best), page, size, len(ranked), more=len(ranked) > page * size)


def _readings(words: list[Token]) -> list[tuple[Token, list[Token]]]:
    """Which word is looked up and which narrow down; of several Chinese words any may be the name."""
    first = [w for w in words if w.kind == words[0].kind] if words and words[0].kind == "han" else words[:1]
    return [(word, [other for other in words if other is not word]) for word in first]


def _look(ctx: Ctx, word: Token, rest: list[Token], best: dict[int, tuple[float, str]], *, wanted: int) -> None:
    condition, params = _narrowing(rest)
    reach = persons_in_reach(ctx, "r.person_id")
    for arms in (_exact(word), _fuzzy(word)):
        if arms and len(best) < wanted:
            _gather(arms, f"{condition} and {reach.sql}", {**params, **reach.params}, best)


def _gather(arms: list[Arm], condition: str, params: dict[str, Any], best: dict[int, tuple[float, str]]) -> None:
    for limit in sorted({arm.limit for arm in arms}):
        chosen = [arm for arm in arms if arm.limit == limit]
        if limit:
            ask_rows("select set_config('pg_trgm.similarity_threshold', %(limit)s, true)", {"limit": str(limit)})
        sql, values = compose(chosen, condition)
        for row in ask_rows(sql, {**params, **values}):
            if row["score"] > best.get(row["person_id"], (0.0, ""))[0]:
                best[row["person_id"]] = (row["score"], row["matched"])


def compose(arms: list[Arm], condition: str) -> tuple[str, dict[str, Any]]:
    """One statement for all arms, each by its own index and with its own limit."""
    parts = [
        f"""(select r.person_id, '{arm.matched}' as matched, ({arm.score})::float8 as score from empi_registration r
             where {arm.condition} and {condition} limit {LOOKED_AT})"""
        for arm in arms
    ]
    return " union all ".join(parts), {name: value for arm in arms for name, value in arm.params.items()}


def _exact(word: Token) -> list[Arm]:
    text, tail = word.text, word.text.upper()[::-1]
    match word.kind:
        case "id_no":
            return [Arm("id_no", "r.id_no = %(w)s", {"w": upgrade(text)}, "100")]
        case "phone":
            return [Arm("phone", "r.phone = %(w)s", {"w": text}, "90"), _card(text)]
        case "card":
            return [_card(text)]
        case "digits":
            ends = {"w": f"{tail}%"}
            return [
                Arm("id_no", "reverse(r.id_no) like %(w)s", ends, "70"),
                Arm("phone", "reverse(r.phone) like %(w)s", ends, "65"),
                Arm("phone", "r.phone like %(start)s", {"start": f"{text}%"}, "60"),
                _card(text),
            ]
        case "han":
            return _by_name(text)
        case "latin":
            return _by_letters(text.lower().replace("'", "").replace("ü", "v"))
        case "born":
            return [Arm("born_on", "r.born_on = %(w)s", {"w": word.day}, "40")]
    return []


def _card(text: str) -> Arm:
    return Arm("health_card", "r.health_card_no = %(card)s", {"card": text.upper()}, "95")


def _by_name(name: str) -> list[Arm]:
    sound = pinyin(name).replace(" ", "")
    return [
        Arm("name", "r.full_name = %(w)s", {"w": name}, "80"),
        Arm("sound", "r.name_key = %(sound)s and r.full_name <> %(w)s", {"sound": sound, "w": name}, "60"),
        Arm(
            "name",
            "r.full_name like %(start)s and r.full_name <> %(w)s",
            {"start": f"{plain(name)}%", "w": name},
            "55",
        ),
    ]


def _by_letters(letters: str) -> list[Arm]:
    return [
        Arm("pinyin", "r.name_key = %(w)s", {"w": letters}, "75"),
        Arm("initials", "r.name_initials = %(w)s", {"w": letters}, "50"),
        Arm(
            "pinyin", "r.name_key like %(start)s and r.name_key <> %(w)s", {"start": f"{letters}%", "w": letters}, "45"
        ),
    ]


def _fuzzy(word: Token) -> list[Arm]:
    text = word.text
    if word.kind == "latin" and len(text) > 3:
        letters = text.lower()
        return [Arm("alike", "r.name_key %% %(w)s", {"w": letters}, "35 * similarity(r.name_key, %(w)s)", 0.6)]
    if word.kind != "han" or len(text) < 3:
        return []
    address = Arm("address", "r.address like %(place)s", {"place": f"%{plain(text)}%"}, "10")
    return [*(_one_sign_off(text) if len(text) == 3 else [_alike(text)]), address]


def _one_sign_off(name: str) -> list[Arm]:
    """Names of three signs that differ in one, whichever: three exact look-ups instead of a wide trigram scan."""
    return [
        Arm("alike", "r.full_name like %(first)s", {"first": f"{plain(name[:2])}%"}, "35"),
        Arm("alike", _EDGES, {"edges": name[0] + name[2]}, "30"),
        Arm("alike", _GIVEN, {"given": name[1:]}, "20"),
    ]


def _alike(name: str) -> Arm:
    return Arm("alike", "r.full_name %% %(w)s", {"w": name}, "40 * similarity(r.full_name, %(w)s)", 0.3)


def _narrowing(words: list[Token]) -> tuple[str, dict[str, Any]]:
    conditions, params = ["true"], dict[str, Any]()
    for place, word in enumerate(words):
        name = f"n{place}"
        condition, values = _narrow_by(word, name)
        conditions.append(condition)
        params |= values
    return " and ".join(conditions), params


def _narrow_by(word: Token, name: str) -> tuple[str, dict[str, Any]]:
    text = plain(word.text)
    match word.kind:
        case "year":
            year = int(word.text[:4])
            return f"extract(year from r.born_on) = %({name})s", {name: year}
        case "born":
            return f"r.born_on = %({name})s", {name: word.day}
        case "latin":
            start = {name: f"{text.lower()}%"}
            return f"(r.name_key like %({name})s or r.name_initials like %({name})s)", start
        case "han":
            orgs = [one.code for one in institutions() if word.text in one.name or word.text in one.short_name]
            anywhere = {name: f"%{text}%", f"{name}_start": f"{text}%", f"{name}_orgs": orgs}
            return (
                f"(r.address like %({name})s or r.full_name like %({name}_start)s or r.org_code = any(%({name}_orgs)s))",
                anywhere,
            )
    end = {name: f"%{text.upper()}", f"{name}_start": f"{text}%"}
    return f"(r.id_no like %({name})s or r.phone like %({name})s or r.health_card_no like %({name}_start)s)", end


def plain(text: str) -> str:
    """Text to stand in a LIKE pattern for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def hits(person_ids: list[int], best: dict[int, tuple[float, str]]) -> list[PersonHit]:
    """What is shown of persons found, in the order given; *best* holds their scores and what was found."""
    rows = ask_rows(
        """select p.id, p.state, p.golden, array_agg(distinct r.org_code) as orgs
           from empi_person p join empi_registration r on r.person_id = p.id
           where p.id = any(%(ids)s) group by p.id""",
        {"ids": person_ids},
    )
    found = {row["id"]: _hit(row, *best[row["id"]]) for row in rows}
    return [found[person] for person in person_ids if person in found]


def _hit(row: dict[str, Any], score: float, matched: str) -> PersonHit:
    of = GoldenPerson(row["id"], row["state"], {name: Field(**facts) for name, facts in row["golden"].items()})
    return PersonHit(
        person_id=of.id,
        state=of.state,
        full_name=of.full_name,
        sex_code=of.sex_code,
        born_on=of.birth,
        age=of.age,
        id_no=of.id_no,
        phone=of.phone,
        address=of.address,
        village_code=of.village_code,
        org_codes=tuple(row["orgs"]),
        matched=matched,
        score=score,
    )
