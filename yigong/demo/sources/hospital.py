"""The information systems of the two county hospitals: PostgreSQL databases with tables and columns named by pinyin initials.

The people's hospital and the TCM hospital bought from different makers: other names, other codes, other dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from yigong.demo import world
from yigong.demo.colleagues import with_colleagues
from yigong.demo.county import County
from yigong.demo.illness import COUNTY, TCM, homes_of_care
from yigong.demo.sources import particulars
from yigong.demo.treatment import diagnoses

#: a table: neutral name -> (its expression, the people's hospital's column, the TCM hospital's column)
Columns = dict[str, tuple[pl.Expr, str, str]]


@dataclass(frozen=True)
class Make:
    """How one maker writes: which names (1 or 2 of the table), sex, moments, codes."""

    org: int
    database: str
    name: int
    tables: Mapping[str, str]
    sex: Mapping[int, str]
    moment: str
    codes: Mapping[str, Mapping[str, str]]


_FREQUENCY = {"qd": "QD", "bid": "BID", "tid": "TID", "qid": "QID", "qn": "QN"}
PEOPLES = Make(
    COUNTY, "source_xrm", 1,
    {"patient": "JB_BRXX", "visit": "MZ_GHJL", "drug": "MZ_CFMX", "herb": "MZ_ZYCF", "lab": "JY_BGJG", "exam": "JC_BGD",
     "front": "ZY_BASY", "entry": "ZY_RYJL", "summary": "ZY_CYXJ", "order": "ZY_YZXX"},
    {1: "1", 2: "2"}, "%Y%m%d%H%M%S",
    {"specimen": {"全血": "X", "血清": "XQ", "血浆": "XJ", "尿液": "N"}, "frequency": _FREQUENCY},
)  # fmt: skip
CHINESE = Make(
    TCM, "source_zyy", 2,
    {"patient": "t_hz", "visit": "t_mzjz", "drug": "t_xycf", "herb": "t_zycf", "lab": "t_jyjg", "exam": "t_jcbg",
     "front": "t_basy", "entry": "t_ryjl", "summary": "t_cyxj", "order": "t_yz"},
    {1: "男", 2: "女"}, "%Y-%m-%d %H:%M:%S",
    {"specimen": {"全血": "全血", "血清": "血清", "血浆": "血浆", "尿液": "尿"},
     "frequency": {"qd": "每日一次", "bid": "每日二次", "tid": "每日三次", "qid": "每日四次", "qn": "每晚一次"}},
)  # fmt: skip
MAKES = (PEOPLES, CHINESE)


def tables(county: County, make: Make, sent_since: date) -> dict[str, pl.DataFrame]:
    """The tables of one hospital's system under its own names; summaries from *sent_since* on have gone out as documents."""
    local = _local(county, make)
    known = county.registrations.filter(pl.col("org") == make.org)
    built = {
        "patient": (known, _patient(make)),
        "visit": (_of(county.visits, make, local), _visit(make)),
        "drug": (_of(county.prescriptions, make, local), _drug(make)),
        "herb": (_of(county.formulas, make, local), _herb(make)),
        "lab": (_of(county.results, make, local), _lab(make)),
        "exam": (_of(county.imaging, make, local).with_row_index("exam"), _exam(make)),
    }
    stays = _of(county.stays, make, local)
    gone = stays.filter(pl.col("discharged_at").is_not_null())
    built |= {
        "front": (gone, _front(make)),
        "entry": (stays, _entry(make)),
        "summary": (
            gone.with_columns(pl.lit(make is PEOPLES) & (pl.col("discharged_at") >= sent_since)).rename(
                {"literal": "sent"}
            ),
            _summary(make),
        ),
        "order": (_of(county.orders, make, local), _order(make)),
    }
    return {
        make.tables[t]: frame.select(e.alias(names[make.name - 1]) for e, *names in columns.values())
        for t, (frame, columns) in built.items()
    }


def _local(county: County, make: Make) -> pl.DataFrame:
    columns = ["person", "local_id", "name", "id_no", "phone", "born_on", "allergy", "blood", "marital", "ethnic", "occupation", "village", "town",
               "group", "house", "contact_name", "contact_phone", "card_no"]  # fmt: skip
    return county.registrations.filter(pl.col("org") == make.org).select(columns)


def _of(frame: pl.DataFrame, make: Make, local: pl.DataFrame) -> pl.DataFrame:
    """Rows of one hospital with the local patient and the words of the diagnosis."""
    named = diagnoses().select(
        "dx",
        pl.col("code").alias("dx_code"),
        pl.col("name").alias("dx_name"),
        pl.col("complaint").alias("usual_complaint"),
    )
    own = (
        frame.filter(pl.col("org") == make.org)
        .join(local, on="person", maintain_order="left", suffix="_p")
        .join(named, on="dx", maintain_order="left")
    )
    if "complaint" not in own.columns:
        own = own.with_columns(pl.lit(None, dtype=pl.String).alias("complaint"))
    return with_colleagues(own.with_columns(pl.coalesce("complaint", "usual_complaint").alias("complaint")))


def _beside(make: Make, added: particulars.Particulars) -> Columns:
    """Particulars under the maker's names."""
    return {f"{name} beside": (e, pinyin.upper(), pinyin) for name, (e, pinyin, _) in added.items()}


def _moments(make: Make) -> particulars.Moment:
    return lambda at: at.dt.strftime(make.moment)


def _moment(make: Make, column: str) -> pl.Expr:
    return pl.col(column).dt.strftime(make.moment)


def _day(make: Make, column: str) -> pl.Expr:
    return pl.col(column).dt.strftime("%Y%m%d" if make is PEOPLES else "%Y-%m-%d")


def _flag(expr: pl.Expr) -> pl.Expr:
    return pl.when(expr).then(pl.lit("1")).otherwise(pl.lit("0"))


def _coded(make: Make, table: str, column: str) -> pl.Expr:
    return pl.col(column).replace_strict(make.codes[table], default=pl.col(column))


def _sex(make: Make) -> pl.Expr:
    return pl.col("sex").replace_strict(make.sex, return_dtype=pl.String)


def _number(prefix: str, column: str, digits: int = 8) -> pl.Expr:
    return pl.lit(prefix) + pl.col(column).cast(pl.String).str.zfill(digits)


def _voided() -> pl.Expr:
    return pl.lit("0")


def place_names() -> list[pl.Expr]:
    """Township, village with group, and house number of an address."""
    towns = {i: p.name for i, p in enumerate(world.places())}
    villages = {i * 100 + v: name for i, p in enumerate(world.places()) for v, name in enumerate(p.villages)}
    village = (pl.col("town") * 100 + pl.col("village")).replace_strict(villages, default="", return_dtype=pl.String)
    return [
        pl.col("town").replace_strict(towns, return_dtype=pl.String).alias("township"),
        (village + pl.col("group").cast(pl.String) + pl.lit("组")).alias("street"),
        (pl.col("house").cast(pl.String) + pl.lit("号")).alias("house_no"),
    ]


def division_code(signs: int = 12) -> pl.Expr:
    """The division code of the home village, or of its township when only nine signs are kept."""
    town = (pl.lit(world.COUNTY_CODE) + (pl.col("town") + 100).cast(pl.String)).alias("division")
    return town + (pl.col("village") + 200).cast(pl.String) if signs == 12 else town + pl.lit("000")


def _patient(make: Make) -> Columns:
    township, street, house = place_names()
    return {
        "local_id": (pl.col("local_id"), "BRID", "hzbh"), "name": (pl.col("name"), "XM", "xm"), "sex": (_sex(make), "XB", "xb"),
        "born": (_day(make, "born_on"), "CSRQ", "csrq"), "id_no": (pl.col("id_no"), "SFZH", "sfzh"), "phone": (pl.col("phone"), "LXDH", "dh"),
        "township": (township, "XZMC", "xz"), "street": (street, "CZMC", "cun"), "house": (house, "MPH", "mph"),
        "address": (pl.col("address"), "JTDZ", "dz"), "card": (pl.col("card_no"), "JKKH", "jkk"), "contact": (pl.col("contact_name"), "LXRXM", "lxr"),
        "contact_phone": (pl.col("contact_phone"), "LXRDH", "lxrdh"), "ethnic": (pl.col("ethnic"), "MZDM", "mz"),
        "marital": (pl.col("marital"), "HYZK", "hyzk"), "occupation": (pl.col("occupation"), "ZYDM", "zy"),
        "blood": (pl.col("blood").replace({"1": "A", "2": "B", "3": "O", "4": "AB"}), "XX", "xx"), "allergy": (pl.col("allergy"), "GMS", "gms"),
        "registered": (_moment(make, "registered_at"), "JDSJ", "jdsj"), "division": (division_code() if make is PEOPLES else division_code(9), "XZQH", "xzqh"),
    }  # fmt: skip


def _visit(make: Make) -> Columns:
    return {
        "visit": (_number("MZ", "visit"), "MZH", "jzh"), "local_id": (pl.col("local_id"), "BRID", "hzbh"), "name": (pl.col("name"), "XM", "xm"),
        "sex": (_sex(make), "XB", "xb"), "age": (pl.col("age").floor().cast(pl.Int64), "NL", "nl"), "department": (pl.col("department"), "KSMC", "ks"),
        "doctor": (pl.col("doctor"), "YSXM", "ys"), "at": (_moment(make, "at"), "JZSJ", "jzsj"), "first": (_flag(pl.col("first_visit")), "CZBZ", "cz"),
        "complaint": (pl.col("complaint"), "ZS", "zs"), "allergy": (pl.col("allergy"), "GMS", "gms"), "dx": (pl.col("dx_code"), "ZDBM", "zdbm"),
        "dx_name": (pl.col("dx_name"), "ZDMC", "zdmc"), "systolic": (pl.col("systolic"), "SSY", "ssy"), "diastolic": (pl.col("diastolic"), "SZY", "szy"),
        "temperature": (pl.col("temperature"), "TW", "tw"), "fee": (pl.col("fee"), "ZFY", "je"), "emergency": (_flag(pl.col("emergency")), "JZBZ", "jz"),
        "void": (_voided(), "ZFBZ", "zf"),
    } | _beside(make, particulars.visit(_moments(make)))  # fmt: skip


def _drug(make: Make) -> Columns:
    return {
        "rx": (_number("", "visit", 10), "CFH", "cfh"), "line": (pl.col("line"), "CFXH", "xh"), "visit": (_number("MZ", "visit"), "MZH", "jzh"),
        "local_id": (pl.col("local_id"), "BRID", "hzbh"), "name": (pl.col("name_p"), "XM", "xm"), "sex": (_sex(make), "XB", "xb"),
        "age": (pl.col("age").floor().cast(pl.Int64), "NL", "nl"), "at": (_moment(make, "at"), "KFSJ", "kfsj"), "department": (pl.col("department"), "KSMC", "ks"),
        "dx": (pl.col("dx_code"), "ZDBM", "zdbm"), "drug": (pl.col("name"), "YPMC", "ypmc"), "atc": (pl.col("atc"), "ATC", "atc"),
        "strength": (pl.col("strength"), "YPGG", "gg"), "form": (pl.col("form"), "JXDM", "jx"), "dose": (pl.col("dose"), "DCJL", "jl"), "unit": (pl.col("unit"), "JLDW", "dw"),
        "frequency": (_coded(make, "frequency", "frequency"), "PCDM", "pc"), "route": (pl.col("route"), "YFDM", "yf"), "days": (pl.col("days"), "TS", "ts"),
        "boxes": (pl.col("boxes"), "SL", "sl"), "amount": (pl.col("amount"), "JE", "je"), "doctor": (pl.col("doctor"), "YSXM", "ys"), "void": (_voided(), "ZFBZ", "zf"),
    } | _beside(make, particulars.drug())  # fmt: skip


def _herb(make: Make) -> Columns:
    return {
        "rx": (_number("9", "visit", 9), "CFH", "cfh"), "visit": (_number("MZ", "visit"), "MZH", "jzh"), "local_id": (pl.col("local_id"), "BRID", "hzbh"),
        "name": (pl.col("name"), "XM", "xm"), "sex": (_sex(make), "XB", "xb"), "age": (pl.col("age").floor().cast(pl.Int64), "NL", "nl"),
        "at": (_moment(make, "at"), "KFSJ", "kfsj"), "department": (pl.col("department"), "KSMC", "ks"), "dx": (pl.col("dx_code"), "ZDBM", "zdbm"),
        "disease": (pl.col("disease"), "ZYBM", "bm"), "syndrome": (pl.col("syndrome"), "ZHMC", "zh"), "herbs": (pl.col("herbs"), "YPMX", "fang"),
        "packets": (pl.col("packets"), "JS", "js"), "method": (pl.col("method"), "ZZZF", "zf_"), "amount": (pl.col("amount"), "JE", "je"),
        "doctor": (pl.col("doctor"), "YSXM", "ys"), "void": (_voided(), "ZFBZ", "zf"),
    }  # fmt: skip


def _lab(make: Make) -> Columns:
    return {
        "report": (_number("JY", "report"), "BGDH", "bgd"), "item": (pl.col("code"), "XMBH", "xm_"), "item_name": (pl.col("name"), "XMMC", "xmmc"),
        "panel": (pl.col("panel"), "BGLB", "lb"), "visit": (_number("MZ", "visit"), "MZH", "jzh"), "local_id": (pl.col("local_id"), "BRID", "hzbh"),
        "name": (pl.col("name_p"), "XM", "xm"), "sex": (_sex(make), "XB", "xb"), "age": (pl.col("age").floor().cast(pl.Int64), "NL", "nl"),
        "department": (pl.col("department"), "SQKS", "ks"), "dx": (pl.col("dx_code"), "ZDBM", "zdbm"), "specimen": (_coded(make, "specimen", "specimen"), "BBLX", "bb"),
        "sampled": (_moment(make, "sampled_at"), "CYSJ", "cysj"), "reported": (_moment(make, "reported_at"), "BGSJ", "bgsj"),
        "value": (pl.col("text"), "JG", "jg"), "unit": (pl.col("unit"), "DW", "dw"), "range": (pl.col("range"), "CKFW", "ckfw"),
        "flag": (pl.col("flag").replace({"HH": "↑↑", "H": "↑", "L": "↓", "LL": "↓↓"}), "YCTS", "ts"), "loinc": (pl.col("loinc"), "LOINC", "loinc"),
        "doctor": (pl.col("doctor"), "SQYS", "ys"), "void": (_voided(), "ZFBZ", "zf"),
    } | _beside(make, particulars.lab(_moments(make)))  # fmt: skip


def _exam(make: Make) -> Columns:
    return {
        "report": (_number("JC", "exam"), "BGDH", "bgd"), "visit": (_number("MZ", "visit"), "MZH", "jzh"), "local_id": (pl.col("local_id"), "BRID", "hzbh"),
        "name": (pl.col("name"), "XM", "xm"), "sex": (_sex(make), "XB", "xb"), "age": (pl.col("age").floor().cast(pl.Int64), "NL", "nl"),
        "department": (pl.col("department"), "SQKS", "ks"), "dx": (pl.col("dx_code"), "ZDBM", "zdbm"), "item": (pl.col("item"), "JCXM", "xm_"),
        "findings": (pl.col("findings"), "JCSJ", "sj"), "impression": (pl.col("impression"), "JCJL", "jl"), "abnormal": (_flag(pl.col("abnormal")), "YCBZ", "yc"),
        "at": (_moment(make, "at"), "JCSJ_", "jcsj"), "reported": (_moment(make, "reported_at"), "BGSJ", "bgsj"), "doctor": (pl.col("doctor"), "BGYS", "ys"),
        "void": (_voided(), "ZFBZ", "zf"),
    } | _beside(make, particulars.exam())  # fmt: skip


def _stay(make: Make) -> dict[str, tuple[pl.Expr, str, str]]:
    return {
        "stay": (_number("ZY", "stay"), "ZYH", "zyh"), "local_id": (pl.col("local_id"), "BRID", "hzbh"), "name": (pl.col("name"), "XM", "xm"),
        "sex": (_sex(make), "XB", "xb"), "age": (pl.col("age").floor().cast(pl.Int64), "NL", "nl"), "department": (pl.col("department"), "KSMC", "ks"),
        "bed": (pl.col("bed").cast(pl.String), "CWH", "cw"), "entered": (_moment(make, "admitted_at"), "RYSJ", "rysj"), "doctor": (pl.col("doctor"), "ZZYS", "ys"),
        "dx": (pl.col("dx_code"), "ZDBM", "zdbm"), "dx_name": (pl.col("dx_name"), "ZDMC", "zdmc"), "void": (_voided(), "ZFBZ", "zf"),
    }  # fmt: skip


def _front(make: Make) -> Columns:
    township, street, house = place_names()
    fees = {f"fee_{n}": (pl.col(f"fee_{n}"), f"F_{p}", f"f_{p.lower()}") for n, p in _FEE_NAMES.items()}
    return _stay(make) | {
        "left": (_moment(make, "discharged_at"), "CYSJ", "cysj"), "born": (_day(make, "born_on"), "CSRQ", "csrq"), "id_no": (pl.col("id_no"), "SFZH", "sfzh"),
        "ethnic": (pl.col("ethnic"), "MZDM", "mz"), "marital": (pl.col("marital"), "HYZK", "hyzk"), "township": (township, "XZMC", "xz"),
        "street": (street, "CZMC", "cun"), "house": (house, "MPH", "mph"), "phone": (pl.col("phone"), "LXDH", "dh"), "card": (pl.col("card_no"), "JKKH", "jkk"),
        "contact": (pl.col("contact_name"), "LXRXM", "lxr"), "contact_phone": (pl.col("contact_phone"), "LXRDH", "lxrdh"),
        "days": ((pl.col("discharged_at") - pl.col("admitted_at")).dt.total_days().clip(1), "ZYTS", "ts"), "total": (pl.col("total"), "ZFY", "zje"),
        "self": (pl.col("self_paid"), "ZFJE", "zfje"), "leaving": (pl.col("leaving"), "LYFS", "lyfs"), "route": (pl.when(pl.col("emergency")).then(pl.lit("1")).otherwise(pl.lit("2")), "RYTJ", "rytj"),
        "surgery": (pl.when(pl.col("surgery")).then(pl.col("dx_name") + pl.lit("手术")), "SSMC", "ssmc"), "blood": (pl.col("blood"), "XX", "xx"),
        "allergy": (pl.col("allergy"), "GMYW", "gmyw"), "pay": (pl.lit("2"), "FKFS", "fkfs"), **fees,
    }  # fmt: skip


_FEE_NAMES = {
    "bed": "CWF",
    "nursing": "HLF",
    "lab": "JYF",
    "imaging": "JCF",
    "treatment": "ZLF",
    "surgery": "SSF",
    "drug": "XYF",
    "tcm": "ZCYF",
    "material": "CLF",
}


def _entry(make: Make) -> Columns:
    return _stay(make) | {
        "complaint": (pl.col("complaint"), "ZS", "zs"), "history": (pl.lit("患者") + pl.col("complaint") + pl.lit("，门诊以“") + pl.col("dx_name") + pl.lit("”收入院。"), "XBS", "xbs"),
        "past": (pl.when(pl.col("allergy") != "").then(pl.lit("药物过敏史：") + pl.col("allergy")).otherwise(pl.lit("否认药物过敏史")), "GMS", "gms"),
        "temperature": (pl.col("temperature"), "TW", "tw"), "systolic": (pl.col("systolic"), "SSY", "ssy"), "diastolic": (pl.col("diastolic"), "SZY", "szy"),
        "at": (_moment(make, "admitted_at"), "JLSJ", "jlsj"),
    } | _beside(make, particulars.place() | particulars.home(*place_names()) | particulars.entry())  # fmt: skip


def _summary(make: Make) -> Columns:
    before, after = course_of("|").split("|")
    course = pl.lit(before) + pl.col("outcome").replace_strict(OUTCOMES, return_dtype=pl.String) + pl.lit(after)
    township = place_names()[0]
    advice = pl.lit("1. 规律用药；2. 低盐低脂饮食；3. 2 周后到") + township + pl.lit("卫生院复查；4. 不适随诊。")
    return _stay(make) | {
        "left": (_moment(make, "discharged_at"), "CYSJ", "cysj"), "state": (pl.col("complaint") + pl.format("，入院血压 {}/{} mmHg。", "systolic", "diastolic"), "RYQK", "ryqk"),
        "course": (course, "ZLJG", "zljg"), "outcome": (pl.col("outcome"), "ZGDM", "zg"), "advice": (advice, "CYYZ", "cyyz"),
        "days": ((pl.col("discharged_at") - pl.col("admitted_at")).dt.total_days().clip(1), "ZYTS", "ts"), "senior": (pl.col("doctor"), "SJYS", "sjys"), "sent": (_flag(pl.col("sent")), "WDFS", "wdfs"),
    } | _beside(make, particulars.place() | particulars.home(*place_names()) | particulars.summary(_moments(make)))  # fmt: skip


OUTCOMES = {"1": "痊愈", "2": "好转", "3": "稳定", "4": "无明显好转", "5": "死亡", "9": "其他"}


def course_of(outcome: str) -> str:
    """What a discharge summary says of the course."""
    return f"入院后完善相关检查，予对症支持治疗，病情{outcome}。"


def _order(make: Make) -> Columns:
    return _stay(make) | {
        "line": (pl.col("line"), "YZXH", "xh"), "kind": (pl.col("kind"), "YZLX", "lx"), "content": (pl.col("content"), "YZNR", "nr"),
        "long": (pl.when(pl.col("long")).then(pl.lit("1")).otherwise(pl.lit("2")), "CQBZ", "cq"), "ordered": (_moment(make, "ordered_at"), "KDSJ", "kdsj"),
        "stopped": (_moment(make, "stopped_at"), "TZSJ", "tzsj"), "nurse": (pl.col("nurse"), "ZXHS", "hs"),
    } | _beside(make, particulars.place() | particulars.order(_moments(make)))  # fmt: skip


def institution(make: Make) -> world.Institution:
    """The hospital of a make."""
    return homes_of_care()[make.org]
