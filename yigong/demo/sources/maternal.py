"""The maternal and child hospital has no database that may be read: it gives CSV files (GB18030), workbooks and documents."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import xlsxwriter

from yigong.demo.county import County
from yigong.demo.illness import MATERNAL
from yigong.demo.sources import cda, documents
from yigong.demo.sources.hospital import place_names
from yigong.demo.treatment import diagnoses

DOCUMENTS_SINCE = timedelta(days=90)  # children's visits come as documents from then on, as lines before
_FREQUENCY = {"qd": "一日一次", "bid": "一日两次", "tid": "一日三次", "qid": "一日四次", "qn": "睡前"}


def files(county: County, today: date) -> dict[str, pl.DataFrame]:
    """Tables by file name."""
    known = county.registrations.filter(pl.col("org") == MATERNAL)
    documented = (pl.col("department") == "儿科") & (pl.col("at") >= today - DOCUMENTS_SINCE)
    return {
        "患者.csv": _patients(known),
        "门诊.csv": _visits(_of(county.visits.filter(~documented), known)),
        "处方.csv": _drugs(_of(county.prescriptions, known)),
        "出生医学证明.xlsx": _births(county, known),
    }


def _of(frame: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    named = diagnoses().select(
        "dx", pl.col("code").alias("dx_code"), pl.col("name").alias("dx_name"), pl.col("complaint").alias("usual")
    )
    facts = known.select("person", "local_id", "name", "allergy")
    own = frame.filter(pl.col("org") == MATERNAL)
    return own.join(facts, on="person", maintain_order="left", suffix="_p").join(named, on="dx", maintain_order="left")


def _sex() -> pl.Expr:
    return pl.col("sex").replace_strict({1: "男", 2: "女"}, return_dtype=pl.String).alias("性别")


def _patients(frame: pl.DataFrame) -> pl.DataFrame:
    township, street, house = place_names()
    return frame.select(
        pl.col("local_id").alias("病人号"), pl.col("name").alias("姓名"), _sex(), pl.col("born_on").dt.strftime("%Y年%m月%d日").alias("出生日期"),
        pl.col("id_no").alias("身份证号"), pl.col("phone").alias("联系电话"), township.alias("乡镇"), street.alias("村组"), house.alias("门牌"),
        pl.col("address").alias("住址"), pl.col("card_no").alias("健康卡号"), pl.col("contact_name").alias("联系人"), pl.col("contact_phone").alias("联系人电话"),
        pl.col("ethnic").alias("民族代码"), pl.col("marital").alias("婚姻"), pl.col("registered_at").dt.strftime("%Y-%m-%d %H:%M").alias("建卡时间"),
        pl.lit("正常").alias("状态"),
    )  # fmt: skip


def _visit_columns() -> list[pl.Expr]:
    return [
        (pl.lit("F") + pl.col("visit").cast(pl.String).str.zfill(8)).alias("门诊号"), pl.col("local_id").alias("病人号"), _sex(),
        pl.col("age").floor().cast(pl.Int64).alias("年龄"), pl.col("department").alias("科室"), pl.col("doctor").alias("医生"),
        pl.col("at").dt.strftime("%Y-%m-%d %H:%M").alias("就诊时间"), pl.col("dx_code").alias("诊断编码"), pl.col("dx_name").alias("诊断"),
        pl.lit("正常").alias("状态"),
    ]  # fmt: skip


def _visits(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        *_visit_columns(), pl.col("name").alias("姓名"), pl.when("first_visit").then(pl.lit("初诊")).otherwise(pl.lit("复诊")).alias("初复诊"),
        pl.coalesce("complaint", "usual").alias("主诉"), pl.col("allergy").alias("过敏史"), pl.col("systolic").alias("收缩压"), pl.col("diastolic").alias("舒张压"),
        pl.col("fee").alias("费用"),
    )  # fmt: skip


def _drugs(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        *_visit_columns(), pl.col("name_p").alias("姓名"), (pl.lit("3") + pl.col("visit").cast(pl.String).str.zfill(9)).alias("处方号"),
        pl.col("line").alias("序号"), pl.col("name").alias("药品"), pl.col("strength").alias("规格"), pl.col("form").alias("剂型"), pl.col("dose").alias("单次剂量"),
        pl.col("unit").alias("单位"), pl.col("frequency").replace_strict(_FREQUENCY).alias("频次"), pl.col("route").alias("途径"), pl.col("days").alias("天数"),
        pl.col("amount").alias("金额"), pl.col("atc").alias("ATC"),
    )  # fmt: skip


def _births(county: County, known: pl.DataFrame) -> pl.DataFrame:
    township, street, house = place_names()
    mother = county.people.select(pl.col("person").alias("mother"), pl.col("name").alias("mother_name"), pl.col("id_no").alias("mother_id"),
                                  pl.col("born_on").alias("mother_born"), pl.col("ethnic").alias("mother_ethnic"))  # fmt: skip
    child = known.select("person", "local_id", "name", "town", "village", "group", "house")
    frame = county.births.join(child, on="person", maintain_order="left").join(
        mother, on="mother", maintain_order="left"
    )
    hour = (
        (pl.col("minute") // 60).cast(pl.String).str.zfill(2)
        + pl.lit(":")
        + (pl.col("minute") % 60).cast(pl.String).str.zfill(2)
    )
    return frame.select(
        (pl.lit("Y5300") + pl.col("certificate").cast(pl.String)).alias("证书编号"), pl.col("local_id").alias("病人号"), pl.col("name").alias("新生儿姓名"), _sex(),
        (pl.col("on").cast(pl.String) + pl.lit(" ") + hour).alias("出生时间"), pl.col("days").alias("孕周天数"), pl.col("length").alias("身长"),
        pl.col("weight").alias("体重"), pl.col("mother_name").alias("母亲姓名"), pl.col("mother_id").alias("母亲身份证号"),
        pl.col("mother_born").cast(pl.String).alias("母亲出生日期"), pl.col("mother_ethnic").alias("母亲民族"), township.alias("乡镇"), street.alias("村组"),
        house.alias("门牌"), (pl.col("on") + timedelta(days=3)).cast(pl.String).alias("签发日期"), pl.lit("正常").alias("状态"),
    )  # fmt: skip


def write(folder: Path, tables: dict[str, pl.DataFrame]) -> None:
    """Write the files of the hospital, the documents not included."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        if name.endswith(".csv"):
            (folder / name).write_bytes(_csv(frame))
        else:
            _workbook(folder / name, frame)


def _csv(frame: pl.DataFrame) -> bytes:
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\r\n")
    lines.writerow(frame.columns)
    lines.writerows(frame.iter_rows())
    return out.getvalue().encode("gb18030")


def _workbook(path: Path, frame: pl.DataFrame) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("出生登记")
        sheet.write_row(0, 0, frame.columns)
        for number, row in enumerate(frame.iter_rows(), start=1):
            sheet.write_row(number, 0, row)


def write_documents(folder: Path, county: County, today: date) -> None:
    """Write the hospital's documents: children's visits, laboratory reports, discharge summaries."""
    cda.write(folder / "门诊病历", documents.maternal_visits(county, today - DOCUMENTS_SINCE))
    cda.write(folder / "检验报告", documents.maternal_reports(county))
    cda.write(folder / "出院小结", documents.summaries(county, MATERNAL, None))
