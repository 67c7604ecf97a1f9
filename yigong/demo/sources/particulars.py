"""What a source keeps beside the essentials of a visit and shared documents ask for: staff on duty, ward and room, findings.

Everything follows from columns that are there, nothing is drawn: the county stays the same. What a patient does not have
(a specimen of an X-ray, an operation that was not done) stays empty.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from yigong.demo import world

POSTAL_CODE = "679998"  # assigned to no place
Moment = Callable[[pl.Expr], pl.Expr]
#: neutral name -> expression, what the hospitals' makers call it, what the township system calls it
Particulars = dict[str, tuple[pl.Expr, str, str]]

_PER_DAY = {"qd": 1, "bid": 2, "tid": 3, "qid": 4, "qn": 1}
_METHODS = {
    "血常规": "流式细胞计数法",
    "尿常规": "干化学法",
    "凝血": "凝固法",
    "甲功": "化学发光法",
    "糖化": "高效液相色谱法",
}
_EXAMINED = (  # signs in the name of the item, method, department
    ("CT", "平扫", "放射科"),
    ("X线", "正侧位摄片", "放射科"),
    ("心电图", "十二导联体表心电图", "心电图室"),
    ("心脏", "经胸超声", "超声科"),
    ("彩超", "体表超声", "超声科"),
)
_OPERATIONS = {"K35": "47.01", "K80": "51.23", "K81": "51.23", "S72": "79.35", "S82": "79.36", "S52": "79.32"}


def visit(moment: Moment) -> Particulars:
    """Of a visit to the doctor: present illness, and the order that the nurse carries out."""
    at = pl.col("at")
    told = pl.lit("患者") + pl.col("complaint") + pl.lit("，病程中精神、饮食、睡眠可，二便如常，体重无明显变化。")
    return {
        "request": (_numbered("SQ", "visit"), "sqdh", "reqno"),
        "present": (told, "xbs", "hpi"),
        "allergic": (_flag(pl.col("allergy").fill_null("") != ""), "gmbz", "alg_yn"),
        "order_kind": (pl.lit("05"), "yzlx", "ordtp"),
        "order": (pl.lit("测量生命体征，健康教育"), "yznr", "ordtx"),
        "order_at": (moment(at), "yzsj", "orddt"),
        "order_checked": (moment(at + pl.duration(minutes=2)), "shsj", "chkdt"),
        "order_checker": (pl.col("second_nurse"), "shhs", "chkrn"),
        "order_done": (moment(at + pl.duration(minutes=6)), "zxsj", "exedt"),
        "order_nurse": (pl.col("nurse"), "zxhs", "exern"),
        "order_state": (pl.lit("已执行"), "zxzt", "exest"),
    }


def drug() -> Particulars:
    """Of a line of a prescription: total dose, group, and the four pharmacists."""
    dose = pl.col("dose") * pl.col("frequency").replace_strict(_PER_DAY, default=1, return_dtype=pl.Int64)
    remark = (
        pl.when(pl.col("days") >= 28).then(pl.lit("慢性病长期处方，按时复诊")).otherwise(pl.lit("按时用药，不适随诊"))
    )
    return {
        "total": ((dose * pl.col("days")).round(2), "zjl", "totd"),
        "valid": (pl.lit(3), "yxts", "vald"),
        "group": (pl.col("line").cast(pl.String), "yzzh", "grp"),
        "remark": (remark, "bz", "rmk"),
        "reviewing": (pl.col("pharmacist_reviewing"), "shys", "ph_rv"),
        "preparing": (pl.col("pharmacist_preparing"), "tpys", "ph_pr"),
        "checking": (pl.col("pharmacist_checking"), "hdys", "ph_ck"),
        "dispensing": (pl.col("pharmacist_dispensing"), "fyys", "ph_ds"),
    }


def lab(moment: Moment) -> Particulars:
    """Of a result: request, method, the specimen on its way, who measured and who answers for it."""
    method = pl.col("panel").map_elements(method_of, return_dtype=pl.String)
    arrived = pl.col("sampled_at") + (pl.col("reported_at") - pl.col("sampled_at")) / 4
    return {
        "request": (_numbered("SQ", "report"), "sqdh", "reqno"),
        "method": (method, "jyff", "meth"),
        "specimen_state": (pl.lit("合格"), "bbzt", "spst"),
        "received": (moment(arrived.cast(pl.Datetime("ms"))), "jssj", "rcv_dt"),
        "abnormal": (pl.when(pl.col("flag") != "").then(pl.lit("1")), "jgdm", "abn"),
        "lab_department": (pl.lit("检验科"), "bgks", "rptdept"),
        "technician": (pl.col("laboratory_technician"), "jyjs", "tech"),
        "physician": (pl.col("laboratory_physician"), "jyys", "lbdr"),
    }


def method_of(panel: str) -> str:
    """How a panel is measured."""
    return next((named for sign, named in _METHODS.items() if sign in panel), "酶法与比色法")


def exam() -> Particulars:
    """Of an examination: request, complaint, method, department, who examined and who reviewed the report."""
    return {
        "request": (_numbered("SQ", "exam"), "sqdh", "reqno"),
        "complaint": (pl.col("complaint"), "zs", "cc"),
        "symptom": (pl.lit("患者") + pl.col("complaint") + pl.lit("，为明确诊断申请检查。"), "zzms", "symp"),
        "special": (pl.lit("0"), "tsjc", "spec_yn"),
        "method": (_of_item(1, "常规检查"), "jcff", "meth"),
        "code": (pl.lit("JC") + (pl.col("item").rank("dense").cast(pl.String).str.zfill(3)), "xmdm", "itcd"),
        "process": (pl.lit("核对身份与检查部位，检查过程顺利，患者无不适。"), "zlgc", "proc"),
        "report_department": (_of_item(2, "医学影像科"), "bgks", "rptdept"),
        "remark": (pl.lit("本报告供临床医师参考，请结合临床。"), "bz", "rmk"),
        "reviewing": (pl.col("reviewing_physician"), "shys", "rvdr"),
        "examining": (pl.col("examining_physician"), "jcys", "exdr"),
    }


def place() -> Particulars:
    """Where a patient in hospital lies; the bed the system keeps already."""
    room = 300 + (pl.col("bed") - 1) // 3 + 1
    return {"ward": (_ward(), "bq", "ward"), "room": (room.cast(pl.String), "bf", "room")}


def home(township: pl.Expr, street: pl.Expr, house: pl.Expr) -> Particulars:
    """Where a patient lives, in the parts that a document has."""
    return {
        "province": (pl.lit(world.PROVINCE), "dzsf", "prov"), "city": (pl.lit(world.CITY), "dzs", "city"),
        "county": (pl.lit(world.COUNTY), "dzx", "cnty"), "township": (township, "dzxz", "town"),
        "street": (street, "dzc", "vill"), "house": (house, "dzmp", "hno"), "postal": (pl.lit(POSTAL_CODE), "yb", "zip"),
        "occupation": (pl.col("occupation"), "zydm", "occ"), "marital": (pl.col("marital"), "hydm", "mar"),
        "card": (pl.col("card_no"), "jkk", "card"),
    }  # fmt: skip


def entry() -> Particulars:
    """Of an admission: histories, pulse, the examination from head to foot, the doctors."""
    chest = pl.when(pl.col("dx_code").str.starts_with("J")).then(pl.lit("胸廓对称，双肺呼吸音粗，可闻及散在湿啰音。")).otherwise(
        pl.lit("胸廓对称，双肺呼吸音清，未闻及干湿啰音；心律齐。"))  # fmt: skip
    belly = pl.when(pl.col("dx_code").str.starts_with("K")).then(pl.lit("腹平软，局部压痛，无反跳痛，肝脾未触及。")).otherwise(
        pl.lit("腹平软，无压痛及反跳痛，肝脾未触及。"))  # fmt: skip
    infectious = pl.col("dx_code").str.contains("^(A|B0|B1)")
    return {
        "reliable": (pl.lit("1"), "kkbz", "rel"),
        "diseases": (pl.lit("否认重大外伤史；慢性病史见既往就诊记录。"), "jbs", "pmh"),
        "infectious": (_flag(infectious), "crbz", "inf"),
        "infections": (pl.lit("否认肝炎、结核等传染病史。"), "crbs", "infh"),
        "pulse": (64 + (pl.col("systolic") * 7) % 27, "ml", "pr"),
        "skin": (pl.lit("皮肤黏膜无黄染，未见皮疹及出血点。"), "tjpf", "pe1"),
        "nodes": (pl.lit("全身浅表淋巴结未触及肿大。"), "tjlb", "pe2"),
        "head": (pl.lit("头颅无畸形，双侧瞳孔等大等圆，对光反射灵敏。"), "tjtb", "pe3"),
        "neck": (pl.lit("颈软，气管居中，甲状腺不大。"), "tjjb", "pe4"),
        "chest": (chest, "tjxb", "pe5"),
        "belly": (belly, "tjfb", "pe6"),
        "spine": (pl.lit("脊柱生理弯曲存在，无压痛及叩击痛。"), "tjjz", "pe7"),
        "limbs": (pl.lit("四肢活动自如，双下肢无水肿。"), "tjsz", "pe8"),
        "nerves": (pl.lit("生理反射存在，病理反射未引出。"), "tjsj", "pe9"),
        "attending": (pl.col("attending"), "zrys", "attd"),
    }


def order(moment: Moment) -> Particulars:
    """Of an order in hospital: weight, until when, who checked and carried it out, its request or group."""
    end = pl.coalesce("stopped_at", pl.col("ordered_at") + pl.duration(days=1))
    state = pl.when(pl.col("long") & pl.col("stopped_at").is_null()).then(pl.lit("执行中")).otherwise(pl.lit("已完成"))
    remark = pl.when(pl.col("long")).then(pl.lit("按长期医嘱每日执行")).otherwise(pl.lit("当日执行"))
    line = pl.col("line").cast(pl.String)
    return {
        "weight": ((46 + (pl.col("person") * 37 % 340) / 10).round(1), "tz", "wt"),
        "planned_end": (moment(end), "jhjs", "ord_end"),
        "remark": (remark, "bz", "rmk"),
        "state": (state, "zxzt", "exest"),
        "done": (moment(pl.col("ordered_at") + pl.duration(minutes=20)), "zxsj", "exedt"),
        "checked": (moment(pl.col("ordered_at") + pl.duration(minutes=8)), "hdsj", "chkdt"),
        "checker": (pl.col("second_nurse"), "hdhs", "chkrn"),
        "executing": (_ward(), "zxks", "exedept"),
        "request": (pl.when(pl.col("kind") == "22").then(_numbered("SQ", "stay") + line), "sqdh", "reqno"),
        "group": (pl.when(pl.col("kind") == "11").then(line), "yzzh", "grp"),
    }


def summary(moment: Moment) -> Particulars:
    """Of a discharge: how the patient left, and the operation where one was done."""
    done = pl.col("surgery").fill_null(value=False)
    code = pl.col("dx_code").str.slice(0, 3).replace_strict(_OPERATIONS, default=None, return_dtype=pl.String)

    def of(value: pl.Expr) -> pl.Expr:
        return pl.when(done).then(value)

    return {
        "signs": (pl.lit("生命体征平稳，") + pl.col("complaint") + pl.lit("较入院时缓解。"), "cyzz", "dcsx"),
        "operation": (of(code), "ssdm", "opcd"),
        "operated": (of(moment(pl.col("admitted_at") + pl.duration(hours=20))), "sssj", "opdt"),
        "incision": (of(pl.lit("3")), "qklb", "incis"),
        "healing": (of(pl.lit("1")), "qkyh", "heal"),
        "anesthesia": (of(pl.lit("1")), "mzff", "anes"),
        "operation_course": (of(pl.lit("麻醉满意后消毒铺巾，手术过程顺利，出血少，术后安返病房。")), "ssgc", "optx"),
    }


def _ward() -> pl.Expr:
    return pl.col("department") + pl.lit("病区")


def _flag(expr: pl.Expr) -> pl.Expr:
    return pl.when(expr).then(pl.lit("1")).otherwise(pl.lit("0"))


def _numbered(prefix: str, column: str) -> pl.Expr:
    return pl.lit(prefix) + pl.col(column).cast(pl.String).str.zfill(9)


def _of_item(column: int, otherwise: str) -> pl.Expr:
    """What the first of the known signs in the item's name says."""
    found = pl.lit(otherwise)
    for row in reversed(_EXAMINED):
        found = pl.when(pl.col("item").str.contains(row[0])).then(pl.lit(row[column])).otherwise(found)
    return found
