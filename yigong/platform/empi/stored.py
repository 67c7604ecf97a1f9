"""What the index already holds, asked for whole frames at a time: keys, blocks, persons, and the locks around them."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl
from django.db import connection

from yigong.platform.empi.bulk import array, ask, rows
from yigong.platform.empi.bulk import numbers as numbers_of
from yigong.platform.empi.bulk import texts as texts_of
from yigong.platform.empi.frames import KEY
from yigong.platform.empi.identity import MANY_NAMES

#: a block larger than this is met only by its first few: a number borrowed by a village cannot make a village one person
CAP = 200
FIRST_OF_CAPPED = 4
#: up to so many registrations lock only what they touch; more take the index for themselves until they are in
SMALL = 100
_INDEX_LOCK, _KEY_LOCK = 7301, 7302
_ALL_AT_ONCE = 50_000

STORED = {"registration_id": pl.Int64, "person_id": pl.Int64, "stored_hash": pl.Int64}
FACTS = {
    "registration_id": pl.Int64,
    "person_id": pl.Int64,
    "full_name": pl.String,
    "name_key": pl.String,
    "sex_code": pl.String,
    "born_on": pl.Date,
    "id_type_code": pl.String,
    "id_no": pl.String,
    "id_trust": pl.String,
    "phone": pl.String,
    "address": pl.String,
    "village_code": pl.String,
    "health_card_no": pl.String,
    "contact_name": pl.String,
    "contact_phone": pl.String,
    "registered_at": pl.Datetime("us", "UTC"),
}


def by_key(keys: pl.DataFrame) -> pl.DataFrame:
    """*keys* with ``registration_id, person_id, stored_hash`` (null where unknown), in the same order."""
    if keys.height <= SMALL:
        return _few_by_key(keys)
    found = [
        _of_system(str(org), str(system), part.get_column("local_id").unique())
        for (org, system), part in keys.group_by("org_code", "source_system")
    ]
    schema = {**dict.fromkeys(KEY, pl.String), **STORED}
    return keys.join(pl.concat([pl.DataFrame(schema=schema), *found]), on=KEY, how="left", maintain_order="left")


def _few_by_key(keys: pl.DataFrame) -> pl.DataFrame:
    """The same for a few: one statement in their order, and no joining of frames, which costs more than asking."""
    rows = ask(
        """select r.id, r.person_id, r.hash from unnest(%s::text[], %s::text[], %s::text[]) with ordinality
               u (org_code, source_system, local_id, place)
           left join empi_registration r on r.org_code = u.org_code and r.source_system = u.source_system
               and r.local_id = u.local_id order by u.place""",
        [keys.get_column(name).to_list() for name in KEY],
        STORED,
    )
    return keys.with_columns(rows)


def _of_system(org_code: str, system: str, local_ids: pl.Series) -> pl.DataFrame:
    some = "and local_id = any(%(ids)s::text[])" if len(local_ids) <= _ALL_AT_ONCE else ""
    return ask(
        f"""select org_code, source_system, local_id, id, person_id, hash from empi_registration
            where org_code = %(org)s and source_system = %(system)s {some}""",
        {"org": org_code, "system": system, "ids": texts_of(local_ids) if some else None},
        {**dict.fromkeys(KEY, pl.String), **STORED},
    )


def lock(keys: Collection[int]) -> None:
    """Hold the index for what is being registered: its keys when they are few, the whole index when they are many.

    Two transactions that register one person share a key, so the second sees what the first has decided.
    """
    with connection.cursor() as cursor:
        if len(keys) > SMALL * 10:
            cursor.execute("select pg_advisory_xact_lock(%s, 0)", [_INDEX_LOCK])
            return
        folded = sorted({(key & 0x7FFFFFFF) for key in keys})
        cursor.execute(
            """select i.*, k.* from (select pg_advisory_xact_lock_shared(%s, 0) offset 0) i
                cross join (select pg_advisory_xact_lock(%s, k) from unnest(%s::int[]) k offset 0) k""",
            [_INDEX_LOCK, _KEY_LOCK, array(folded)],
        )


def lock_index() -> None:
    """Hold the whole index until the transaction ends; to be taken before anything else of it is held."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, 0)", [_INDEX_LOCK])


def lock_persons(person_ids: Collection[int]) -> None:
    """Hold these persons until the transaction ends; bulk registering waits as well."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock_shared(%s, 0)", [_INDEX_LOCK])
        cursor.execute(
            "select id from empi_person where id = any(%s) order by id for no key update", [sorted(set(person_ids))]
        )


def shared_numbers(frame: pl.DataFrame) -> list[str]:
    """Numbers that stand, here and in the index together, under too many names to mean anybody."""
    mine = frame.filter(pl.col("id_no").is_not_null()).select("id_no", "name_key").unique()
    known = ask(
        """select u.id_no, s.name_key from unnest(%s::text[]) u (id_no)
           cross join lateral (select distinct t.name_key from (
               select name_key from empi_registration r where r.id_no = u.id_no limit 100) t) s""",
        [texts_of(mine.get_column("id_no").unique())],
        {"id_no": pl.String, "name_key": pl.String},
    )
    names = pl.concat([mine, known]).unique().group_by("id_no").len()
    return names.filter(pl.col("len") > MANY_NAMES).get_column("id_no").to_list()


def distrust(numbers: Collection[str]) -> list[int]:
    """Numbers that stand under many names lose trust; the persons whom this concerns."""
    found = rows(
        """update empi_registration set id_trust = 'shared' where id_no = any(%s) and id_trust = 'trusted'
           returning person_id""",
        [list(numbers)],
    )
    return list({person for (person,) in found})


def in_blocks(keys: pl.DataFrame) -> pl.DataFrame:
    """``row, registration_id`` for every stored registration that shares a key with a row of *keys*."""
    distinct = keys.select("rule", "key").unique()
    found = ask(
        f"""select u.rule, u.key, b.registration_id, b.place
            from unnest(%s::smallint[], %s::bigint[]) u (rule, key)
            cross join lateral (
                select registration_id, row_number() over () as place from (
                    select registration_id from empi_block b where b.key = u.key and b.rule = u.rule
                    order by registration_id limit {CAP + 1}) first) b""",
        [numbers_of(distinct.get_column("rule")), numbers_of(distinct.get_column("key"))],
        {"rule": pl.Int16, "key": pl.Int64, "registration_id": pl.Int64, "place": pl.Int64},
    )
    full = pl.col("place").max().over("rule", "key") > CAP
    kept = found.filter(~full | (pl.col("place") <= FIRST_OF_CAPPED))
    return keys.join(kept, on=["rule", "key"]).select("row", "registration_id").unique()


def persons_of(registration_ids: Collection[int]) -> set[int]:
    """The persons of stored registrations."""
    found = ask(
        "select distinct person_id from empi_registration where id = any(%s)",
        [list(registration_ids)],
        {"person": pl.Int64},
    )
    return set(found.get_column("person").to_list())


def facts(registration_ids: Collection[int]) -> pl.DataFrame:
    """The comparable facts of stored registrations."""
    names = ", ".join(name for name in FACTS if name != "registration_id")
    return ask(f"select id, {names} from empi_registration where id = any(%s)", [list(registration_ids)], FACTS)


def facts_around(registration_ids: Collection[int]) -> pl.DataFrame:
    """The comparable facts of stored registrations and of all others of their persons."""
    names = ", ".join(f"r.{name}" for name in FACTS if name != "registration_id")
    return ask(
        f"""select r.id, {names} from empi_registration r where r.person_id in (
                select person_id from empi_registration where id = any(%s)) order by r.id""",
        [list(registration_ids)],
        FACTS,
    )


def numbers(person_ids: Collection[int], without: Collection[int] = ()) -> dict[int, frozenset[str]]:
    """The trusted identity numbers of persons, not counting the registrations in *without*."""
    if not person_ids:
        return {}
    found = rows(
        """select person_id, array_agg(distinct id_no) from empi_registration
           where person_id = any(%s) and id_trust = 'trusted' and id <> all(%s) group by person_id""",
        [array(person_ids), array(without)],
    )
    return {person: frozenset(held) for person, held in found}


def apart(person_ids: Collection[int]) -> dict[int, set[int]]:
    """Persons that a reviewer has said are not one, for each of *person_ids*."""
    if not person_ids:
        return {}
    found = rows(
        """with mine as (select id, person_id from empi_registration where person_id = any(%s))
           select m.person_id, o.person_id from mine m
               join empi_candidate c on c.left_id = m.id and c.state = 'rejected'
               join empi_registration o on o.id = c.right_id
           union
           select m.person_id, o.person_id from mine m
               join empi_candidate c on c.right_id = m.id and c.state = 'rejected'
               join empi_registration o on o.id = c.left_id""",
        [array(person_ids)],
    )
    out: dict[int, set[int]] = {}
    for one, other in found:
        out.setdefault(one, set()).add(other)
        out.setdefault(other, set()).add(one)
    return out
