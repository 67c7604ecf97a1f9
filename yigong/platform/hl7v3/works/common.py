"""What several works do alike: persons found and made known, institutions, numbers checked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import polars as pl
from django.db import connection

from yigong.kit import idcard
from yigong.kit.clock import today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.empi import api as empi
from yigong.platform.hl7v3.access import institution_of
from yigong.platform.hl7v3.message import Request
from yigong.platform.hl7v3.models import Application
from yigong.platform.hl7v3.paths import MARKS, read
from yigong.platform.registry import api as registry
from yigong.security.api import persons_in_reach

R = TypeVar("R")
EARLIEST = date(1850, 1, 1)
SEXES = {"0": "未知的性别", "1": "男性", "2": "女性", "9": "未说明的性别"}


@dataclass(frozen=True, slots=True)
class Identity:
    """A registration with its person."""

    registration_id: int
    person_id: int


def operator(request: Request) -> dict[str, str]:
    """Who did it at the sender's, for the reply."""
    names = ("AssignedPersonCode", "OperateCode"), ("AssignedPersonName", "AssignedEntityName", "OperateName")
    found = [next((v for n in group if (v := request.get(n))), "") for group in names]
    return {"operator_id": found[0], "operator_name": found[1]}


def org_of(application: Application, request: Request, *names: str) -> str:
    """The institution a message speaks for. Raises Refused v3.other_institution."""
    said = next(
        (v for n in (*names, "ProviderOrgCode", "ServiceOrganCode", "ProviderOrganizationId") if (v := request.get(n))),
        "",
    )
    return institution_of(application, said)


def checked_id_no(request: Request, name: str = "IDCardNo") -> str:
    """The identity number of a message. Raises Refused v3.bad_id_no for one that an identity card cannot have, v3.other_root
    where the root says that it is another kind of number."""
    if root := request.strange_root(name):
        wanted = " ".join(MARKS[name])
        raise Refused(
            "v3.other_root", field=request.words(name), place=request.place(name), root=root[:60], wanted=wanted
        )
    number = request.get(name).upper()
    if number and is_card(request) and not idcard.valid(number):
        raise Refused("v3.bad_id_no", field=request.words(name), place=request.place(name))
    return number


def is_card(request: Request) -> bool:
    """Whether the identity document is the resident's identity card; it is when nothing is said."""
    return request.get("IDCategoryCode") in ("", "01", "1")


def checked_birth(request: Request, name: str = "BirthTime") -> date | None:
    """The birth date of a message. Raises Refused v3.no_date, and v3.no_birth for one before 1850 or still to come."""
    found = request.day(name)
    if found is not None and not EARLIEST <= found <= today():
        facts = {"field": request.words(name), "place": request.place(name), "value": f"{found:%Y%m%d}"}
        raise Refused("v3.no_birth", **facts)
    return found


def contradictions(request: Request) -> list[tuple[str, str]]:
    """What birth date and sex say otherwise than the identity number, in both languages.

    It is said and not refused: the evaluation's own messages that must succeed contradict themselves so.
    """
    number = request.get("IDCardNo").upper()
    if len(number) != 18 or not is_card(request) or not idcard.valid(number):
        return []
    found, born = [], request.day("BirthTime")
    if born is not None and born != idcard.born_on(number):
        found.append((
            "身份证号中的出生日期与 BirthTime 不一致，两者均已保存，请核对证件后更新",
            "the birth date inside IDCardNo differs from BirthTime; both are kept, compare with the card and update",
        ))  # fmt: skip
    if request.get("GenderCode") in ("1", "2") and int(request.get("GenderCode")) % 2 != int(number[16]) % 2:
        found.append((
            "身份证号中的性别与 GenderCode 不一致，两者均已保存，请核对证件后更新",
            "the sex inside IDCardNo differs from GenderCode; both are kept, compare with the card and update",
        ))  # fmt: skip
    return found


def known(org_code: str, source_system: str, local_id: str) -> Identity | None:
    """The registration under which an institution's system knows a person."""
    return _one(
        "org_code = %(org)s and source_system = %(system)s and local_id = %(local)s",
        {"org": org_code, "system": source_system, "local": local_id},
    )


def mine(ctx: Ctx, application: Application, local_id: str) -> Identity | None:
    """The person whom one of the caller's institutions knows under a number."""
    return _one(
        "org_code = any(%(orgs)s) and local_id = %(local)s order by (source_system = %(system)s) desc, id",
        {"orgs": list(ctx.orgs), "system": application.source_system, "local": local_id},
    )


def _one(condition: str, params: dict[str, Any]) -> Identity | None:
    with connection.cursor() as cursor:
        cursor.execute(f"select id, person_id from empi_registration where {condition} limit 1", params)
        row = cursor.fetchone()
    return Identity(*row) if row else None


def by_numbers(ctx: Ctx, *, id_no: str = "", health_card_no: str = "", everywhere: bool = False) -> list[Identity]:
    """Persons with an identity or card number, one registration each; within reach unless *everywhere*."""
    reach = persons_in_reach(ctx, "r.person_id")
    condition = "true" if everywhere else reach.sql
    given = {"id_no": id_no.upper() or None, "card": health_card_no or None}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select distinct on (r.person_id) r.id, r.person_id from empi_registration r
                where (r.id_no = %(id_no)s or r.health_card_no = %(card)s) and {condition} order by r.person_id, r.id limit 50""",
            {**given, **(reach.params if not everywhere else {})},
        )
        return [Identity(*row) for row in cursor.fetchall()]


def by_name(
    ctx: Ctx, name: str, *, sex: str, born: date | None, most: int, before: int = 0
) -> tuple[list[Identity], int]:
    """Persons in reach with exactly this name, and sex and birth where they are said; how many there are in all."""
    reach = persons_in_reach(ctx, "r.person_id")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select min(r.id), r.person_id, count(*) over () from empi_registration r
                where r.full_name = %(name)s and (%(sex)s = '' or r.sex_code = %(sex)s)
                    and (%(born)s::date is null or r.born_on = %(born)s) and {reach.sql}
                group by r.person_id order by r.person_id limit %(most)s offset %(before)s""",
            {"name": name, "sex": sex, "born": born, "most": most, "before": before, **reach.params},
        )
        rows = cursor.fetchall()
    return [Identity(row[0], row[1]) for row in rows], rows[0][2] if rows else 0


def quantity(request: Request, most: int) -> int:
    """How many results a query wants at most (``initialQuantity``), never more than *most*. Raises Refused v3.bad_quantity."""
    for act in ("queryByParameter", "queryByParameterPayload"):
        path = f"/controlActProcess/{act}/initialQuantity/@value"
        if said := read(request.tree, path):
            if not (said.isascii() and said.isdigit() and int(said[:9])):
                raise Refused("v3.bad_quantity", value=said[:20], place=f"/{request.head.root}{path}")
            return min(int(said[:9]), most)
    return most


def window(request: Request, most: int) -> tuple[int, int]:
    """How many results come before those that are wanted, and how many are wanted at most."""
    return request.start - 1, min(request.most or quantity(request, most), most)


def cut(request: Request, rows: Sequence[R], most: int = 0) -> Sequence[R]:
    """Of all results those that are wanted, at most *most* (0: no bound). Raises Refused v3.no_more."""
    before, count = window(request, most or max(len(rows), 1))
    shown = rows[before : before + count]
    if rows and not shown:
        raise Refused("v3.no_more", start=request.start, total=len(rows))
    return shown


def counts(request: Request, total: int, shown: int) -> dict[str, int]:
    """How many there are, are shown, and are left behind these."""
    return {"total": total, "current": shown, "remaining": max(0, total - (request.start - 1) - shown)}


def register(ctx: Ctx, application: Application, org_code: str, facts: dict[str, Any]) -> Identity:
    """Make a person known under the sender's own number."""
    row = {"org_code": org_code, "source_system": application.source_system, **facts}
    row["facts"] = json.dumps(row["facts"], ensure_ascii=False) if row.get("facts") else None
    frame = pl.DataFrame([row], schema={n: t for n, t in empi.REGISTRATION.items() if n in row})
    found = empi.register(ctx, frame).row(0, named=True)
    return Identity(found["registration_id"], found["person_id"])


def person_of(ctx: Ctx, application: Application, org_code: str, request: Request) -> Identity:
    """The person a message is about, made known when the institution's system never named them. Raises Refused v3.missing."""
    request.need("PatientID")
    local_id = request.fit("PatientID", 60)
    found = known(org_code, application.source_system, local_id)
    if found is not None:
        return found
    facts = {
        "local_id": local_id,
        "full_name": request.fit("PatientName", 50),
        "id_no": request.fit("IDCardNo", 18) and checked_id_no(request),
        "phone": request.get("PatientTelecom") or request.get("PatientTelcom") or request.get("TelPhone"),
        "sex_code": next((c for n in ("GenderCode", "PatientGenderCode") if (c := request.get(n)) in SEXES), ""),
        "born_on": checked_birth(request),
    }
    return register(ctx, application, org_code, facts)


def org_name(code: str) -> str:
    """The name of a registered institution, else its code."""
    found = registry.institution(code)
    return found.name if found else code
