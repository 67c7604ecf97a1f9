"""A small table of results in a hospital's database, written by SQL of its own, beside the extraction that is tested."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from yigong.edge.extract.api import Chunk, Source, State, open_source

ADDRESS = {"postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}
TYPES = {"sqlite": "text", "postgresql": "timestamp", "mariadb": "datetime"}


class Hospital:
    """The table ``lis_result`` (report, item, result, changed) of one database."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind, self.url = kind, url
        scheme, rest = url.split("://", 1)
        self.engine = sa.create_engine(f"{ADDRESS.get(kind, scheme)}://{rest}")

    def sql(self, *statements: str) -> None:
        """Statements of the hospital's own system, one transaction."""
        with self.engine.begin() as db:
            for statement in statements:
                db.execute(sa.text(statement))

    def make(self) -> None:
        """The empty table."""
        self.drop()
        self.sql(
            f"create table lis_result (bgdh varchar(20) not null, xmbh varchar(20) not null, jg varchar(40), xgsj {TYPES[self.kind]} null, primary key (bgdh, xmbh))"
        )

    def drop(self) -> None:
        """Take the table away."""
        self.sql("drop table if exists lis_result")

    def put(self, report: str, result: str, at: str = "2026-03-01 09:00:00", item: str = "GLU") -> None:
        """A new result."""
        self.sql(f"insert into lis_result values ('{report}', '{item}', '{result}', '{at}')")

    def fill(self, count: int) -> None:
        """Many results, a second apart."""
        with self.engine.begin() as db:
            rows = [
                {"b": f"R{n:04}", "j": f"{n / 10}", "x": f"2026-03-01 {9 + n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}"}
                for n in range(count)
            ]
            db.execute(sa.text("insert into lis_result values (:b, 'GLU', :j, :x)"), rows)

    def source(self, **config: Any) -> Source:
        """The table as the extraction opens it."""
        return open_source(
            {"kind": self.kind, "url": self.url, "table": "lis_result", "key": ["bgdh", "xmbh"], **config}
        )


def read(
    source: Source, state: State | None = None, size: int = 100, stop: int | None = None
) -> tuple[list[Chunk], State]:
    """All chunks (or the first *stop*) and the state after them, the source closed behind."""
    chunks: list[Chunk] = []
    with source:
        for chunk in source.read(state or {}, size=size):
            chunks.append(chunk)
            if len(chunks) == stop:
                break
    return chunks, chunks[-1].state if chunks else state or {}


def copied(
    chunks: list[Chunk], into: dict[tuple[str, str], str | None] | None = None
) -> dict[tuple[str, str], str | None]:
    """What a faithful copy holds after the chunks: key -> result; every row does what its act says."""
    held = {} if into is None else into
    for chunk in chunks:
        for row in chunk.frame.iter_rows(named=True):
            key = (row["bgdh"], row["xmbh"])
            if row["_op"] == "delete":
                held.pop(key, None)
            else:
                held[key] = row["jg"]
    return held
