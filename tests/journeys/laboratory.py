"""A hospital's laboratory on a real database server: one table of results, an account that may read it and nothing else."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}
#: as systems of laboratories name them: report, item, its name, result, unit, specimen, reported, patient, name, sex, born, void, changed
COLUMNS = {
    "BGDH": "varchar(20) not null", "XMBH": "varchar(20) not null", "XMMC": "varchar(40)", "JG": "varchar(20)", "DW": "varchar(20)",
    "BBLX": "varchar(10)", "BGSJ": "{moment}", "BRID": "varchar(20)", "XM": "varchar(20)", "XB": "varchar(4)", "CSRQ": "date", "ZF": "char(1)",
    "XGSJ": "{moment}",
}  # fmt: skip
REPORTS = 8


class Laboratory:
    """The laboratory's database, changed by statements of its own system."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind, self.url = kind, sa.make_url(url)
        self.engine = sa.create_engine(self.url.set(drivername=DRIVERS[kind]))

    def sql(self, *statements: str, **values: Any) -> None:
        """Statements in one transaction."""
        with self.engine.begin() as db:
            for statement in statements:
                db.execute(sa.text(statement), values)

    def make(self, password: str) -> None:
        """Eight reports, one of them void, one with a word where a number belongs; the account ``reader``."""
        moment = "timestamp" if self.kind == "postgresql" else "datetime"
        columns = ", ".join(f"{name} {kind.format(moment=moment)}" for name, kind in COLUMNS.items())
        self.sql("drop table if exists lis_result", f"create table lis_result ({columns}, primary key (BGDH, XMBH))")
        self.sql("create table if not exists ward (code varchar(8) primary key, name varchar(20))")
        for n in range(REPORTS):
            self.put(n, "未出" if n == 6 else f"{4 + n / 10:.1f}", void=n == 7)
        if self.kind == "postgresql":
            self.sql(
                f"create role reader login password '{password}'", "grant usage on schema public to reader", "grant select on lis_result, ward to reader",
            )  # fmt: skip
        else:
            with self.engine.begin() as db:
                db.execute(sa.text("set password for 'reader'@'localhost' = password(:word)"), {"word": password})

    def put(self, number: int, result: str, *, void: bool = False) -> None:
        """A result of report *number*, new or corrected."""
        day = f"2026-03-{number + 1:02} 08:30:00"
        row = {
            "BGDH": f"J{number}", "XMBH": "GLU", "XMMC": "葡萄糖", "JG": result, "DW": "mmol/L", "BBLX": "血清" if number % 2 else "全血",
            "BGSJ": day, "BRID": f"B{number}", "XM": "测试甲", "XB": "男" if number % 2 else "女", "CSRQ": "1980-05-06", "ZF": "1" if void else "0",
            "XGSJ": day,
        }  # fmt: skip
        self.sql(f"delete from lis_result where BGDH = 'J{number}'", f"insert into lis_result values ({', '.join(':' + c for c in row)})", **row)  # fmt: skip

    def name(self, column: str) -> str:
        """A column as this database spells it."""
        return column.lower() if self.kind == "postgresql" else column

    @property
    def address(self) -> str:
        """What the data office writes down: the password is a name of the environment."""
        tail = "?charset=utf8mb4" if self.kind == "mariadb" else ""
        return f"{self.kind}://reader:${{HIS_READER_WORD}}@127.0.0.1:{self.url.port}/{self.url.database}{tail}"
