"""Builds every source system of the county: databases, files, documents, messages, and the truth beside them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl

from yigong.demo import dirt, truth
from yigong.demo.county import County
from yigong.demo.dirt import Declared
from yigong.demo.illness import homes_of_care
from yigong.demo.sources import cda, documents, hospital, maternal, messages, postgresql, township

Say = Callable[[str], None]


def build(county: County, folder: Path, today: date, say: Say = lambda _: None) -> list[Declared]:
    """Write all sources under *folder* and beside the platform's database; what dirt was put in."""
    steps = (_hospitals, _centres, _maternal, _documents, _laboratory)
    told: list[Declared] = []
    for step in steps:
        told += step(county, folder, today)
        say(str(step.__doc__))
    truth.keep(folder.parent, county.registrations, told)
    return told


def _hospitals(county: County, folder: Path, today: date) -> list[Declared]:
    """两家县级医院的数据库"""
    told: list[Declared] = []
    for make, stains in zip(hospital.MAKES, (dirt.PEOPLES, dirt.CHINESE), strict=True):
        tables, added = dirt.stained(make.database, hospital.tables(county, make, today - documents.SINCE), stains)
        postgresql.write(make.database, tables)
        told += added
    return told


def _centres(county: County, folder: Path, today: date) -> list[Declared]:
    """十七家基层机构的数据文件"""
    home = folder / "centres"
    home.mkdir(parents=True, exist_ok=True)
    parts = {
        name: frame.partition_by("org", as_dict=True, include_key=False)
        for name, frame in township.tables(county).items()
    }
    empty = {name: next(iter(by_org.values())).clear() for name, by_org in parts.items() if by_org}
    told: list[Declared] = []
    for org in township.centres():
        own = {name: by_org.get((org,), empty.get(name, pl.DataFrame())) for name, by_org in parts.items()}
        code = homes_of_care()[org].code[:8]
        tables, added = dirt.stained(code, own, dirt.CENTRES)
        township.write(home / f"{code}.db", tables)
        told += added
    return told


def _maternal(county: County, folder: Path, today: date) -> list[Declared]:
    """妇幼保健院的文件"""
    tables, told = dirt.stained("maternal", maternal.files(county, today), dirt.MATERNAL)
    maternal.write(folder / "maternal", tables)
    maternal.write_documents(folder / "maternal", county, today)
    return told


def _documents(county: County, folder: Path, today: date) -> list[Declared]:
    """人民医院的共享文档"""
    written, told = dirt.truncated(documents.peoples_summaries(county, today), "peoples")
    cda.write(folder / "peoples" / "出院小结", written)
    return told


def _laboratory(county: County, folder: Path, today: date) -> list[Declared]:
    """区域检验中心的 HL7 消息"""
    results = messages.results(county)
    written, told = dirt.strange(messages.files(messages.printed_first(results)), "laboratory")
    messages.write(folder / "laboratory", written)
    messages.write(folder / "laboratory-corrected", messages.files(messages.corrections(results), corrected=True))
    return told
