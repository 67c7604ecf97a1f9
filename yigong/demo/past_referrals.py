"""A year of referrals that are over, so that boards and inboxes have a past; each made through the door of referral."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import yaml

from yigong.collaboration.referral import api as referral
from yigong.demo import truth, world
from yigong.demo.county import County
from yigong.demo.referrals import actor
from yigong.kit.clock import fixed, now
from yigong.kit.ctx import Ctx
from yigong.platform.empi import api as empi

RESIDENTS_TO_A_CASE = 160
LOW = ("lijianguo", "liufang", "chenjing", "zhanghui", "yangfan", "zhaochunmei")
HIGH = ("zhouming", "hezhiqiang", "tangwei", "shenhuaiyuan")
#: minutes to the answer: lognormal about this median, so that some answers come too late
REPLY_MEDIAN = {"urgent": 48.0, "ordinary": 260.0}


def make(county: County, residents: int, seed: int) -> int:
    """Make about one past case for each 160 residents; how many. The same seed makes the same cases."""
    told = yaml.safe_load((world.DATA / "past_referrals.yaml").read_text("utf-8"))
    actors = {name: actor(name) for name in (*LOW, *HIGH)}
    dice = np.random.default_rng([seed, 7])
    everyone = truth.registered(county.registrations).filter(pl.col("cast").is_null())
    known = {name: _patients(everyone, ctx.org_code, dice) for name, ctx in actors.items()}
    number = max(8, residents // RESIDENTS_TO_A_CASE)
    return sum(_case(told, actors, known, dice) for _ in range(number))


def _patients(everyone: pl.DataFrame, org_code: str, dice: np.random.Generator) -> list[int]:
    """Registrations of an institution in a fixed order of chance."""
    mine = everyone.filter(pl.col("org_code") == org_code)
    ids = empi.known(mine.select("org_code", "source_system", "local_id"))["registration_id"].drop_nulls().to_list()
    return [int(i) for i in dice.permutation(ids)] if ids else []


def _case(
    told: list[dict[str, Any]], actors: dict[str, Ctx], known: dict[str, list[int]], dice: np.random.Generator
) -> bool:
    case = told[int(dice.integers(len(told)))]
    low, high = str(dice.choice(LOW)), str(dice.choice(HIGH))
    sender, receiver = (low, high) if case["way"] == "up" else (high, low)
    urgency = "urgent" if dice.random() < 0.35 else "ordinary"
    begun = now() - timedelta(days=float(dice.uniform(3, 364)), minutes=float(dice.uniform(0, 600)))
    reply = timedelta(minutes=float(dice.lognormal(np.log(REPLY_MEDIAN[urgency]), 0.9)))
    end, stay = float(dice.random()), timedelta(days=float(dice.uniform(2, 12)))
    if not known[sender]:
        return False
    facts = {
        **{k: case[k] for k in ("diagnosis_name", "diagnosis_code", "reason")},
        "to_org": actors[receiver].org_code, "to_department": case["department"], "urgency": urgency, "consent": True,
    }  # fmt: skip
    with fixed(begun):
        made = referral.draft(actors[sender], known[sender].pop(), facts=facts)
        referral.move(actors[sender], made.pk, "send", given={})
    _answer(actors[receiver], made.pk, case, end, begun + reply, stay)
    return True


def _answer(receiver: Ctx, case_id: int, case: dict[str, Any], end: float, replied: datetime, stay: timedelta) -> None:
    """What the receiver did: most come and are closed, some are refused or never arrive."""
    replied = min(replied, now())
    with fixed(replied):
        if end < 0.06:
            referral.move(receiver, case_id, "refuse", given={"reason": "病情可在当地处理，已电话告知方案。"})
            return
        referral.move(receiver, case_id, "accept", given={"clinic": f"{case['department']}门诊"})
    with fixed(min(replied + timedelta(days=1), now())):
        if end < 0.11:
            referral.move(receiver, case_id, "miss", given={})
            return
        referral.move(receiver, case_id, "arrive", given={})
    with fixed(min(replied + timedelta(days=1) + stay, now())):
        referral.move(receiver, case_id, "close", given={"summary": case["summary"]})
