"""The system of the township and community centres: one SQLite file each, columns abbreviated from English, codes of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from yigong.demo.colleagues import with_colleagues
from yigong.demo.county import County
from yigong.demo.illness import COMMUNITY, homes_of_care
from yigong.demo.laboratory import LOCAL_PANELS
from yigong.demo.sources import particulars
from yigong.demo.sources.hospital import division_code, place_names
from yigong.demo.treatment import diagnoses

MOMENT = "%Y/%m/%d %H:%M"
DAY = "%Y/%m/%d"
_SEX = {1: "M", 2: "F"}
_FREQUENCY = {"qd": "1/D", "bid": "2/D", "tid": "3/D", "qid": "4/D", "qn": "1/N"}
_WAY = {"1": "OP", "2": "HV", "3": "TEL"}
_ADHERENCE = {"1": "REG", "2": "IRR", "3": "NO"}


def centres() -> range:
    """Places of the centres in ``homes_of_care``."""
    return range(COMMUNITY, len(homes_of_care()))


def tables(county: County) -> dict[str, pl.DataFrame]:
    """The tables of all centres, each with the centre's place in ``org``."""
    known = county.registrations.filter(pl.col("org") >= COMMUNITY)
    people = county.people.select("person", "htn", "dm")
    return {
        "pat": _patients(known.join(people, on="person", maintain_order="left")),
        "opd": _visits(_of(county.visits, known)),
        "rx_item": _drugs(_of(county.prescriptions, known)),
        "rx_tcm": _herbs(_of(county.formulas, known)),
        "lab_item": _lab(_of(county.results.filter(pl.col("panel").is_in(LOCAL_PANELS)), known)),
        "img_rpt": _imaging(_of(county.imaging, known).with_row_index("exam")),
        "ipd": _stays(_of(county.stays, known)),
        "fu_htn": _follow_up(_of(county.hypertension, known, dx=False)),
        "fu_dm": _follow_up(_of(county.diabetes, known, dx=False)).drop("bp_ok"),
        "pe_adult": _examinations(_of(county.examinations, known, dx=False)),
        "vac": _vaccinations(_of(county.vaccinations, known, dx=False)),
    }


def _of(frame: pl.DataFrame, known: pl.DataFrame, *, dx: bool = True) -> pl.DataFrame:
    facts = known.select(
        "org",
        "person",
        "local_id",
        "name",
        "id_no",
        "sex",
        "born_on",
        "phone",
        "allergy",
        "town",
        "village",
        "group",
        "house",
    )
    own = frame.filter(pl.col("org") >= COMMUNITY).with_columns(pl.col("org").cast(pl.Int64))
    own = own.join(facts, on=["org", "person"], maintain_order="left", suffix="_p")
    named = diagnoses().select(
        "dx", pl.col("code").alias("dx_code"), pl.col("name").alias("dx_name"), pl.col("complaint").alias("usual")
    )
    if not dx:
        return own
    own = own.join(named, on="dx", maintain_order="left")
    told = pl.coalesce("complaint", "usual") if "complaint" in own.columns else pl.col("usual")
    return with_colleagues(own.with_columns(told.alias("complaint")))


def _beside(added: particulars.Particulars) -> list[pl.Expr]:
    """Particulars under the system's names."""
    return [expr.alias(name) for expr, _, name in added.values()]


def _moments(at: pl.Expr) -> pl.Expr:
    return at.dt.strftime(MOMENT)


def _sex() -> pl.Expr:
    return pl.col("sex").replace_strict(_SEX, return_dtype=pl.String).alias("sex")


def _age() -> pl.Expr:
    return pl.col("age").floor().cast(pl.Int64).alias("age")


def _moment(column: str, name: str) -> pl.Expr:
    return pl.col(column).dt.strftime(MOMENT).alias(name)


def _day(column: str, name: str) -> pl.Expr:
    return pl.col(column).dt.strftime(DAY).alias(name)


def _number(prefix: str, column: str) -> pl.Expr:
    return pl.lit(prefix) + pl.col(column).cast(pl.String).str.zfill(8)


def _allergy_code() -> pl.Expr:
    named = pl.col("allergy").fill_null("")
    return pl.when(named.str.starts_with("青霉素")).then(pl.lit("PEN")).when(named.str.starts_with("磺胺")).then(pl.lit("SUL")).when(
        named.str.starts_with("头孢")).then(pl.lit("CEF"))  # fmt: skip


def _patients(frame: pl.DataFrame) -> pl.DataFrame:
    township, street, house = place_names()
    illness = pl.when("htn").then(pl.lit("HTN")).when("dm").then(pl.lit("DM")).otherwise(pl.lit("NONE"))
    return frame.select(
        "org", pl.col("local_id").alias("pid"), pl.col("name").alias("nm"), _sex(), _day("born_on", "dob"), pl.col("id_no").alias("idno"),
        pl.col("phone").alias("tel"), township.alias("town"), street.alias("vill"), house.alias("hno"), pl.col("address").alias("addr"),
        pl.col("ethnic").alias("nation"), pl.col("marital").alias("mar"), pl.col("blood").alias("abo"), pl.col("contact_name").alias("ct_nm"),
        pl.col("contact_phone").alias("ct_tel"), pl.col("card_no").alias("card"), pl.col("allergy").alias("alg_txt"), _allergy_code().alias("alg"),
        pl.when(pl.col("allergy") != "").then(pl.lit("Y")).otherwise(pl.lit("N")).alias("alg_yn"), illness.alias("chronic"),
        _moment("registered_at", "reg_dt"), division_code().alias("div"), pl.lit("N").alias("del"),
    )  # fmt: skip


def _visits(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        "org", _number("V", "visit").alias("vno"), pl.col("local_id").alias("pid"), pl.col("name").alias("nm"), _sex(), _age(), pl.col("department").alias("dept"),
        pl.col("doctor").alias("dr"), _moment("at", "vdt"), pl.when("first_visit").then(pl.lit("Y")).otherwise(pl.lit("N")).alias("first"),
        pl.col("complaint").alias("cc"), pl.col("allergy").alias("alg"), pl.col("dx_code").alias("icd"), pl.col("dx_name").alias("dx"),
        pl.col("systolic").alias("sbp"), pl.col("diastolic").alias("dbp"), pl.col("temperature").alias("t"), pl.col("fee"), pl.lit("N").alias("del"),
        *_beside(particulars.visit(_moments)),
    )  # fmt: skip


def _drugs(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        "org", _number("", "visit").alias("rxno"), pl.col("line").alias("ln"), _number("V", "visit").alias("vno"), pl.col("local_id").alias("pid"),
        pl.col("name_p").alias("nm"), _sex(), _age(), _moment("at", "rxdt"), pl.col("department").alias("dept"), pl.col("dx_code").alias("icd"),
        pl.col("name").alias("drug"), pl.col("atc"), pl.col("strength").alias("spec"), pl.col("form"), pl.col("dose"), pl.col("unit"),
        pl.col("frequency").replace_strict(_FREQUENCY).alias("freq"), pl.col("route"), pl.col("days"), pl.col("boxes").alias("qty"), pl.col("amount").alias("amt"),
        pl.col("doctor").alias("dr"), pl.lit("N").alias("del"),
        *_beside(particulars.drug()),
    )  # fmt: skip


def _herbs(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        "org", _number("9", "visit").alias("rxno"), _number("V", "visit").alias("vno"), pl.col("local_id").alias("pid"), pl.col("name").alias("nm"), _sex(), _age(),
        _moment("at", "rxdt"), pl.col("department").alias("dept"), pl.col("dx_code").alias("icd"), pl.col("disease").alias("tcm_dx"),
        pl.col("syndrome").alias("tcm_syn"), pl.col("herbs"), pl.col("packets").alias("pkt"), pl.col("method").alias("meth"), pl.col("amount").alias("amt"),
        pl.col("doctor").alias("dr"), pl.lit("N").alias("del"),
    )  # fmt: skip


def _lab(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        "org", _number("L", "report").alias("rptno"), pl.col("code").alias("item"), pl.col("name").alias("item_nm"), pl.col("panel"), _number("V", "visit").alias("vno"),
        pl.col("local_id").alias("pid"), pl.col("name_p").alias("nm"), _sex(), _age(), pl.col("department").alias("dept"), pl.col("dx_code").alias("icd"),
        pl.col("specimen").replace_strict({"全血": "WB", "尿液": "UR", "血清": "SE", "血浆": "PL"}).alias("spcm"), _moment("sampled_at", "smp_dt"),
        _moment("reported_at", "rpt_dt"), pl.col("text").alias("val"), pl.col("unit"), pl.col("range").alias("ref"), pl.col("flag"), pl.col("doctor").alias("dr"),
        pl.lit("N").alias("del"),
        *_beside(particulars.lab(_moments)),
        pl.col("org").replace_strict({i: o.name for i, o in enumerate(homes_of_care())}, return_dtype=pl.String).alias("rptorg"),
    )  # fmt: skip


def _imaging(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        "org", _number("I", "exam").alias("rptno"), _number("V", "visit").alias("vno"), pl.col("local_id").alias("pid"), pl.col("name").alias("nm"), _sex(), _age(),
        pl.col("department").alias("dept"), pl.col("dx_code").alias("icd"), pl.col("item"), pl.col("findings").alias("find"), pl.col("impression").alias("impr"),
        pl.when("abnormal").then(pl.lit("A")).otherwise(pl.lit("N")).alias("abn"), _moment("at", "ex_dt"), _moment("reported_at", "rpt_dt"),
        pl.col("doctor").alias("dr"), pl.lit("N").alias("del"),
        *_beside(particulars.exam()),
    )  # fmt: skip


def _stays(frame: pl.DataFrame) -> pl.DataFrame:
    gone = frame.filter(pl.col("discharged_at").is_not_null())
    return gone.select(
        "org", _number("H", "stay").alias("ino"), pl.col("local_id").alias("pid"), pl.col("name").alias("nm"), _sex(), _age(), _day("born_on", "dob"),
        pl.col("id_no").alias("idno"), pl.col("department").alias("dept"), _moment("admitted_at", "in_dt"), _moment("discharged_at", "out_dt"),
        pl.col("dx_code").alias("icd"), pl.col("dx_name").alias("dx"), (pl.col("discharged_at") - pl.col("admitted_at")).dt.total_days().clip(1).alias("los"),
        pl.col("total").alias("fee"), pl.col("self_paid").alias("self"), pl.col("fee_drug").alias("drug_fee"), pl.col("leaving").alias("way_out"),
        pl.col("doctor").alias("dr"), pl.lit("N").alias("del"),
    )  # fmt: skip


def _follow_up(frame: pl.DataFrame) -> pl.DataFrame:
    township, street, _house = place_names()
    return frame.select(
        "org", _number("F", "follow_up").alias("funo"), pl.col("local_id").alias("pid"), pl.col("name").alias("nm"), _sex(), pl.col("id_no").alias("idno"),
        township.alias("town"), street.alias("vill"), _day("on", "fudt"), pl.col("way").replace_strict(_WAY).alias("way"), pl.col("systolic").alias("sbp"),
        pl.col("diastolic").alias("dbp"), pl.col("glucose").alias("fbg"), pl.col("weight").alias("wt"), pl.col("height").alias("ht"),
        (pl.col("weight") / (pl.col("height") / 100) ** 2).round(1).alias("bmi"), pl.col("smokes").alias("cig"),
        pl.col("adherence").replace_strict(_ADHERENCE).alias("adh"), pl.when("well").then(pl.lit("OK")).otherwise(pl.lit("POOR")).alias("eval"),
        pl.when("well").then(pl.lit("Y")).otherwise(pl.lit("N")).alias("bp_ok"), pl.col("doctor").alias("dr"), pl.lit("N").alias("del"),
    )  # fmt: skip


def _examinations(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        "org", _number("E", "examination").alias("peno"), pl.col("local_id").alias("pid"), pl.col("name").alias("nm"), _sex(), _day("born_on", "dob"),
        pl.col("id_no").alias("idno"), _day("on", "pedt"), pl.col("height").alias("ht"), pl.col("weight").alias("wt"), pl.col("bmi"), pl.col("waist"),
        pl.col("pulse").alias("hr"), pl.col("systolic").alias("sbp"), pl.col("diastolic").alias("dbp"), pl.col("glucose").alias("fbg"),
        pl.col("creatinine").alias("cr"), pl.col("cholesterol").alias("tc"), pl.col("hemoglobin").alias("hb"), _complaint().alias("symp"), pl.col("doctor").alias("dr"), pl.lit("N").alias("del"),
    )  # fmt: skip


def _complaint() -> pl.Expr:
    """What the examined complains of, ICD-10: dizzy with a high pressure, tired where the blood is thin, else nothing."""
    high, thin = pl.col("systolic") >= 160, pl.col("hemoglobin") < 110
    return pl.when(high).then(pl.lit("R42")).when(thin).then(pl.lit("R53")).otherwise(pl.lit("Z00.0"))


def _vaccinations(frame: pl.DataFrame) -> pl.DataFrame:
    township, street, _house = place_names()
    return frame.select(
        "org", _number("J", "vaccination").alias("vacno"), pl.col("local_id").alias("pid"), pl.col("name").alias("nm"), _sex(), _day("born_on", "dob"),
        pl.col("id_no").alias("idno"), township.alias("town"), street.alias("vill"), _day("on", "vacdt"), (pl.lit("V") + pl.col("vaccine")).alias("vac"),
        pl.col("dose").alias("dose_no"), pl.col("lot"), pl.col("doctor").alias("dr"), pl.lit("N").alias("del"),
    )  # fmt: skip


def write(path: Path, frames: Mapping[str, pl.DataFrame]) -> None:
    """Make the file *path* anew and put the tables into it, in one transaction."""
    path.unlink(missing_ok=True)
    db = sqlite3.connect(path)
    db.execute("pragma journal_mode = off")
    db.execute("pragma synchronous = off")
    with db:
        for name, frame in frames.items():
            _table(db, name, frame)
    db.close()


def _table(db: sqlite3.Connection, name: str, frame: pl.DataFrame) -> None:
    kinds = ", ".join(f'"{c}" {"text" if t == pl.String else "numeric"}' for c, t in frame.schema.items())
    db.execute(f'create table "{name}" ({kinds})')
    db.executemany(f'insert into "{name}" values ({", ".join("?" * frame.width)})', frame.iter_rows())
