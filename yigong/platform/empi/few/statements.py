"""What registering a few asks of the database and writes there: few statements, whatever is registered, and the same ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from yigong.kit.ctx import Ctx
from yigong.platform.empi import alike, bulk, moves, stored
from yigong.platform.empi.alike import Facts
from yigong.platform.empi.few.rows import Block, Key, Row, written
from yigong.platform.empi.frames import COLUMNS, KEY

_TYPES = {"born_on": "date", "registered_at": "timestamptz", "hash": "bigint"}
_NAMES = ", ".join(COLUMNS)
_GIVEN = f"""json_to_recordset(%s::json) as x (id bigint, person_id bigint,
    {", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in COLUMNS)})"""
_VALUES = ", ".join(f"x.{name}::jsonb" if name == "facts" else f"x.{name}" for name in COLUMNS)
_BY_KEY = f"""unnest(%s::text[], %s::text[], %s::text[]) with ordinality u ({", ".join(KEY)}, place)
    left join empi_registration r on {" and ".join(f"r.{name} = u.{name}" for name in KEY)}"""


class Known(NamedTuple):
    """What the index holds under a key."""

    registration_id: int | None
    person_id: int | None
    hash: int | None


class Met(NamedTuple):
    """A stored registration with what of it is compared."""

    registration_id: int
    person_id: int
    facts: Facts


def known(keys: Collection[Key]) -> list[Known]:
    """What stands under these keys, in their order."""
    found = bulk.rows(f"select r.id, r.person_id, r.hash from {_BY_KEY} order by u.place", _columns(keys))
    return list(map(Known._make, found))


def numbered(keys: Collection[Key]) -> tuple[list[Known], int, tuple[Any, ...]]:
    """The same with fresh ids for what is unknown (its person stays None), a number for the act, and the version in force.

    To be asked when the keys are held: what stands there now stands until the end.
    """
    found = bulk.rows(
        f"""select coalesce(k.id, nextval(pg_get_serial_sequence('empi_registration', 'id'))), k.person_id, k.hash,
                case when k.place = 1 then nextval(pg_get_serial_sequence('empi_decision', 'id')) end, s.version, s.published_at
            from (select r.id, r.person_id, r.hash, u.place from {_BY_KEY} order by u.place offset 0) k
            left join empi_rule_set s on s.state = 'published' order by k.place""",
        _columns(keys),
    )
    return [Known(*row[:3]) for row in found], found[0][3], found[0][4:]


def _columns(keys: Collection[Key]) -> list[list[str]]:
    return [list(column) for column in zip(*keys, strict=True)]


def names_under(numbers: Collection[str]) -> set[tuple[str, str | None]]:
    """Numbers with the names that stand under them, some hundred at most each."""
    found = bulk.rows(
        """select u.id_no, s.name_key from unnest(%s::text[]) u (id_no)
           cross join lateral (select distinct t.name_key from (
               select name_key from empi_registration r where r.id_no = u.id_no limit 100) t) s""",
        [list(numbers)],
    )
    return {(number, name) for number, name in found}


def in_blocks(blocks: Sequence[tuple[int, Sequence[Block]]]) -> list[tuple[int, int, int]]:
    """Numbered rows with the stored registrations that share a block, and their persons; of a block too large the first."""
    lines = [(n, rule, key) for n, some in blocks for rule, key in some]
    if not lines:
        return []
    found = bulk.rows(
        f"""select c.n, c.id, r.person_id from (
                select distinct u.n, x.id from unnest(%s::int[], %s::smallint[], %s::bigint[]) u (n, rule, key)
                cross join lateral (select array_agg(f.registration_id) as ids from (
                    select b.registration_id from empi_block b where b.key = u.key and b.rule = u.rule
                    order by b.registration_id limit {stored.CAP + 1}) f) l
                cross join lateral unnest(case when cardinality(l.ids) > {stored.CAP}
                    then l.ids[1:{stored.FIRST_OF_CAPPED}] else l.ids end) x (id)) c
            cross join lateral (select t.person_id from empi_registration t where t.id = c.id offset 0) r""",
        [bulk.array(column) for column in zip(*lines, strict=True)],
    )
    return [(n, one, person) for n, one, person in found]


def hold(person_ids: Collection[int]) -> None:
    """Hold these persons until the end; the index is held already."""
    bulk.rows(
        "select id from empi_person where id = any(%s) order by id for no key update", [bulk.array(sorted(person_ids))]
    )


def around(registration_ids: Collection[int]) -> list[Met]:
    """These registrations and all others of their persons."""
    found = bulk.rows(
        f"""select r.id, r.person_id, {alike.COLUMNS} from empi_registration r where r.person_id in (
                select t.person_id from empi_registration t where t.id = any(%s)) order by r.id""",
        [bulk.array(registration_ids)],
    )
    return [Met(one, person, Facts(*facts)) for one, person, *facts in found]


def held(registration_ids: Collection[int]) -> dict[int, Facts]:
    """What these registrations say now."""
    found = bulk.rows(
        f"select r.id, {alike.COLUMNS} from empi_registration r where r.id = any(%s)", [bulk.array(registration_ids)]
    )
    return {one: Facts(*facts) for one, *facts in found}


def change(rows: Collection[Row]) -> None:
    """Known registrations say something else from now on, and stand in no block until they are decided about."""
    sets = ", ".join(
        f"{name} = {'c.facts::jsonb' if name == 'facts' else f'c.{name}'}" for name in COLUMNS if name not in KEY
    )
    bulk.do(
        f"""with c as (select * from {_GIVEN}),
                gone as (delete from empi_block b using c where b.registration_id = c.id)
            update empi_registration r set {sets} from c where r.id = c.id""",
        [written(rows)],
    )


def add(
    ctx: Ctx, new: Iterable[Row], blocks: Iterable[tuple[int, Block]], lines: Collection[dict[str, Any]], act: int
) -> None:
    """New registrations, blocks (with the registrations that stand in them) and lines of the log, in one statement."""
    cells = [(rule, key, one) for one, (rule, key) in blocks]
    columns = zip(*cells, strict=True) if cells else ((), (), ())
    bulk.do(
        f"""with blocks as (insert into empi_block (rule, key, registration_id)
                select * from unnest(%s::smallint[], %s::bigint[], %s::bigint[])),
            new as (insert into empi_registration (id, person_id, state, {_NAMES})
                select x.id, x.person_id, 'active', {_VALUES} from {_GIVEN})
            {moves.LOG_FEW}""",
        [*map(bulk.array, columns), written(new), moves.few_lines(ctx, lines, act=act)],
    )
