"""Registers identities, one or a million by the same way: recognise, standardise, compare, settle, write."""

from __future__ import annotations

import json
from collections.abc import Collection

import polars as pl
from django.db import transaction

from yigong.kit.ctx import Ctx
from yigong.platform.empi import bulk, golden, matching, moves, pairs, stored
from yigong.platform.empi.deciding import Act, decide, part_ways
from yigong.platform.empi.few import register as few
from yigong.platform.empi.frames import COLUMNS, IDENTITY, KEY, arrange, fingerprint, stable_hash
from yigong.platform.empi.intake import Intake, changes, intake, lines, merge, outcomes, tell
from yigong.platform.empi.questions import Asked

OUTCOME = {"registration_id": pl.Int64, "person_id": pl.Int64, "outcome": pl.String}
#: up to so many rows go the way without frames: a frame's fixed cost is far above that of a record (ADR 28)
FEW_ROWS = 32


@transaction.atomic
def register(ctx: Ctx, frame: pl.DataFrame) -> pl.DataFrame:
    """Make the identities of *frame* known; ``registration_id, person_id, outcome`` for each row given, in order.

    The outcome is ``known changed linked new review``. Registering a frame twice changes nothing. Raises Refused
    empi.columns_missing or empi.key_empty.
    """
    if 0 < frame.height <= FEW_ROWS:
        return pl.DataFrame(few.register(ctx, frame), schema=OUTCOME, orient="row")
    rows = arrange(frame)
    if rows.is_empty():
        return pl.DataFrame(schema=OUTCOME)
    if rows.height > bulk.PLANNED_ANEW:
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
    ready = _part_ways(Act(ctx, act), ready, changed)
    same = ready.height == height and not shared
    made = _decide(Act(ctx, act), ready, changed, keys=keys if same else None)
    _write_new(ready, made)
    _write(ctx, made, touched | set(ready.get_column("person_id").drop_nulls().to_list()))
    tell(ctx, made)
    return ready.select(KEY).with_columns(pl.Series("outcome", outcomes(made), dtype=pl.String))


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
    ready = _part_ways(Act(ctx, act, quiet), ready, same)
    made = _decide(Act(ctx, act, quiet), ready, same, homes)
    made.quiet = quiet
    if not quiet:  # nothing of these changed: they are only looked at again
        made.changed.clear()
    _settle_in(made)
    _write(ctx, made, before | set(ready.get_column("person_id").drop_nulls().to_list()), refresh_born=True)


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
    concerned = stored.distrust(shared)
    marked = pl.when(hit).then(pl.lit("shared")).otherwise("id_trust").alias("id_trust")
    return ready.with_columns(marked), concerned, shared


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
    bulk.add("empi_changed", old.select(pl.col("registration_id").alias("id"), "person_id", *COLUMNS))
    sets = ", ".join(f"{name} = c.{name}" for name in COLUMNS if name not in KEY)
    bulk.do(f"update empi_registration r set {sets} from empi_changed c where r.id = c.id")
    bulk.do("delete from empi_block b using empi_changed c where b.registration_id = c.id")
    bulk.do("drop table empi_changed")


def _part_ways(act: Act, ready: pl.DataFrame, changed: Collection[int]) -> pl.DataFrame:
    gone = part_ways(act, changed)
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
    return intake(act.number, ids.get_column("registration_id").to_list(), made, changed, homes)


def _write(ctx: Ctx, made: Intake, touched: set[int], *, refresh_born: bool = False) -> None:
    moves.log_many(ctx, lines(made), act=made.act)
    if said := changes(made):
        moves.log_many(ctx, said, act=made.act)
    touched |= {*made.persons.values(), *merge(ctx, made), *made.touched}
    if made.reviews:
        moves.offer(ctx, _questions(made), act=made.act)
    golden.refresh(touched if refresh_born else touched - made.born)


def _settle_in(made: Intake) -> None:
    """Registrations that arrived once more go to their persons."""
    bulk.do(
        """update empi_registration r set person_id = u.person
           from unnest(%s::bigint[], %s::bigint[]) u (id, person) where r.id = u.id""",
        [list(made.persons), list(made.persons.values())],
    )


def _write_new(ready: pl.DataFrame, made: Intake) -> None:
    of = pl.DataFrame(
        {"registration_id": list(made.persons), "person": list(made.persons.values())},
        schema={"registration_id": pl.Int64, "person": pl.Int64},
    )
    new = ready.join(of, on="registration_id")
    kept: list[str | pl.Expr] = [pl.col("registration_id").alias("id"), pl.col("person").alias("person_id"), *COLUMNS]
    bulk.add("empi_registration", new.select(*kept, pl.lit("active").alias("state")))
    golden.born(made.born)


def _questions(made: Intake) -> list[Asked]:
    schema = {"left": pl.Int64, "right": pl.Int64, "score": pl.Float64}
    asked = pl.DataFrame([(o.left, o.right, o.score) for o in made.reviews], schema=schema, orient="row")
    facts = stored.facts({*asked.get_column("left").to_list(), *asked.get_column("right").to_list()})
    said = pairs.side_by_side(asked, facts).sort("score", "left", "right", descending=[True, False, False])
    return matching.sort_of_question(said)
