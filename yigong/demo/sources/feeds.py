"""The feeds of the demonstration: which reader reads which source, for whom, by which mapping; people before their visits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yigong.demo.illness import MATERNAL, homes_of_care
from yigong.demo.sources import hospital, postgresql, township

MAPPINGS = Path(__file__).parent / "mappings"
CENTRE_TABLES = ("pat", "opd", "rx_item", "rx_tcm", "lab_item", "img_rpt", "ipd", "fu_htn", "fu_dm", "pe_adult", "vac")
_WORDS = {
    "patient": "患者", "visit": "门诊", "drug": "西药处方", "herb": "中药处方", "lab": "检验", "exam": "检查", "front": "病案首页", "entry": "入院记录",
    "summary": "出院小结", "order": "住院医嘱", "birth": "出生医学证明", "pat": "居民档案", "opd": "门诊", "rx_item": "西药处方", "rx_tcm": "中药处方",
    "lab_item": "检验", "img_rpt": "检查", "ipd": "住院", "fu_htn": "高血压随访", "fu_dm": "糖尿病随访", "pe_adult": "健康体检", "vac": "预防接种",
}  # fmt: skip
_MATERNAL_FILES = {"patient": "患者.csv", "visit": "门诊.csv", "drug": "处方.csv", "birth": "出生医学证明.xlsx"}


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """One feed: the reader and what it reads, the institution, the mapping's text (empty where the format says all)."""

    name: str
    org_code: str
    reader: str
    config: dict[str, Any] = field(hash=False)
    mapping: str = ""


def plans(folder: Path) -> list[FeedPlan]:
    """Every feed of the county, its sources lying under *folder*."""
    return [*_hospitals(), *_centres(folder), *_maternal(folder), *_documents(folder), *_laboratory(folder)]


def mapping(name: str) -> str:
    """The text of a mapping by file name without ending."""
    return (MAPPINGS / f"{name}.yaml").read_text("utf-8")


def _hospitals() -> list[FeedPlan]:
    prefix = {hospital.PEOPLES.database: "peoples", hospital.CHINESE.database: "tcm"}
    return [
        FeedPlan(
            f"{hospital.institution(make).name} {_WORDS[key]}", hospital.institution(make).code, "postgresql",
            {"url": postgresql.address(make.database), "table": table.lower()}, mapping(f"{prefix[make.database]}_{key}"),
        )
        for make in hospital.MAKES
        for key, table in make.tables.items()
    ]  # fmt: skip


def _centres(folder: Path) -> list[FeedPlan]:
    centres = [homes_of_care()[o] for o in township.centres()]
    return [
        FeedPlan(
            f"{org.name} {_WORDS[table]}", org.code, "sqlite",
            {"url": f"sqlite:///{folder / 'centres' / org.code[:8]}.db", "table": table}, mapping(f"centre_{table}"),
        )
        for org in centres
        for table in CENTRE_TABLES
    ]  # fmt: skip


def _maternal(folder: Path) -> list[FeedPlan]:
    org = homes_of_care()[MATERNAL]
    return [
        FeedPlan(
            f"{org.name} {_WORDS[key]}", org.code, "excel" if file.endswith(".xlsx") else "csv", {"path": str(folder / "maternal" / file)},
            mapping(f"maternal_{key}"),
        )
        for key, file in _MATERNAL_FILES.items()
    ]  # fmt: skip


def _documents(folder: Path) -> list[FeedPlan]:
    maternal, peoples = homes_of_care()[MATERNAL], hospital.institution(hospital.PEOPLES)
    places = [
        (maternal, "门诊病历", "maternal"),
        (maternal, "检验报告", "maternal"),
        (maternal, "出院小结", "maternal"),
        (peoples, "出院小结", "peoples"),
    ]
    return [
        FeedPlan(
            f"{org.name} 共享文档 {kind}",
            org.code,
            "cda",
            {"org_code": org.code, "paths": _files(folder / home / kind)},
        )
        for org, kind, home in places
    ]


def _laboratory(folder: Path) -> list[FeedPlan]:
    kinds = {"检验报告": "laboratory", "更正报告": "laboratory-corrected"}
    return [
        FeedPlan(f"青禾县区域检验中心 {kind}", "", "hl7v2", {"paths": _files(folder / home)})
        for kind, home in kinds.items()
    ]


def _files(folder: Path) -> list[str]:
    return sorted(str(p) for p in folder.iterdir()) if folder.is_dir() else []
