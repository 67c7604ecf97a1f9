"""Registers identities, one or a million by the same way: recognise, standardise, compare, settle, write."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import transaction

from yigong.kit.ctx import Ctx
from yigong.outbox.api import say
from yigong.platform.empi import bulk, golden, matching, moves, pairs, stored
from yigong.platform.empi.clusters import Likeness, Settlement, one_for_each
from yigong.platform.empi.deciding import Act, Decided, decide
from yigong.platform.empi.events import PersonRegistered
from yigong.platform.empi.frames import IDENTITY, KEY, arrange, fingerprint, stable_hash
from yigong.security.api import audit

#: from so many rows on every statement is planned for what the tables hold now
_FEW = 8
OUTCOME = {"registration_id": pl.Int64, "person_id": pl.Int64, "outcome": pl.String}
_COLUMNS = [
    "org_code", "source_system", "local_id", "full_name", "name_key", "name_initials", "sex_code", "born_on",
    "id_type_code", "id_no", "id_trust", "phone", "address", "village_code", "health_card_no", "contact_name",
    "contact_phone", "ethnic_group_code", "registered_at", "facts", "hash",
]  # fmt: skip


@transaction.atomic
def register(ctx: Ctx, frame: pl.DataFrame) -> pl.DataFrame:
    """Make the identities of *frame* known; ``registration_id, person_id, outcome`` for each row given, in order.

    The outcome is ``known changed linked new review``. Registering a frame twice changes nothing. Raises Refused
    empi.columns_missing or empi.key_empty.
    """
    rows = arrange(frame)
    if rows.is_empty():
        return pl.DataFrame(schema=OUTCOME)
    if rows.height > _FEW:
        bulk.plan_anew()
    units = rows.unique(subset=KEY, keep="last", maintain_order=True)
    fresh = _fresh(stored.by_key(units.with_columns(fingerprint(units))))
    outcomes = _take_in(ctx, fresh) if not fresh.is_empty() else _nothing_new()
    answer = stored.by_key(rows.select(KEY)).join(outcomes, on=KEY, how="left", maintain_order="left")
    return answer.select("registration_id", "person_id", pl.col("outcome").fill_null("known"))


def known(frame: pl.DataFrame) -> pl.DataFrame:
    """``registration_id`` for each row's key, in order, null where unknown."""
    keys = frame.select(pl.col(name).cast(pl.String).str.strip_chars() for name in KEY)
    return stored.by_key(keys).select("registration_id")


@dataclass(slots=True)
class Intake:
    """What one act of registering decides and writes."""

    rows: pl.DataFrame  # standardised, registration_id given, person_id where the registration was known
    settlement: Settlement
    persons: dict[int, int]  # registration -> person, for what is new
    founders: set[int]
    reviews: list[Likeness]
    act: int
    changed: dict[int, str]  # known registrations whose identity changed -> what changed, as JSON text
    touched: set[int]  # persons that known registrations left or came to
    quiet: bool = False
    homes: dict[int, int] | None = None  # when this is done once more: the persons that stand ready

    @property
    def born(self) -> set[int]:
        """Persons that did not exist."""
        return {self.persons[one] for one in self.founders}

    @property
    def new(self) -> pl.DataFrame:
        """The registrations that were unknown."""
        return self.rows.filter(pl.col("person_id").is_null())


def _nothing_new() -> pl.DataFrame:
    return pl.DataFrame(schema={**dict.fromkeys(KEY, pl.String), "outcome": pl.String})


def _fresh(units: pl.DataFrame) -> pl.DataFrame:
    """The units that are unknown or no longer say what is stored."""
    return units.filter(pl.col("stored_hash").is_null() | (pl.col("stored_hash") != pl.col("hash")))


def _take_in(ctx: Ctx, fresh: pl.DataFrame) -> pl.DataFrame:
    ready = matching.standardise(fresh.drop("registration_id", "person_id", "stored_hash"))
    keys = matching.block_keys(ready)
    _lock(ready, keys)
    height, ready = ready.height, _fresh(stored.by_key(ready))  # another may have been quicker
    if ready.is_empty():
        return _nothing_new()
    ready, lost_trust, shared = _distrust(_numbered(ready))
    changed, act = _changed(ready), moves.number()
    touched = {*lost_trust, *ready.get_column("person_id").drop_nulls().to_list()}
    _write_changes(ready.filter(pl.col("person_id").is_not_null()))
    ready = _part_ways(ctx, ready, changed, act)
    same = ready.height == height and not shared
    intake = _decide(Act(ctx, act), ready, changed, keys=keys if same else None)
    _write(ctx, intake, touched | set(ready.get_column("person_id").drop_nulls().to_list()))
    _tell(ctx, intake)
    return _outcomes(intake)


def again(ctx: Ctx, act: int, new: Collection[int], changed: Collection[int], *, quiet: bool = True) -> None:
    """Decide once more about registrations that arrived or changed in *act*, with the facts they have now.

    Those *new* wait each with a person of its own and without blocks. For undoing: the caller holds the index and
    announces what comes of it. Not *quiet*, for cleaning: the moves are announced, and no change is logged.
    """
    facts = stored.facts([*new, *changed])
    fresh = pl.col("registration_id").is_in(list(new))
    homes = dict(facts.filter(fresh).select("registration_id", "person_id").rows())
    before = set(facts.get_column("person_id").to_list())
    ready = facts.with_columns(pl.when(~fresh).then("person_id").alias("person_id")).sort("registration_id")
    same = dict.fromkeys(changed, "{}")
    bulk.do("delete from empi_block where registration_id = any(%s)", [list(changed)])
    ready = _part_ways(ctx, ready, same, act, quiet=quiet)
    intake = _decide(Act(ctx, act, quiet), ready, same, homes)
    intake.quiet = quiet
    if not quiet:  # nothing of these changed: they are only looked at again
        intake.changed.clear()
    _write(ctx, intake, before | set(ready.get_column("person_id").drop_nulls().to_list()))


def _lock(ready: pl.DataFrame, keys: pl.DataFrame) -> None:
    if ready.height > stored.SMALL:
        stored.lock_index()
    else:
        names = stable_hash(ready.select(pl.concat_str(KEY, separator="\x1f")).to_series())
        stored.lock([*names.to_list(), *keys.get_column("key").unique().to_list()])


def _numbered(ready: pl.DataFrame) -> pl.DataFrame:
    """Gives the new ones their ids."""
    given = ready.get_column("registration_id")
    fresh = iter(bulk.ids("empi_registration", given.null_count()))
    ids = [next(fresh) if one is None else one for one in given]
    return ready.with_columns(pl.Series("registration_id", ids, dtype=pl.Int64))


def _distrust(ready: pl.DataFrame) -> tuple[pl.DataFrame, list[int], list[str]]:
    """Numbers that stand under many names lose trust, here and in the index; the persons this concerns, the numbers."""
    shared = stored.shared_numbers(ready)
    if not shared:
        return ready, [], shared
    hit = pl.col("id_no").is_in(shared) & pl.col("id_trust").is_in(["trusted", "doubtful", "other"])
    concerned = bulk.ask(
        """update empi_registration set id_trust = 'shared' where id_no = any(%s) and id_trust = 'trusted'
           returning person_id""",
        [shared],
        {"person_id": pl.Int64},
    )
    marked = pl.when(hit).then(pl.lit("shared")).otherwise("id_trust").alias("id_trust")
    return ready.with_columns(marked), concerned.get_column("person_id").unique().to_list(), shared


def _changed(ready: pl.DataFrame) -> dict[int, str]:
    """Known registrations of which something changed that identity hangs on: ``{name: [before, after]}`` as JSON."""
    old = ready.filter(pl.col("person_id").is_not_null())
    if old.is_empty():
        return {}
    before = stored.facts(old.get_column("registration_id").to_list())
    both = old.join(before, on="registration_id", suffix="_before")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in IDENTITY)
    out = {}
    for row in both.filter(differs).rows(named=True):
        said = {name: [row[f"{name}_before"], row[name]] for name in IDENTITY if row[f"{name}_before"] != row[name]}
        out[row["registration_id"]] = json.dumps(said, default=str, ensure_ascii=False)
    return out


def _write_changes(old: pl.DataFrame) -> None:
    if old.is_empty():
        return
    bulk.do("create temp table empi_changed (like empi_registration) on commit drop")
    bulk.do("alter table empi_changed drop column state")
    bulk.add("empi_changed", old.select(pl.col("registration_id").alias("id"), "person_id", *_COLUMNS))
    sets = ", ".join(f"{name} = c.{name}" for name in _COLUMNS if name not in KEY)
    bulk.do(f"update empi_registration r set {sets} from empi_changed c where r.id = c.id")
    bulk.do("delete from empi_block b using empi_changed c where b.registration_id = c.id")
    bulk.do("drop table empi_changed")


def _part_ways(
    ctx: Ctx, ready: pl.DataFrame, changed: Collection[int], act: int, *, quiet: bool = False
) -> pl.DataFrame:
    """A registration whose number now is another trusted one than its person's leaves that person."""
    against = bulk.ask(
        """select r.id, r.person_id from empi_registration r where r.id = any(%s) and r.id_trust = 'trusted'
           and exists (select 1 from empi_registration o where o.person_id = r.person_id
                       and o.id_trust = 'trusted' and o.id_no <> r.id_no)""",
        [list(changed)],
        {"registration_id": pl.Int64, "person_id": pl.Int64},
    )
    gone: dict[int, int] = {}
    for registration, person in against.rows():
        stored.lock_persons([person])
        gone[registration] = moves.new_person("register")
        moves.move(
            ctx, "part", [registration], person, gone[registration], apart=True, quiet=quiet, reason="auto", act=act
        )
    if not gone:
        return ready
    moved = pl.col("registration_id").replace_strict(gone, default=None, return_dtype=pl.Int64)
    return ready.with_columns(pl.coalesce(moved, "person_id").alias("person_id"))


def _decide(
    act: Act,
    ready: pl.DataFrame,
    changed: dict[int, str],
    homes: dict[int, int] | None = None,
    *,
    keys: pl.DataFrame | None = None,
) -> Intake:
    """Who is whom; *keys* are the blocks of *ready* where they are known already."""
    keys = matching.block_keys(ready) if keys is None else keys
    made = decide(act, ready, changed, keys)
    ids = ready.select("registration_id").with_row_index("row")
    blocks = keys.join(ids, on="row").select("rule", "key", "registration_id")
    bulk.add("empi_block", blocks.sort("key", "rule", "registration_id"))  # an index grows fastest in its own order
    return _intake(act.number, made, changed, homes)


def _intake(act: int, made: Decided, changed: dict[int, str], homes: dict[int, int] | None) -> Intake:
    ready, settlement, groups = made.ready, made.settlement, made.settlement.groups
    new = ready.filter(pl.col("person_id").is_null()).get_column("registration_id").to_list()
    roots = {registration: groups.root(-registration) for registration in new}
    unborn = sorted({root for root in roots.values() if root < 0}, reverse=True)
    born = {root: homes[-root] for root in unborn} if homes else {}
    born |= dict(zip(rest := [r for r in unborn if r not in born], bulk.ids("empi_person", len(rest)), strict=True))
    persons = {registration: born.get(root, root) for registration, root in roots.items()}
    reviews = one_for_each(settlement.reviews, groups)
    founders = {-root for root in unborn}
    return Intake(ready, settlement, persons, founders, reviews, act, changed, made.touched, homes=homes)


def _write(ctx: Ctx, intake: Intake, touched: set[int]) -> None:
    if intake.homes is not None:
        _settle_in(intake)
    else:
        _write_new(intake)
    _log(ctx, intake)
    merged = _merge(ctx, intake)
    touched |= {*intake.persons.values(), *merged, *intake.touched}
    if intake.reviews:
        moves.offer(ctx, _questions(intake), act=intake.act)
    golden.refresh(touched if intake.homes is not None else touched - intake.born)


def _settle_in(intake: Intake) -> None:
    """Registrations that arrived once more go to their persons."""
    bulk.do(
        """update empi_registration r set person_id = u.person
           from unnest(%s::bigint[], %s::bigint[]) u (id, person) where r.id = u.id""",
        [list(intake.persons), list(intake.persons.values())],
    )


def _write_new(intake: Intake) -> None:
    of = pl.DataFrame(
        {"registration_id": list(intake.persons), "person": list(intake.persons.values())},
        schema={"registration_id": pl.Int64, "person": pl.Int64},
    )
    new = intake.new.join(of, on="registration_id")
    kept: list[str | pl.Expr] = [pl.col("registration_id").alias("id"), pl.col("person").alias("person_id"), *_COLUMNS]
    bulk.add("empi_registration", new.select(*kept, pl.lit("active").alias("state")))
    golden.born(intake.born)


def _log(ctx: Ctx, intake: Intake) -> None:
    why: dict[int, tuple[int, float]] = {}
    for one in intake.settlement.joins:
        why.setdefault(one.left, (one.right, one.score))
        why.setdefault(one.right, (one.left, one.score))
    founded = [registration in intake.founders for registration in intake.persons]
    because = [
        why.get(one, (None, None)) if not first else (None, None)
        for one, first in zip(intake.persons, founded, strict=True)
    ]
    lines: dict[str, list[Any]] = {
        "verb": ["new" if first else "link" for first in founded],
        "registration_ids": [f"[{registration}]" for registration in intake.persons],
        "to_person": list(intake.persons.values()),
        "score": [score for _, score in because],
        "anchor_id": [anchor for anchor, _ in because],
        "moved": [True] * len(founded),
    }
    moves.log_many(ctx, lines, act=intake.act)
    if changes := _changes(intake):
        moves.log_many(ctx, changes, act=intake.act)


def _changes(intake: Intake) -> list[dict[str, Any]]:
    known = intake.rows.filter(pl.col("registration_id").is_in(list(intake.changed)))
    return [
        {"verb": "change", "registration_ids": f"[{one}]", "to_person": person, "changed": intake.changed[one]}
        for one, person in known.select("registration_id", "person_id").rows()
    ]


def _merge(ctx: Ctx, intake: Intake) -> set[int]:
    """Existing persons that the new facts show to be one."""
    groups, touched = intake.settlement.groups, set()
    why = {groups.root(one.left_group): one for one in intake.settlement.joins}
    for gone in [g for g in groups.parent if g > 0 and groups.root(g) != g]:
        target = groups.root(gone)
        moves.absorb(ctx, gone, target, act=intake.act, why=why.get(target), quiet=intake.quiet)
        touched |= {gone, target}
    return touched


def _questions(intake: Intake) -> pl.DataFrame:
    schema = {"left": pl.Int64, "right": pl.Int64, "score": pl.Float64}
    asked = pl.DataFrame([(o.left, o.right, o.score) for o in intake.reviews], schema=schema, orient="row")
    facts = stored.facts({*asked.get_column("left").to_list(), *asked.get_column("right").to_list()})
    return matching.sort_of_question(pairs.side_by_side(asked, facts))


def _tell(ctx: Ctx, intake: Intake) -> None:
    one = next(iter(intake.persons), None) if len(intake.persons) == 1 else None
    counts = {
        "new": len(intake.persons),
        "persons": len(intake.founders),
        "changed": intake.rows.height - len(intake.persons),
    }
    audit(ctx, "empi.register", "registration", one or "", registration_id=one, after=counts)
    if intake.persons:
        say(PersonRegistered(list(intake.persons), list(intake.persons.values())))


def _outcomes(intake: Intake) -> pl.DataFrame:
    asked = {r for one in intake.reviews for r in (one.left, one.right)}
    words = []
    for registration, person in intake.rows.select("registration_id", "person_id").rows():
        if person is not None:
            words.append("changed")
        elif registration not in intake.founders:
            words.append("linked")
        else:
            words.append("review" if registration in asked else "new")
    return intake.rows.select(KEY).with_columns(pl.Series("outcome", words, dtype=pl.String))
