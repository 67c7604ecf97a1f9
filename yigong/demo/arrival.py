"""Tells the platform of the world: divisions, institutions, staff; roles and users with generated passwords."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from yigong.demo import illness, people, world
from yigong.kit.ctx import Ctx
from yigong.platform.registry import api as registry
from yigong.security import api as security
from yigong.security.roles import install_roles


def register_world(ctx: Ctx) -> dict[str, int]:
    """Register divisions, institutions and staff; how many of each."""
    return {
        "divisions": registry.save_divisions(ctx, divisions()),
        "institutions": registry.save_institutions(ctx, institutions()),
        "staff": registry.save_staff(ctx, staff()),
    }


def put_map(target: Path) -> None:
    """The county's outline where boards look for it; a map that the installation has stays."""
    if not target.exists():
        target.write_bytes((world.DATA / "county.geojson").read_bytes())


def divisions() -> pl.DataFrame:
    """The county, its townships and villages."""
    rows = [(world.COUNTY_CODE, world.COUNTY, "county", "")]
    for town, place in enumerate(world.places()):
        code = f"{place.code}000"
        rows.append((code, place.name, "township", world.COUNTY_CODE))
        rows += [(world.village_code(town, v), name, "village", code) for v, name in enumerate(place.villages)]
    return pl.DataFrame(rows, schema=["code", "name", "level", "parent_code"], orient="row")


def institutions() -> pl.DataFrame:
    """All institutions, village clinics included, as the registry keeps them."""
    rows = [{k: v for k, v in asdict(i).items() if k not in ("system", "town")} for i in world.institutions()]
    return pl.DataFrame(rows).with_columns(
        pl.when(pl.col("division_code").str.len_chars() == 9)
        .then(pl.col("division_code") + "000")
        .otherwise("division_code")
        .alias("division_code")
    )


def staff() -> pl.DataFrame:
    """The doctors who see patients, and the named cast; identity numbers are invented."""
    doctors = illness.doctors().with_columns(
        pl.col("org").replace_strict({i: o.code for i, o in enumerate(illness.homes_of_care())}, return_dtype=pl.String)
    )
    named = {s.full_name: s for s in world.staff()}
    rows = [
        (name, org, department, "执业医师", named[name].title if name in named else "医师")
        for org, department, _n, name in doctors.iter_rows()
    ]
    seen = {(r[0], r[1]) for r in rows}
    rows += [
        (s.full_name, world.by_name()[s.institution].code, s.department, s.profession, s.title)
        for s in world.staff()
        if (s.full_name, world.by_name()[s.institution].code) not in seen
    ]
    frame = pl.DataFrame(rows, schema=["full_name", "org_code", "department", "profession", "title"], orient="row")
    return frame.with_columns(**_numbers([named[r[0]].sex if r[0] in named else 0 for r in rows]))


def _numbers(sexes: list[int]) -> dict[str, pl.Series]:
    rng = np.random.default_rng([532998, 3])
    size = len(sexes)
    sex = np.where(np.array(sexes) == 0, rng.integers(1, 3, size), np.array(sexes))
    born = np.datetime64("1964-01-01") + rng.integers(0, 12000, size)
    order = (np.arange(size) % 480 + 500) % 500 * 2 + (sex == 1)
    ids = people.identity_numbers(np.full(size, 532999), born, order)
    return {
        "id_no": pl.Series(ids),
        "sex_code": pl.Series(sex).cast(pl.String),
        "born_on": pl.Series(born.astype("datetime64[D]")),
    }


def make_users(folder: Path) -> list[dict[str, str]]:
    """Roles and users of the named staff; passwords are made once and kept in ``logins.json``, readable by the owner only."""
    install_roles()
    path = folder / "logins.json"
    known: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    rows = [_user(member, known) for member in world.staff()]
    _keep(path, {r["login"]: r["password"] for r in rows})
    return rows


def _user(member: world.Staff, known: dict[str, str]) -> dict[str, str]:
    password = known.get(member.login_name) or secrets.token_urlsafe(9)
    org = world.by_name()[member.institution]
    if member.login_name not in known or not security_has(member.login_name):
        security.make_user(
            member.login_name, member.full_name, password=password, role=member.role, org_code=org.code, title=member.title,
            department=member.department,
        )  # fmt: skip
    return {
        "login": member.login_name,
        "password": password,
        "name": member.full_name,
        "role": member.role,
        "institution": org.name,
    }


def security_has(login_name: str) -> bool:
    """Whether a user of this name is there already."""
    from django.contrib.auth import get_user_model

    return bool(get_user_model()._default_manager.filter(login_name=login_name).exists())


def _keep(path: Path, logins: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(logins, ensure_ascii=False, indent=1), "utf-8")
