"""The regional laboratory sends HL7 v2.5 messages (ORU^R01) in files, in the name of the centre that asked for the tests."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from yigong.demo import laboratory
from yigong.demo.colleagues import with_colleagues
from yigong.demo.county import County
from yigong.demo.illness import COMMUNITY, homes_of_care
from yigong.demo.laboratory import LOCAL_PANELS
from yigong.demo.sources import particulars
from yigong.demo.treatment import diagnoses

CHARSETS = (("UNICODE UTF-8", "utf-8"), ("GB18030", "gb18030"))
LABORATORY = "青禾县区域检验中心"
SPECIMENS = {"全血": "BLD", "血清": "SER", "血浆": "PLAS", "尿液": "UR"}  # HL7 table 0487
CORRECTED = "C"  # ends the control id of a message that corrects
_SEX = {1: "M", 2: "F"}


def results(county: County) -> pl.DataFrame:
    """The result rows that the regional laboratory reports, with the patient as the centre wrote him."""
    facts = county.registrations.select(
        "org", "person", "local_id", "name", "id_no", "born_on", "phone", "address", "card_no"
    )
    named = diagnoses().select("dx", pl.col("code").alias("dx_code"), pl.col("name").alias("dx_name"))
    sent = county.results.filter((pl.col("org") >= COMMUNITY) & ~pl.col("panel").is_in(LOCAL_PANELS))
    sent = sent.with_columns(pl.col("org").cast(pl.Int64)).rename({"name": "item_name"})
    return (
        with_colleagues(sent.join(facts, on=["org", "person"], maintain_order="left"))
        .join(named, on="dx", maintain_order="left")
        .sort("org", "reported_at", "report", maintain_order=True)
    )


def printed_first(frame: pl.DataFrame) -> pl.DataFrame:
    """The results as the laboratory reported them before it noticed its mistakes."""
    first = pl.coalesce("first_value", "value").alias("value")
    return laboratory.flagged(frame.with_columns(first)).select(frame.columns)


def corrections(frame: pl.DataFrame) -> pl.DataFrame:
    """The reports with a mistake, whole and right, as they are sent again."""
    wrong = frame.filter(pl.col("first_value").is_not_null()).select("org", "report").unique()
    return frame.join(wrong, on=["org", "report"], how="semi", maintain_order="left")


def files(frame: pl.DataFrame, *, corrected: bool = False) -> dict[str, bytes]:
    """File name -> content: one file for each centre and month; *corrected*: the reports replace those sent before."""
    out: dict[str, list[bytes]] = {}
    for _report, items in groupby(frame.iter_rows(named=True), key=lambda r: (r["org"], r["report"])):
        rows = list(items)
        org = homes_of_care()[rows[0]["org"]]
        name, charset = f"{org.code[:8]}-{rows[0]['reported_at']:%Y%m}.hl7", CHARSETS[rows[0]["org"] % 2]
        out.setdefault(name, []).append(message(rows, charset[0], corrected=corrected).encode(charset[1]))
    return {name: b"".join(parts) for name, parts in out.items()}


def escape(text: object) -> str:
    """The text with the signs that mean something in a message replaced."""
    said = "" if text is None else str(text)
    for sign, code in (("\\", "E"), ("|", "F"), ("^", "S"), ("&", "T"), ("~", "R")):
        said = said.replace(sign, f"\\{code}\\")
    return said


def message(items: list[dict[str, Any]], charset: str, *, corrected: bool = False) -> str:
    """One report as a message; a corrected one comes two hours later and marks what differs (OBX-11, table 0085)."""
    first = items[0]
    org, at = homes_of_care()[first["org"]], f"{first['reported_at']:%Y%m%d%H%M%S}"
    number = f"L{first['report']:09d}"
    sent, control, status = at, number, "F"
    if corrected:
        sent, control, status = f"{first['reported_at'] + timedelta(hours=2):%Y%m%d%H%M%S}", number + CORRECTED, "C"
    ids = (
        f"{first['local_id']}^^^{org.code}^PI"
        + (f"~{first['id_no']}^^^^NI" if first["id_no"] else "")
        + (f"~{first['card_no']}^^^^HC" if first["card_no"] else "")
    )
    lines = [
        f"MSH|^~\\&|LIS-QY|{org.code}|YGT|QH000001-X|{sent}||ORU^R01^ORU_R01|{control}|P|2.5|||AL|NE|CHN|{charset}",
        f"PID|1||{ids}||{escape(first['name'])}||{first['born_on']:%Y%m%d}|{_SEX[first['sex']]}|||{escape(first['address'])}||{first['phone']}",
        f"PV1|1|O|{escape(first['department'])}||||^{escape(first['doctor'])}||||||||||||V{first['visit']:08d}",
        f"ORC|RE|V{first['visit']:08d}|{number}",
        f"OBR|1|V{first['visit']:08d}|{number}|{escape(first['panel'])}^{escape(first['panel'])}^L|||{first['sampled_at']:%Y%m%d%H%M%S}|||||||||"
        f"^{escape(first['doctor'])}||||||{at}|||{status}|||||||||&{escape(first['laboratory_technician'])}",
        f"DG1|1|I10|{first['dx_code']}^{escape(first['dx_name'])}^ICD10",
        *(_item(n, item, at, corrected=corrected) for n, item in enumerate(items, start=1)),
        f"SPM|1|||{SPECIMENS.get(first['specimen'], '')}^{escape(first['specimen'])}^HL70487|||||||||||||{first['sampled_at']:%Y%m%d%H%M%S}|"
        f"{first['sampled_at'] + timedelta(minutes=50):%Y%m%d%H%M%S}||||||^合格",
    ]
    return "".join(f"{line}\r" for line in lines)


def _item(number: int, item: dict[str, Any], at: str, *, corrected: bool) -> str:
    status = "C" if corrected and item["first_value"] is not None else "F"
    kind = "NM" if item["value"] is not None else "ST"
    flag = item["flag"] or "N"
    return (
        f"OBX|{number}|{kind}|{escape(item['code'])}^{escape(item['item_name'])}^L^{item['loinc']}^^LN||{escape(item['text'])}|"
        f"{escape(item['unit'])}|{escape(item['range'])}|{flag}|||{status}|||{at}|JYK^检验科|"
        f"^{escape(item['laboratory_physician'])}|^{particulars.method_of(item['panel'])}||||||{LABORATORY}"
    )


def write(folder: Path, contents: dict[str, bytes]) -> None:
    """Put the files into *folder*, made anew."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.hl7"):
        old.unlink()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
