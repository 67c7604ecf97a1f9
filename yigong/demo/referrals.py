"""Referrals of the named cast, made through the same door as the pages use, in every state of the life cycle."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import yaml

from yigong.collaboration.referral import api as referral
from yigong.demo import truth, world
from yigong.demo.county import County
from yigong.kit.clock import fixed, now
from yigong.kit.ctx import Ctx, Purpose, Reach
from yigong.platform.empi import api as empi
from yigong.security.models import Membership


def make(county: County) -> int:
    """Make the declared referrals that are not there yet; how many."""
    known = truth.registered(county.registrations).filter(pl.col("cast").is_not_null())
    ids = known.with_columns(empi.known(known.select("org_code", "source_system", "local_id"))["registration_id"])
    declared = yaml.safe_load((world.DATA / "referrals.yaml").read_text("utf-8"))
    return sum(_one(told, ids) for told in declared)


def _one(told: dict[str, Any], ids: pl.DataFrame) -> bool:
    sender = actor(told["by"])
    row = ids.filter((pl.col("cast") == told["who"]) & (pl.col("org_code") == sender.org_code))[
        "registration_id"
    ].drop_nulls()
    if row.is_empty() or referral.open_for_person(sender, empi.current(row[0])):
        return False
    begun = now() - timedelta(minutes=told["minutes_ago"])
    with fixed(begun):
        case = referral.draft(sender, row[0], facts=_facts(told))
    for verb, by, after, given in ((m["verb"], m["by"], m["after"], m.get("given", {})) for m in told.get("moves", [])):
        with fixed(min(begun + timedelta(minutes=after), now())):
            referral.move(actor(by), case.pk, verb, given=given)
    return True


def _facts(told: dict[str, Any]) -> dict[str, Any]:
    return {**told["facts"], "to_org": world.by_name()[told["to"]].code}


def actor(login_name: str) -> Ctx:
    """The actor that a named member of staff is."""
    member = Membership.objects.select_related("role", "user").get(user__login_name=login_name)
    return Ctx(
        actor_id=member.user_id, actor_name=member.user.full_name, role=member.role.code, org_code=member.org_code, orgs=(member.org_code,),
        actions=frozenset(member.role.actions), reach=Reach(member.role.reach), purpose=Purpose(member.role.purpose),
    )  # fmt: skip
