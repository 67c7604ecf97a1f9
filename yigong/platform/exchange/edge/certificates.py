"""The close of a day as a certificate that both sides sign: the centre offers it, the institution's side answers.

The centre signs when the sheet of a past day is closed. A node signs by itself where its own ledger says the same; where no node
reads the feed, a person of the institution confirms. A sheet that opens again and closes otherwise gets another certificate.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from yigong.edge import api as edge
from yigong.kit.clock import now, today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange import account
from yigong.platform.exchange.edge import signing
from yigong.platform.exchange.edge.models import Assignment, Bundle, Certificate, CloseState, Node
from yigong.platform.exchange.models import Sheet
from yigong.security.api import audit

DAYS = 31
AT_ONCE = 5
FIGURES = ("runs", "source", "source_read", "read", "filtered", "rejected", "loaded")


def offer() -> int:
    """Make the certificates of closed sheets that have none for what they say now; how many."""
    closed = Sheet.objects.select_related("feed").filter(
        closed_at__isnull=False, day__lt=today(), day__gte=today() - timedelta(days=DAYS)
    )
    made = Certificate.objects.filter(sheet=OuterRef("pk"), made_at__gte=OuterRef("closed_at"))
    return sum(_offered(sheet) for sheet in closed.exclude(feed__org_code="").exclude(Exists(made)))


@transaction.atomic
def _offered(sheet: Sheet) -> bool:
    line = Assignment.objects.select_related("node").filter(feed=sheet.feed).first()
    facts = {
        "feed": str(sheet.feed_id), "title": sheet.feed.name, "institution": sheet.feed.org_code,
        "day": sheet.day.isoformat(), "node": line.node.code if line else "",
        "sheet": {name: getattr(sheet, name) for name in FIGURES},
        "sent": sent(sheet.feed_id, sheet.day) if line else None,
    }  # fmt: skip
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    found, made = Certificate.objects.get_or_create(
        digest=edge.digest(text.encode()),
        defaults={
            "sheet": sheet, "node": line.node if line else None, "text": text, "made_at": now(),
            "centre_signature": signing.sign(edge.close_base(text)),
        },
    )  # fmt: skip
    if not made:  # opened and closed again with the same figures: what was signed holds for this close too
        Certificate.objects.filter(pk=found.pk).update(made_at=now())
    return made


def standing() -> QuerySet[Certificate]:
    """Certificates of accounts that are closed as they say; one of an account that was opened again holds no more."""
    return Certificate.objects.filter(sheet__closed_at__isnull=False, made_at__gte=F("sheet__closed_at"))


def sent(feed_id: int, day: date) -> dict[str, Any]:
    """What was receipted of a feed on a day, as the node's ledger counts it too."""
    begin, end = account.bounds(day)
    found = Bundle.objects.filter(feed_id=feed_id, received_at__gte=begin, received_at__lt=end).order_by("id")
    bundles = rows = filtered = 0
    chain = ""
    for sha256, count, head in found.values_list("sha256", "rows", "head").iterator():
        bundles, rows, chain = bundles + 1, rows + count, edge.chained(chain, sha256)
        if head.get("form") != "run":
            filtered += sum(((head.get("counts") or {}).get("filtered") or {}).values())
    return {"bundles": bundles, "rows": rows, "filtered": filtered, "chain": chain}


def open_offers(node: Node) -> list[dict[str, str]]:
    """Certificates that wait for a node's signature, as they are sent to it."""
    waiting = standing().filter(node=node, state=CloseState.OFFERED).order_by("id")[:AT_ONCE]
    return [{"text": c.text, "signature": c.centre_signature} for c in waiting]


def answered(node: Node, body: bytes) -> dict[str, Any]:
    """The node's word to a certificate. Raises Refused edge.malformed, edge.signature_wrong."""
    facts = edge.read_json(body)
    found = Certificate.objects.select_for_update().filter(node=node, digest=str(facts.get("digest", ""))).first()
    if found is None:
        raise Refused("edge.malformed", part="digest")
    if found.state == CloseState.SIGNED:
        return {}
    figures = facts.get("figures")
    found.figures = figures if isinstance(figures, dict) and len(json.dumps(figures)) < 2000 else None
    found.state, found.answered_at, found.signed_by = CloseState.DISPUTED, now(), node.name
    if facts.get("agreed") is True:
        signature = str(facts.get("signature", ""))[:120]
        if not edge.is_signed(node.public_key, signature, edge.close_base(found.text)):
            raise Refused("edge.signature_wrong")
        found.state, found.signature, found.public_key = CloseState.SIGNED, signature, node.public_key
    found.save()
    return {}


@transaction.atomic
def confirm(ctx: Ctx, certificate_id: int) -> Certificate:
    """Sign for an institution without a node. Raises Refused as ``_of_person``."""
    found = _of_person(ctx, certificate_id)
    if found.state == CloseState.OFFERED:
        found.state, found.signed_by, found.answered_at = CloseState.SIGNED, ctx.actor_name[:60], now()
        found.save(update_fields=["state", "signed_by", "answered_at"])
        audit(ctx, "exchange.edge.confirm", "edge_certificate", found.pk, after={"digest": found.digest})
    return found


@transaction.atomic
def dispute(ctx: Ctx, certificate_id: int, reason: str) -> Certificate:
    """Say for an institution without a node that its own figures are others. Raises Refused exchange.reason_missing and as ``_of_person``."""
    found = _of_person(ctx, certificate_id)
    if not reason.strip():
        raise Refused("edge.close_reason")
    if found.state == CloseState.OFFERED:
        found.state, found.signed_by, found.answered_at = CloseState.DISPUTED, ctx.actor_name[:60], now()
        found.figures = {"reason": reason.strip()[:500]}
        found.save(update_fields=["state", "signed_by", "answered_at", "figures"])
        audit(ctx, "exchange.edge.confirm", "edge_certificate", found.pk, after={"disputed": reason.strip()[:500]})
    return found


@transaction.atomic
def offer_again(ctx: Ctx, certificate_id: int) -> Certificate:
    """Ask the institution's side once more, after both have looked: the inverse of a dispute. Raises Refused not_found."""
    ctx.must("exchange.run")
    found = Certificate.objects.select_for_update().filter(pk=certificate_id).first()
    if found is None:
        raise Refused("not_found")
    if found.state == CloseState.DISPUTED:
        audit(
            ctx, "exchange.run", "edge_certificate", found.pk, before={"figures": found.figures, "by": found.signed_by}
        )
        found.state, found.signed_by, found.answered_at, found.figures = CloseState.OFFERED, "", None, None
        found.save(update_fields=["state", "signed_by", "answered_at", "figures"])
    return found


def _of_person(ctx: Ctx, certificate_id: int) -> Certificate:
    """A certificate that this person may answer for their institution.

    Raises Refused not_found, edge.close_elsewhere, edge.close_by_node, edge.close_overtaken.
    """
    ctx.must("exchange.edge.confirm")
    found = Certificate.objects.select_for_update(of=("self",)).select_related("sheet__feed").filter(pk=certificate_id).first()  # fmt: skip
    if found is None:
        raise Refused("not_found")
    if found.sheet.feed.org_code not in ctx.orgs:
        raise Refused("edge.close_elsewhere")
    if found.node_id is not None:
        raise Refused("edge.close_by_node")
    if not standing().filter(pk=found.pk).exists():
        raise Refused("edge.close_overtaken")
    return found


def is_sound(found: Certificate) -> bool:
    """Whether the signatures kept with a certificate still hold over its text."""
    base = edge.close_base(found.text)
    by_centre = edge.is_signed(signing.public_key(), found.centre_signature, base)
    by_node = not found.signature or edge.is_signed(found.public_key, found.signature, base)
    return by_centre and by_node and found.digest == edge.digest(found.text.encode())
