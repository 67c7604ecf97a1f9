"""The register of terms: sets, versions and codes written, reviewed, published, found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.text import initials
from yigong.outbox.api import say
from yigong.platform.registry import changes, term_domain
from yigong.platform.registry.events import TermsPublished
from yigong.platform.registry.models import Term, TermSet, TermState, TermVersion
from yigong.platform.registry.term_domain import LIFE, OPEN, Side, same_version
from yigong.security.api import audit


@dataclass(frozen=True, slots=True)
class Code:
    """One code as it is registered."""

    code: str
    name: str
    active: bool = True
    parent_code: str = ""


@transaction.atomic
def register_terms(
    ctx: Ctx, code: str, name: str, version: str, codes: Sequence[Code], *, kind: str = "dictionary", version_name: str = "",
    new: bool = True, submit: bool = True,
) -> TermVersion:  # fmt: skip
    """A version of a term set with its codes, submitted for review unless it is to stay a draft.

    Raises Refused registry.version_known (with *new*), registry.no_such_version (without), registry.version_closed,
    registry.code_twice, missing.
    """
    _complete(code, name, version, codes)
    found = TermSet.objects.select_for_update().filter(code=code).first()
    if found is None:
        if not new:
            raise Refused("registry.no_such_version", number=code, version=version)
        found = TermSet.objects.create(code=code, name=name, kind=kind, org_code=ctx.org_code, created_at=now())
    row = _version(found, version)
    if new and row is not None:
        raise Refused("registry.version_known", number=code, version=version)
    if not new and row is None:
        raise Refused("registry.no_such_version", number=code, version=version)
    if row is None:
        row = TermVersion.objects.create(
            term_set=found, code=version, name=version_name, created_at=now(), changed_at=now(), state=TermState.DRAFT
        )
    put_codes(ctx, row, codes)
    if submit and row.state == TermState.DRAFT:
        move(ctx, row.pk, "submit", side=Side.EDITOR)
        row.refresh_from_db()
    return row


def _complete(code: str, name: str, version: str, codes: Sequence[Code]) -> None:
    if missing := [n for n, v in (("code", code), ("name", name), ("version", version)) if not v]:
        raise Refused("missing", fields=missing)
    for value, most in ((code, 50), (version, 50), (name, 100)):
        if len(value) > most:
            raise Refused("registry.too_long", field=value[:10], limit=most)
    seen: set[str] = set()
    for one in codes:
        if not one.code or not one.name or len(one.code) > 50 or len(one.name) > 200:
            raise Refused("registry.bad_code", number=one.code[:50] or "—")
        if one.code in seen:
            raise Refused("registry.code_twice", number=one.code)
        seen.add(one.code)


def _version(term_set: TermSet, version: str) -> TermVersion | None:
    return next((v for v in term_set.versions.all() if same_version(v.code, version)), None)


@transaction.atomic
def put_codes(ctx: Ctx, version: TermVersion, codes: Iterable[Code]) -> int:
    """Add or change codes of a version that is not published yet. Raises Refused registry.version_closed."""
    if version.state not in OPEN:
        raise Refused("registry.version_closed", version=version.code)
    rows = [
        Term(
            version=version, code=c.code, name=c.name, initials=initials(c.name)[:60], active=c.active, parent_code=c.parent_code,
        )
        for c in codes
    ]  # fmt: skip
    Term.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["version", "code"], batch_size=2000,
        update_fields=["name", "initials", "active", "parent_code"],
    )  # fmt: skip
    TermVersion.objects.filter(pk=version.pk).update(changed_at=now())
    facts = {"version": version.code, "codes": len(rows)}
    changes.record(ctx, "term_set", version.term_set.code, "codes", before=None, after=facts)
    audit(ctx, "terms.edit", "registry_term_version", version.pk, after=facts)
    return len(rows)


@transaction.atomic
def move(ctx: Ctx, version_id: int, verb: str, *, side: Side, reason: str = "") -> TermVersion:
    """Submit, return, publish or retire a version; publishing retires the one before.

    Raises Refused registry.no_such_version, wrong_state, missing (reason), registry.own_review, registry.empty_version.
    """
    row = TermVersion.objects.select_for_update(of=("self",)).select_related("term_set").filter(pk=version_id).first()
    if row is None:
        raise Refused("registry.no_such_version", number="", version="")
    found = LIFE.move(row.state, verb, side=side, given={"reason": reason})
    if verb == "publish":
        term_domain.four_eyes(row.submitted_by, ctx.actor_name)
        if not row.terms.exists():
            raise Refused("registry.empty_version")
        _replace(ctx, row)
    before, row.state, row.changed_at, row.note = row.state, TermState(found.target.value), now(), reason[:200]
    if verb == "submit":
        row.submitted_by, row.reviewed_by = ctx.actor_name[:60], ""
    else:
        row.reviewed_by = ctx.actor_name[:60]
    row.published_at = now() if verb == "publish" else row.published_at
    row.save()
    _moved(ctx, row, verb, before, reason)
    return row


def _replace(ctx: Ctx, row: TermVersion) -> None:
    for old in TermVersion.objects.filter(term_set=row.term_set, state=TermState.PUBLISHED):
        LIFE.move(old.state, "replace", side=Side.PLATFORM)
        TermVersion.objects.filter(pk=old.pk).update(state=TermState.RETIRED, changed_at=now())
        _moved(ctx, old, "replace", TermState.PUBLISHED, "")


def _moved(ctx: Ctx, row: TermVersion, verb: str, before: str, reason: str) -> None:
    facts = {"version": row.code, "state": row.state}
    changes.record(
        ctx,
        "term_set",
        row.term_set.code,
        verb,
        before={"version": row.code, "state": before},
        after=facts,
        reason=reason,
    )
    audit(ctx, f"terms.{verb}" if verb != "replace" else "terms.publish", "registry_term_version", row.pk, after=facts)
    if verb == "publish":
        say(TermsPublished(row.term_set.code, row.code, row.terms.count()))


def term_sets(*, q: str = "", kind: str = "", state: str = "") -> QuerySet[TermSet]:
    """Term sets with the number of their versions."""
    found = TermSet.objects.annotate(count=Count("versions", distinct=True))
    if q:
        found = found.filter(Q(code__icontains=q) | Q(name__contains=q))
    if kind:
        found = found.filter(kind=kind)
    return found.filter(versions__state=state).distinct() if state else found


def find_version(code: str, version: str = "") -> TermVersion | None:
    """A version by its set's code; the published one, else the newest, where none is named."""
    rows = list(TermVersion.objects.select_related("term_set").filter(term_set__code=code).order_by("-id"))
    if version:
        return next((v for v in rows if same_version(v.code, version)), None)
    return next((v for v in rows if v.state == TermState.PUBLISHED), rows[0] if rows else None)


def codes_of(version: TermVersion, *, q: str = "", code: str = "", limit: int = 5000) -> list[Term]:
    """The codes of a version, by code; *q* is a part of name, code or initials."""
    found = version.terms.order_by("code")
    if code:
        found = found.filter(code=code)
    if q:
        found = found.filter(Q(code__icontains=q) | Q(name__icontains=q) | Q(initials__startswith=q.lower()))
    return list(found[:limit])


def waiting_count(_ctx: Ctx) -> int:
    """How many versions wait for a reviewer."""
    return TermVersion.objects.filter(state=TermState.SUBMITTED).count()


def as_facts(version: TermVersion) -> Mapping[str, Any]:
    """What a reply says of a version."""
    return {
        "code": version.term_set.code,
        "name": version.term_set.name,
        "version": version.code,
        "state": version.state,
    }
