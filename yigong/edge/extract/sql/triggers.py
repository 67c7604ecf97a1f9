"""The statements of change capture by trigger, for each dialect: a change table, and what writes into it. Pure text.

The change table holds a running number, what was done (``U`` written, ``D`` gone) and the key of the row; nothing else of it. Its first
line ``W`` says that capture began here, and stays: whatever was read before must be read in whole once more.
TRUNCATE fires no row trigger in any of the databases. PostgreSQL has a trigger of its own for it; elsewhere the rows are counted
now and then, and where some are missing all keys are compared (``known.py``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from yigong.kit.errors import Refused

LONGEST = 28  # bytes: Oracle before 12.2 allows 30, of which a Chinese sign takes three


@dataclass(frozen=True, slots=True)
class Captured:
    """A table to be watched: its name as a statement writes it, and its key columns with their types."""

    table: str
    key: Sequence[tuple[str, str]]  # (column as written, type as the dialect writes it)
    consumer: str = ""  # whose capture it is
    begins: int = 0  # the number of the line that says that capture began: never the same twice

    @property
    def base(self) -> str:
        """The table's own name without schema and quotes."""
        return self.table.split(".")[-1].strip('"`[]')

    @property
    def schema(self) -> str:
        """The schema with its dot, or nothing."""
        return self.table.rpartition(".")[0] + "." if "." in self.table else ""

    def own(self, prefix: str) -> str:
        """A name of ours for this table, short enough for every database and such that none asks for quotes."""
        name, whose = f"{prefix}{self.base}".lower(), f"{prefix}{self.base} {self.consumer}" if self.consumer else ""
        if whose or len(name.encode()) > LONGEST or not re.fullmatch(r"\w+", name):
            plain = re.sub(r"[^a-z0-9_]", "", name)
            name = plain[: LONGEST - 8] + hashlib.sha256((whose or name).encode()).hexdigest()[:8]
        return self.schema + name

    @property
    def changes(self) -> str:
        """The change table."""
        return self.own("yg_chg_")

    @property
    def columns(self) -> str:
        """The key columns of the change table, for an insert."""
        return ", ".join(column for column, _ in self.key)

    def of(self, row: str) -> str:
        """The key columns of *row* (``new``, ``old``, …)."""
        return ", ".join(f"{row}.{column}" for column, _ in self.key)

    def write(self, op: str, row: str, more: str = "") -> str:
        """The insert of one change."""
        return f"insert into {self.changes} (op, {self.columns}{', seq' if more else ''}) values ('{op}', {self.of(row)}{more})"

    def begun(self) -> str:
        """The insert that says that capture began."""
        return f"insert into {self.changes} (seq, op) values ({self.begins}, 'W')"

    def moved(self, unequal: str) -> str:
        """The condition that an update changed the key, *unequal* being the dialect's comparison of ``{a}`` and ``{b}``."""
        return " or ".join(unequal.format(a=f"old.{c}", b=f"new.{c}") for c, _ in self.key)

    def typed(self, not_null: str = "") -> str:
        """The key columns with their types, for the change table."""
        return ", ".join(f"{column} {kind}{not_null}" for column, kind in self.key)


def _postgresql(t: Captured) -> list[str]:
    body = (
        f"begin if tg_op = 'TRUNCATE' then insert into {t.changes} (op) values ('T'); return null; end if; "
        f"if tg_op = 'DELETE' then {t.write('D', 'old')}; return null; end if; "
        f"if tg_op = 'UPDATE' and ({t.moved('{a} is distinct from {b}')}) then {t.write('D', 'old')}; end if; "
        f"{t.write('U', 'new')}; return null; end"
    )
    return [
        f"create table {t.changes} (seq bigserial primary key, op char(1) not null, {t.typed()}, at timestamp not null default localtimestamp)",
        # the application's user needs no right on the change table
        f"create function {t.own('yg_fn_')}() returns trigger language plpgsql security definer as $yg$ {body} $yg$",
        f"create trigger {t.own('yg_trg_').split('.')[-1]} after insert or update or delete on {t.table} for each row execute procedure {t.own('yg_fn_')}()",
        f"create trigger {t.own('yg_trt_').split('.')[-1]} after truncate on {t.table} for each statement execute procedure {t.own('yg_fn_')}()",
        t.begun(),
    ]


def _postgresql_removal(t: Captured) -> list[str]:
    return [
        f"drop trigger if exists {t.own('yg_trg_').split('.')[-1]} on {t.table}",
        f"drop trigger if exists {t.own('yg_trt_').split('.')[-1]} on {t.table}",
        f"drop function if exists {t.own('yg_fn_')}()",
        f"drop table if exists {t.changes}",
    ]


def _mysql(t: Captured) -> list[str]:
    moved = t.moved("not (cast({a} as binary) <=> cast({b} as binary))")  # a collation may take 'a' for 'A'
    return [
        f"create table {t.changes} (seq bigint not null auto_increment primary key, op char(1) not null, {t.typed()}, at timestamp not null default current_timestamp)",
        f"create trigger {t.own('yg_ins_')} after insert on {t.table} for each row {t.write('U', 'new')}",
        f"create trigger {t.own('yg_upd_')} after update on {t.table} for each row begin if {moved} then {t.write('D', 'old')}; end if; {t.write('U', 'new')}; end",
        f"create trigger {t.own('yg_del_')} after delete on {t.table} for each row {t.write('D', 'old')}",
        t.begun(),
    ]


def _three_removal(t: Captured) -> list[str]:
    return [
        *(f"drop trigger if exists {t.own(p)}" for p in ("yg_ins_", "yg_upd_", "yg_del_")),
        f"drop table if exists {t.changes}",
    ]


def _sqlite(t: Captured) -> list[str]:
    moved = t.moved("{a} is not {b}")
    update = f"insert into {t.changes} (op, {t.columns}) select 'D', {t.of('old')} where {moved}"
    return [
        f"create table {t.changes} (seq integer primary key autoincrement, op text not null, {t.typed()}, at text not null default (datetime('now', 'localtime')))",
        f"create trigger {t.own('yg_ins_')} after insert on {t.table} begin {t.write('U', 'new')}; end",
        f"create trigger {t.own('yg_upd_')} after update on {t.table} begin {update}; {t.write('U', 'new')}; end",
        f"create trigger {t.own('yg_del_')} after delete on {t.table} begin {t.write('D', 'old')}; end",
        t.begun(),
    ]


def _mssql(t: Captured) -> list[str]:
    same = " and ".join(f"i.{c} = d.{c}" for c, _ in t.key)
    # a sequence: an identity column of ours would be what the application finds in @@identity after its own insert
    return [
        f"create sequence {t.own('yg_seq_')} as bigint start with 1",
        f"create table {t.changes} (seq bigint not null default (next value for {t.own('yg_seq_')}) primary key, op char(1) not null, {t.typed()}, at datetime2 not null default sysdatetime())",
        f"create trigger {t.own('yg_trg_')} on {t.table} after insert, update, delete as begin set nocount on; "
        f"insert into {t.changes} (op, {t.columns}) select 'D', {t.of('d')} from deleted d where not exists (select 1 from inserted i where {same}); "
        f"insert into {t.changes} (op, {t.columns}) select 'U', {t.of('i')} from inserted i; end",
        t.begun(),
    ]


def _mssql_removal(t: Captured) -> list[str]:
    return [
        f"if object_id('{t.own('yg_trg_')}', 'TR') is not null drop trigger {t.own('yg_trg_')}",
        f"if object_id('{t.changes}', 'U') is not null drop table {t.changes}",
        f"if object_id('{t.own('yg_seq_')}', 'SO') is not null drop sequence {t.own('yg_seq_')}",
    ]


def _oracle(t: Captured) -> list[str]:
    number = f", {t.own('yg_seq_')}.nextval"  # a sequence: identity columns came with 12c
    old, new = t.write("D", ":old", number), t.write("U", ":new", number)
    moved = " or ".join(f":old.{c} <> :new.{c}" for c, _ in t.key)
    return [
        f"create sequence {t.own('yg_seq_')}",
        f"create table {t.changes} (seq number(19) primary key, op char(1) not null, {t.typed()}, at timestamp default systimestamp not null)",
        f"create or replace trigger {t.own('yg_trg_')} after insert or update or delete on {t.table} for each row "
        f"begin if deleting then {old}; else if updating and ({moved}) then {old}; end if; {new}; end if; end;",
        t.begun(),
    ]


def _oracle_removal(t: Captured) -> list[str]:
    return [f"drop trigger {t.own('yg_trg_')}", f"drop table {t.changes} purge", f"drop sequence {t.own('yg_seq_')}"]


#: dialect -> the triggers of ours among those asked for that are there and fire; none where the database does not say
LIVE = {
    "postgresql": "select tgname from pg_trigger where tgrelid = to_regclass(:table) and tgenabled in ('O', 'A') and tgname in ({names})",
    "sqlite": "select name from sqlite_master where type = 'trigger' and name in ({names})",
    "mysql": "select trigger_name from information_schema.triggers where trigger_schema = coalesce(:schema, database()) and trigger_name in ({names})",
}
LIVE["mariadb"] = LIVE["mysql"]
PREFIXES = {"postgresql": ("yg_trg_", "yg_trt_"), **dict.fromkeys(("mysql", "mariadb", "sqlite"), ("yg_ins_", "yg_upd_", "yg_del_"))}  # fmt: skip
#: MySQL and MariaDB show triggers only to whom may make them
MAY_SEE = (
    "select count(*) from (select grantee, privilege_type from information_schema.user_privileges"
    " union all select grantee, privilege_type from information_schema.schema_privileges"
    " union all select grantee, privilege_type from information_schema.table_privileges) p where privilege_type = 'TRIGGER'"
    " and grantee = concat('''', replace(current_user(), '@', '''@'''), '''')"
)


def names(dialect: str, captured: Captured) -> list[str]:
    """The triggers that must be there, for the dialects that tell which are."""
    return [captured.own(prefix).split(".")[-1] for prefix in PREFIXES.get(dialect, ())]


#: dialect -> (what makes the change table and triggers, what takes them away)
DIALECTS = {
    "postgresql": (_postgresql, _postgresql_removal),
    "mysql": (_mysql, _three_removal),
    "mariadb": (_mysql, _three_removal),
    "sqlite": (_sqlite, _three_removal),
    "mssql": (_mssql, _mssql_removal),
    "oracle": (_oracle, _oracle_removal),
}


def install(dialect: str, captured: Captured) -> list[str]:
    """The statements that begin to capture changes. Raises Refused exchange.way_unfit."""
    return _of(dialect, captured)[0](captured)


def removal(dialect: str, captured: Captured) -> list[str]:
    """The statements that end it and leave nothing behind. Raises Refused exchange.way_unfit."""
    return _of(dialect, captured)[1](captured)


def _of(dialect: str, captured: Captured):  # type: ignore[no-untyped-def]
    if dialect not in DIALECTS:
        facts = {"reason_zh": f"{dialect} 没有触发器方案", "reason_en": f"there is no trigger for {dialect}"}
        raise Refused("exchange.way_unfit", place=captured.table, way="trigger", **facts)
    return DIALECTS[dialect]
