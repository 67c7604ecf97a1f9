"""What is done at a visit: western and Chinese prescriptions, imaging, admissions with their orders."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from yigong.demo import world
from yigong.demo.illness import COMMUNITY, MATERNAL, TCM

#: fees of an admission and the share each part usually has
FEES = {
    "bed": 0.06,
    "nursing": 0.07,
    "lab": 0.14,
    "imaging": 0.12,
    "treatment": 0.15,
    "surgery": 0.13,
    "drug": 0.24,
    "tcm": 0.03,
    "material": 0.06,
}


def diagnoses() -> pl.DataFrame:
    """The table of illnesses with its row number as ``dx``."""
    return pl.DataFrame(world.table("diagnoses")).with_row_index("dx").with_columns(pl.col("dx").cast(pl.Int64))


def _words(column: str, name: str) -> pl.DataFrame:
    listed = diagnoses().select("dx", pl.col(column).str.split(" ").alias(name)).explode(name)
    return listed.filter(pl.col(name).is_not_null() & (pl.col(name) != ""))


def prescriptions(rng: np.random.Generator, visits: pl.DataFrame) -> pl.DataFrame:
    """A row for each western drug prescribed: visit, drug, days, quantity, amount."""
    drugs = pl.DataFrame(world.table("drugs")).with_columns(
        pl.col("dose", "price").cast(pl.Float64), pl.col("days").cast(pl.Int64)
    )
    lines = visits.join(_words("drugs", "name"), on="dx", maintain_order="left_right").join(
        drugs, on="name", maintain_order="left"
    )
    lines = lines.filter(pl.Series(rng.random(len(lines)) < 0.72))
    boxes = np.where(lines["days"].to_numpy() >= 28, 1, rng.integers(1, 3, len(lines)))
    return lines.with_columns(
        pl.Series("boxes", boxes),
        (pl.col("price") * pl.Series(boxes)).round(2).alias("amount"),
        pl.col("name").cum_count().over("visit").alias("line"),
    )


def formulas(rng: np.random.Generator, visits: pl.DataFrame) -> pl.DataFrame:
    """A row for each Chinese prescription: disease, pattern, method, the herbs with their doses, number of packets."""
    table = pl.DataFrame(world.table("formulas")).with_columns(pl.col("diagnoses").str.split(" ")).explode("diagnoses")
    known = diagnoses().select("dx", pl.col("code").alias("diagnoses")).join(table, on="diagnoses").select(
        "dx", "disease", "syndrome", "method", "herbs"
    )  # fmt: skip
    chance = rng.random(len(visits)) < np.where(visits["org"].to_numpy() == TCM, 0.62, 0.08)
    lines = visits.filter(pl.Series(chance) & (pl.col("org") != MATERNAL)).join(known, on="dx", maintain_order="left")
    packets = rng.choice([3, 5, 7, 7, 10, 14], len(lines))
    return lines.with_columns(
        pl.col("herbs").str.replace_all(r"(\d+)", " ${1}g").alias("herbs"),
        pl.Series("packets", packets),
        (pl.Series(packets) * pl.Series(rng.uniform(11, 26, len(lines)))).round(2).alias("amount"),
    )


_FINDINGS = {
    "胸部CT": ("双肺纹理增多，右下肺见斑片状密度增高影，边界模糊，纵隔淋巴结未见肿大。", "右下肺炎症，建议治疗后复查。"),
    "胸部X线": ("双肺纹理增粗紊乱，双肺门不大，心影形态正常，双侧膈面光滑。", "支气管炎征象。"),
    "头颅CT": ("双侧基底节区见小片状低密度影，脑室系统未见扩张，中线结构居中。", "双侧基底节区腔隙性脑梗死。"),
    "心电图": ("窦性心律，心率 78 次/分，V4 至 V6 导联 ST 段轻度压低。", "窦性心律，ST-T 改变。"),
    "心脏彩超": ("左房增大，左室舒张功能减低，二尖瓣少量反流，左室射血分数 52%。", "左室舒张功能减低。"),
    "腹部彩超": ("肝脏形态正常，回声细密；胆囊内见强回声团伴声影；胰脾双肾未见异常。", "胆囊结石。"),
    "泌尿系彩超": ("双肾大小正常，右肾集合系统见 5 mm 强回声，无积水。", "右肾小结石。"),
    "妇科彩超": ("子宫前位，大小正常，内膜厚 8 mm，双侧附件区未见包块。", "子宫附件未见明显异常。"),
    "甲状腺彩超": ("甲状腺右叶见 6 mm 低回声结节，边界清，未见钙化。", "甲状腺右叶结节，TI-RADS 3 类。"),
}  # fmt: skip
_PLAIN = ("骨质密度减低，关节间隙变窄，骨质边缘见增生，未见明确骨折线。", "退行性改变。")
_NORMAL = ("所示结构形态、大小及密度未见明显异常。", "未见明显异常。")


def imaging(rng: np.random.Generator, visits: pl.DataFrame) -> pl.DataFrame:
    """A row for each examination: item, findings, impression, whether it is abnormal."""
    item = diagnoses().select("dx", pl.col("exam").alias("item")).filter(pl.col("item") != "")
    lines = visits.filter(
        pl.Series(rng.random(len(visits)) < np.where(visits["org"].to_numpy() < COMMUNITY, 0.42, 0.10))
    )
    lines = lines.join(item, on="dx", maintain_order="left").filter(
        (pl.col("org") < COMMUNITY) | ~pl.col("item").str.contains("CT")
    )
    abnormal = rng.random(len(lines)) < 0.62
    said = [(_FINDINGS.get(i, _PLAIN) if bad else _NORMAL) for i, bad in zip(lines["item"], abnormal, strict=True)]
    return lines.with_columns(
        pl.Series("findings", [f for f, _ in said], dtype=pl.String),
        pl.Series("impression", [i for _, i in said], dtype=pl.String),
        pl.Series("abnormal", abnormal),
        (pl.col("at") + pl.duration(minutes=pl.lit(pl.Series(rng.integers(40, 600, len(lines)))))).alias("reported_at"),
    )


def admissions(rng: np.random.Generator, visits: pl.DataFrame, today: date) -> pl.DataFrame:
    """A row for each stay in hospital; ``discharged_at`` is null for those still in."""
    org, serious = visits["org"].to_numpy(), visits["serious"].to_numpy()
    rate = np.where(org < COMMUNITY, 0.62, 0.14)
    lines = visits.filter(pl.Series(rng.random(len(visits)) < serious * rate))
    size = len(lines)
    stay = np.clip(rng.gamma(3.2, 2.5, size) + 4 * (lines["serious"].to_numpy() > 0.85), 1, 45)
    entered = lines["at"] + pl.Series((rng.uniform(0.5, 3, size) * 3600_000).astype("timedelta64[ms]"))
    left = entered + pl.Series((stay * 86400_000).astype(np.int64).astype("timedelta64[ms]"))
    daily = np.where(lines["org"].to_numpy() < COMMUNITY, 640, 265) * rng.lognormal(0, 0.25, size)
    surgery = lines.select(pl.col("department").is_in(["普外科", "骨科", "骨伤科", "外科"])).to_series().to_numpy() & (
        rng.random(size) < 0.5
    )
    total = (daily * stay + np.where(surgery, rng.uniform(2200, 6800, size), 0)).round(2)
    end = pl.lit(today).cast(pl.Datetime("ms"))
    return lines.with_columns(
        entered.alias("admitted_at"),
        pl.when(left < end).then(left).alias("discharged_at"),
        pl.Series("total", total),
        pl.Series("self_paid", (total * rng.uniform(0.24, 0.42, size)).round(2)),
        pl.Series("surgery", surgery),
        pl.Series("outcome", rng.choice(np.array(["1", "2", "2", "2", "3", "4"]), size)),
        pl.Series("leaving", rng.choice(np.array(["1", "1", "1", "1", "1", "3", "2", "4"]), size)),
        pl.Series("bed", rng.integers(1, 60, size)),
        *(pl.Series(f"fee_{n}", (total * share).round(2)) for n, share in FEES.items()),
    ).with_row_index("stay")


_STANDING = (
    "内科护理常规",
    "二级护理",
    "低盐低脂饮食",
    "测血压、脉搏 每日二次",
    "生化全套检查",
    "氯化钠注射液 250ml 静脉滴注 每日一次",
)


def orders(rng: np.random.Generator, stays: pl.DataFrame) -> pl.DataFrame:
    """A row for each order of a stay: standing ones, and the drugs of the illness."""
    standing = pl.DataFrame(
        {
            "content": _STANDING,
            "kind": ["26", "26", "27", "26", "22", "11"],
            "long": [True, True, True, True, False, True],
        }
    )
    lines = stays.select("stay", "dx").join(standing, how="cross")
    drugs = (
        stays.select("stay", "dx")
        .join(_words("drugs", "content"), on="dx")
        .with_columns(pl.lit("11").alias("kind"), pl.lit(True).alias("long"))
    )
    both = pl.concat([lines, drugs.select(lines.columns)]).sort("stay", maintain_order=True)
    both = both.with_columns(pl.col("content").cum_count().over("stay").alias("line"))
    minutes = rng.integers(10, 150, len(both))
    return (
        both.drop("dx")
        .join(stays, on="stay", maintain_order="left")
        .with_columns(
            (pl.col("admitted_at") + pl.duration(minutes=pl.lit(pl.Series(minutes)))).alias("ordered_at"),
            pl.when(pl.col("long")).then(pl.col("discharged_at")).alias("stopped_at"),
        )
    )
