"""Rules edited by people: a draft, what it would change, its publication; versions are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.empi import rules
from yigong.platform.empi.models import RuleSet
from yigong.platform.empi.rules import Rules
from yigong.platform.empi.selectors import ask_rows
from yigong.security.api import audit, persons_in_reach


@dataclass(frozen=True, slots=True)
class Change:
    """What rules would do otherwise than those in force, counted on what the index holds."""

    joined: int  # waiting pairs that would have been joined without asking
    unasked: int  # waiting pairs that nobody would have been asked about
    asked: int  # joins by the machine, still standing, that a person would have been asked about
    graver: int  # waiting pairs whose risk would be higher
    milder: int
    two: int  # waiting pairs that would need two people
    two_now: int
    waiting: int
    examples: list[dict[str, Any]]  # some of the pairs concerned: names, score, kind, what


def draft() -> RuleSet | None:
    """The draft, if somebody has begun one."""
    return RuleSet.objects.filter(state="draft").first()


def versions() -> list[RuleSet]:
    """All versions, newest first."""
    return list(RuleSet.objects.order_by("-version"))


@transaction.atomic
def save_draft(ctx: Ctx, body: Mapping[str, Any], note: str) -> RuleSet:
    """Keep rules as the draft, over the former draft. Raises Refused empi.rule_wrong."""
    held = draft()
    version = held.version if held else (RuleSet.objects.aggregate(most=Max("version"))["most"] or 0) + 1
    kept = rules.read(version, body).body()
    row, _ = RuleSet.objects.update_or_create(
        state="draft",
        defaults={
            "version": version, "body": kept, "note": note.strip(), "by_name": ctx.actor_name, "created_at": now(),
        },
    )  # fmt: skip
    audit(ctx, "empi.rules", "empi_rule_set", row.pk, after={"version": version, **kept})
    return row


@transaction.atomic
def discard_draft(ctx: Ctx) -> None:
    """Throw the draft away; the rules in force stay. Raises Refused empi.no_draft when there is none."""
    held = RuleSet.objects.select_for_update().filter(state="draft").first()
    if held is None:
        raise Refused("empi.no_draft", version="—")
    audit(ctx, "empi.rules", "empi_rule_set", held.pk, before={"version": held.version, **held.body})
    held.delete()


def adopt(ctx: Ctx, version: int) -> RuleSet:
    """Make the draft say what an earlier version said, 0 for the built-in rules. Raises Refused empi.no_draft."""
    row = RuleSet.objects.filter(version=version).exclude(state="draft").first()
    if version and row is None:
        raise Refused("empi.no_draft", version=version)
    held = draft()
    return save_draft(ctx, row.body if row else rules.built_in().body(), held.note if held else "")


@transaction.atomic
def publish(ctx: Ctx, version: int) -> RuleSet:
    """Put the draft into force: it holds for all that arrives from now on; cleaning applies it to what is there.

    Raises Refused empi.no_draft when that version is the draft no longer, empi.no_reason without a note.
    """
    row = RuleSet.objects.select_for_update().filter(state="draft", version=version).first()
    if row is None:
        raise Refused("empi.no_draft", version=version)
    if not row.note:
        raise Refused("empi.no_reason")
    before = rules.current()
    RuleSet.objects.filter(state="published").update(state="retired")
    row.state, row.published_at = "published", now()
    row.save(update_fields=["state", "published_at"])
    audit(ctx, "empi.publish", "empi_rule_set", row.pk, before=before.body(), after=row.body)
    return row


def preview(ctx: Ctx, wanted: Rules) -> Change:
    """What *wanted* would do otherwise; pairs within reach."""
    present = rules.current()
    pairs = _waiting(ctx)
    told = [(pair, _otherwise(pair, present, wanted)) for pair in pairs]
    risks = [(wanted.risk.get(p["kind"], 1), present.risk.get(p["kind"], 1)) for p in pairs]
    return Change(
        joined=sum(said == "joined" for _, said in told),
        unasked=sum(said == "unasked" for _, said in told),
        asked=_joins_below(wanted.auto),
        graver=sum(new > old for new, old in risks),
        milder=sum(new < old for new, old in risks),
        two=sum(new >= wanted.two_from_risk for new, _ in risks),
        two_now=sum(old >= present.two_from_risk for _, old in risks),
        waiting=len(pairs),
        examples=[{**pair, "said": said} for pair, said in told if said][:12],
    )


def _otherwise(pair: Mapping[str, Any], present: Rules, wanted: Rules) -> str:
    """What would become of a waiting pair under *wanted*, nothing when it would wait as it does now."""
    said = _said(pair, wanted)
    return said if said != _said(pair, present) else ""


def _said(pair: Mapping[str, Any], held: Rules) -> str:
    """What the machine makes of a pair by its score, as ``matching.score`` and ``matching.sort_of_question`` would."""
    score, kind = pair["score"], pair["kind"]
    if kind == "unlike":  # somebody named the two: no rule asked, and none takes it back
        return ""
    clash = kind in ("twins", "numbers")  # never joined, and asked about whatever they score
    if score >= held.auto and not clash:
        return "joined"
    return "unasked" if (score < held.review and not clash) or score < held.ask_from.get(kind, score) else ""


def _waiting(ctx: Ctx) -> list[dict[str, Any]]:
    reach = persons_in_reach(ctx, "l.person_id")
    return ask_rows(
        f"""select c.id, c.kind, c.score, coalesce(l.full_name, '') as one, coalesce(r.full_name, '') as other
            from empi_candidate c join empi_registration l on l.id = c.left_id
                join empi_registration r on r.id = c.right_id
            where c.state in ('open', 'later', 'pending') and {reach.sql} order by c.score desc, c.id""",
        reach.params,
    )


def _joins_below(auto: float) -> int:
    found = ask_rows(
        """select count(*) as n from empi_decision d where d.verb in ('link', 'join') and d.score < %(auto)s
           and not exists (select 1 from empi_decision u where u.undoes = d.id)""",
        {"auto": float(auto)},
    )
    return int(found[0]["n"])
