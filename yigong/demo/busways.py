"""The county's service bus: services, endpoints, subscribers, routes and a process as declared, and messages of its last days.

Endpoints are folders of this installation (one receiver is switched off on purpose), so messages really travel.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from django.conf import settings
from django.db import connection

from yigong.collaboration.referral.models import Referral
from yigong.demo import dirt, world
from yigong.demo.county import County
from yigong.demo.illness import homes_of_care
from yigong.demo.sources import messages
from yigong.kit.clock import fixed, now
from yigong.kit.ctx import Ctx
from yigong.kit.hl7v2.parse import split_messages
from yigong.platform.bus import api as bus

REPORTS, DOSES, CHILD_YEARS, CASES = 120, 40, 6, 30
LOOK_AGAIN = timedelta(seconds=15)
CENTRES = ("township_centre", "community_centre")
JSON_PATHS = {"order": ["$.case_no"], "patient": ["$.patient"]}


def make(ctx: Ctx, county: County, sources: Path) -> int:
    """Declare what the bus is told of and send the messages of the last days through it; how many messages."""
    declared = yaml.safe_load((world.DATA / "bus.yaml").read_text("utf-8"))
    if bus.known_route("results-to-centre"):
        return 0
    _register(ctx, declared)
    sent = _reports(ctx, sources) + _doses(ctx, county) + _notices(ctx)
    _work()
    sent += _replies(ctx)
    with fixed(now() + LOOK_AGAIN):  # so that the runs which wait for a reply look again
        _work()
    for one in declared["golden"]:
        bus.pin_latest(ctx, one["route"], one["name"])
    return sent


def _register(ctx: Ctx, declared: dict[str, Any]) -> None:
    for said in declared["services"]:
        bus.publish(ctx, version="1.0", quota_per_minute=600, **said)
    for said in declared["endpoints"]:
        _outward(ctx, said["code"], said["name"], world.by_name()[said["at"]].code, said)
    for centre in (i for i in world.institutions() if i.kind in CENTRES):
        _subscriber(ctx, declared["subscribers"], centre)
    for said in declared["processes"]:
        bus.save_process(ctx, said["code"], name=said["name"], steps=said["steps"])
    for said in declared["routes"]:
        facts = {k: said[k] for k in ("name", "position", "priority", "targets")}
        bus.activate(ctx, bus.save_route(ctx, said["code"], condition=_named(said["condition"]), **facts))


def _work() -> None:
    while bus.process() or bus.work():
        pass


def _named(condition: str) -> str:
    """The condition with the names of institutions in braces replaced by their codes."""
    for name, one in world.by_name().items():
        condition = condition.replace(f"{{{name}}}", one.code)
    return condition


def _outward(ctx: Ctx, code: str, name: str, org_code: str, said: dict[str, Any]) -> None:
    folder = Path(settings.LOCAL) / "demo" / "receivers" / code
    if said.get("kind", "file") == "file":
        folder.mkdir(parents=True, exist_ok=True)
    address = said.get("address", str(folder))
    bus.save_outward(
        ctx, code, name=name, kind=said.get("kind", "file"), address=address, org_code=org_code, timeout_seconds=3
    )


def _subscriber(ctx: Ctx, said: dict[str, str], centre: world.Institution) -> None:
    code = said["endpoint"].format(centre=centre.code.lower())
    name = said["name"].format(name=centre.name)
    _outward(ctx, code, name, centre.code, {})
    bus.tell(
        ctx, "lab-report", caller=name, org_code=centre.code, reason=said["reason"], endpoint=code,
        condition=said["condition"].format(centre=centre.code),
    )  # fmt: skip


def _reports(ctx: Ctx, sources: Path) -> int:
    """The latest reports of the regional laboratory, as its own system would send them one by one."""
    endpoint = bus.open_endpoint(ctx, "lis-mllp", kind="mllp", version="2.5")
    return bus.accept(endpoint.pk, [bus.open_envelope(raw) for raw in latest(sources)])


def latest(sources: Path) -> list[bytes]:
    """The latest messages that stand as they were sent: neither corrected since nor dirt put in on purpose."""
    files = [f for f in (sources / "laboratory").glob("*.hl7") if f.name != dirt.STRANGE_FILE]
    newest = sorted(files, key=lambda f: f.stem[-6:], reverse=True)[:20]
    corrected = {control_id(raw) for raw in _messages((sources / "laboratory-corrected").glob("*.hl7"))}
    standing = (raw for raw in _messages(newest) if control_id(raw) + messages.CORRECTED not in corrected)
    return list(islice(standing, REPORTS))


def _messages(files: Iterable[Path]) -> Iterator[bytes]:
    return (raw for file in files for _at, raw in split_messages(file.read_bytes()))


def control_id(raw: bytes) -> str:
    """MSH-10."""
    return raw.split(b"|", 10)[9].decode()


def _notices(ctx: Ctx) -> int:
    """What the referrals of the county have told their institutions."""
    return sum(_said(ctx, "referral-notice", "referral.notice", c.from_org, _of(c)) for c in _cases())


def _replies(ctx: Ctx) -> int:
    """What their receivers have answered."""
    replied = (c for c in _cases() if c.replied_at)
    return sum(_said(ctx, "referral-notice", "referral.reply", c.to_org, {**_of(c), "state": c.state}) for c in replied)


def _cases() -> list[Referral]:
    return list(Referral.everything.exclude(sent_at=None).order_by("-sent_at")[:CASES])


def _of(case: Referral) -> dict[str, str]:
    patient = _local_id(case.registration_id)
    return {"case_no": case.case_no, "patient": patient, "urgency": case.urgency, "to": case.to_org}


def _local_id(registration_id: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("select local_id from empi_registration where id = %s", [registration_id])
        return str(cursor.fetchone()[0])


def _doses(ctx: Ctx, county: County) -> int:
    """The latest doses given to children."""
    known = county.registrations.select("org", "person", "local_id", "born_on")
    latest = county.vaccinations.join(known, on=["org", "person"]).sort("on", descending=True)
    young = latest.filter(pl.col("on") - pl.col("born_on") < timedelta(days=365 * CHILD_YEARS)).head(DOSES)
    return sum(
        _said(
            ctx, "immunization-notice", "immunization", homes_of_care()[row["org"]].code,
            {"patient": row["local_id"], "vaccine": row["vaccine"], "dose": str(row["dose"]), "given_on": f"{row['on']:%Y%m%d}"},
        )
        for row in young.iter_rows(named=True)
    )  # fmt: skip


def _said(ctx: Ctx, service: str, kind: str, org_code: str, facts: dict[str, Any]) -> int:
    body = json.dumps(facts, ensure_ascii=False).encode()
    return bus.say(ctx, service, kind=kind, org_code=org_code, about=facts["patient"], body=body, paths=JSON_PATHS)
