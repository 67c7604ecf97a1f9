"""What the command says at its end: address, logins, what was loaded for each institution and data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.db import connection
from rich.console import Console
from rich.table import Table

from yigong.demo import world
from yigong.demo.state import State

ROLES = {
    "clinician": "医师", "village_doctor": "乡村医生", "data_clerk": "数据管理员", "empi_clerk": "主索引专员", "quality_clerk": "机构质控员", "record_keeper": "病案管理员", "manager": "管理者",
    "administrator": "平台管理员",
}  # fmt: skip
_KINDS = (
    ("outpatient", "门急诊"), ("inpatient", "住院"), ("laboratory", "检验"), ("imaging", "检查"), ("prescription", "处方"), ("follow_up", "随访"),
    ("examination", "体检"), ("vaccination", "接种"),
)  # fmt: skip


def show(console: Console, logins: Sequence[Mapping[str, str]], *, serving: bool) -> None:
    """Print what was loaded, the logins, and where the pages are."""
    console.print(_loaded())
    console.print(_logins(logins))
    console.print("数据均为程序生成的虚构数据。All data are invented.")
    if serving:
        console.print(f"[bold]{settings.CSRF_TRUSTED_ORIGINS[0]}[/]")


def _loaded() -> Table:
    table = Table("机构", "登记", *(words for _kind, words in _KINDS), title="各机构已入库（人次、份）")
    for column in table.columns[1:]:
        column.justify = "right"
    counts = _counts()
    for org in world.with_systems():
        own = counts.get(org.code, {})
        if own:
            table.add_row(org.name, *(f"{own.get(kind, 0):,}" for kind in ("registration", *(k for k, _ in _KINDS))))
    return table


def _counts() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """select org_code, kind, count(*) from records_event group by org_code, kind
               union all select org_code, 'registration', count(*) from empi_registration group by org_code"""
        )
        for org, kind, count in cursor.fetchall():
            found.setdefault(org, {})["outpatient" if kind == "emergency" else kind] = count + found.get(org, {}).get(
                "outpatient", 0
            ) * (kind == "emergency")
    return found


def _logins(logins: Sequence[Mapping[str, str]]) -> Table:
    table = Table(
        "岗位", "登录名", "口令", "姓名", "机构", title="演示账号（口令在本机生成，保存于 .local/demo/logins.json）"
    )
    for row in logins:
        table.add_row(ROLES[row["role"]], row["login"], row["password"], row["name"], row["institution"])
    return table


def line(state: State, seconds: float) -> dict[str, object]:
    """The closing line of ``--once``."""
    counted = {name: state.counts.get(name, 0) for name in ("read", "loaded", "rejected", "filtered")}
    treating = [i for i in world.with_systems() if i.kind != "centre"]
    return {"institutions": len(treating), **counted, "persons": state.persons, "seconds": round(seconds, 1)}
