"""What makes registrations comparable: standard form, block keys, rules that decide by themselves. Pure, columnar."""

from __future__ import annotations

import polars as pl

from yigong.kit.text import initials, pinyin
from yigong.platform.empi.frames import stable_hash
from yigong.platform.empi.identity import with_numbers

AUTO, REVIEW = "auto", "review"
PLACEHOLDER = r"(之[子女]|[大小]?[宝婴儿]+$|无名|不详|未知|待查|未取名)"
#: block rules: number -> columns that must all be the same
RULES: dict[int, tuple[str, ...]] = {
    1: ("id_no",),
    2: ("name_key", "born_on"),
    3: ("name_key", "phone"),
    4: ("health_card_no",),
    5: ("born_on", "phone"),
    6: ("name_key", "village_code", "sex_code"),
}
COMPARED = ["full_name", "name_key", "sex_code", "born_on", "id_no", "id_trust", "phone", "health_card_no", "address"]


def standardise(frame: pl.DataFrame) -> pl.DataFrame:
    """An arranged frame with ``name_key, name_initials, id_trust, village_code`` and numbers in one form."""
    names = frame.get_column("full_name").unique().drop_nulls()
    keys = pl.DataFrame(
        {
            "full_name": names,
            "name_key": [pinyin(n).replace(" ", "") or None for n in names],
            "name_initials": [initials(n) or None for n in names],
        },
        schema={"full_name": pl.String, "name_key": pl.String, "name_initials": pl.String},
    )
    digits = pl.col("phone", "contact_phone").str.replace_all(r"\D", "").str.replace(r"^(0086|86)(1\d{10})$", "$2")
    return with_numbers(
        frame.join(keys, on="full_name", how="left", maintain_order="left").with_columns(
            digits, pl.col("division_code").alias("village_code")
        )
    )


def block_keys(frame: pl.DataFrame) -> pl.DataFrame:
    """``row, rule, key``: registrations that share a key are compared."""
    frame = frame.with_row_index("row")
    parts = [_keys(frame, rule, columns) for rule, columns in RULES.items()]
    return pl.concat(parts)


def _keys(frame: pl.DataFrame, rule: int, columns: tuple[str, ...]) -> pl.DataFrame:
    known = frame.drop_nulls(list(columns))
    if rule == 1:
        known = known.filter(pl.col("id_trust") != "shared")
    text = pl.concat_str([pl.lit(str(rule)), *(pl.col(c).cast(pl.String) for c in columns)], separator="|")
    return pl.DataFrame(
        {"row": known["row"], "rule": pl.Series([rule], dtype=pl.Int16).extend_constant(rule, known.height - 1)
         if known.height else pl.Series([], dtype=pl.Int16), "key": stable_hash(known.select(text).to_series())},
        schema={"row": pl.UInt32, "rule": pl.Int16, "key": pl.Int64},
    )  # fmt: skip


def score(pairs: pl.DataFrame) -> pl.DataFrame:
    """Adds ``score`` and ``band`` to pairs whose columns stand twice, the second time with the ending ``_right``."""

    def same(name: str) -> pl.Expr:
        return (pl.col(name) == pl.col(f"{name}_right")).fill_null(value=False)

    usable = pl.col("id_trust").is_in(["trusted", "other"]) & pl.col("id_trust_right").is_in(["trusted", "other"])
    number = usable & same("id_no")
    clash = (pl.col("id_trust") == "trusted") & (pl.col("id_trust_right") == "trusted") & ~same("id_no")
    placeholder = pl.col("full_name").str.contains(PLACEHOLDER) | pl.col("full_name_right").str.contains(PLACEHOLDER)
    name, born, phone = same("name_key"), same("born_on"), same("phone")
    card = same("health_card_no")
    return pairs.with_columns(
        pl.when(clash).then(pl.when(name & born & phone).then(4.0).otherwise(-20.0))
        .when(number & name).then(30.0)
        .when(card & name & (born | phone)).then(22.0)
        .when(name & born & phone & ~placeholder.fill_null(value=True)).then(18.0)
        .when(number & born).then(10.0)
        .when(number).then(7.0)
        .when(name & born & same("sex_code") & ~placeholder).then(6.0)
        .when(card & name).then(6.0)
        .when(born & phone).then(4.0)
        .otherwise(-5.0).alias("score")
    ).with_columns(
        pl.when(pl.col("score") >= 12).then(pl.lit(AUTO))
        .when(pl.col("score") >= 3).then(pl.lit(REVIEW))
        .otherwise(pl.lit("none")).alias("band")
    )  # fmt: skip


def sort_of_question(pairs: pl.DataFrame) -> pl.DataFrame:
    """``left, right, score, kind, risk`` of pairs for the review queue; a high risk is a grave mistake if joined wrongly."""
    clash = (pl.col("id_trust") == "trusted") & (pl.col("id_trust_right") == "trusted")
    clash &= pl.col("id_no") != pl.col("id_no_right")
    placeholder = pl.col("full_name").str.contains(PLACEHOLDER) | pl.col("full_name_right").str.contains(PLACEHOLDER)
    same_birth = pl.col("born_on") == pl.col("born_on_right")
    other_name = pl.col("full_name") != pl.col("full_name_right")
    sound = pl.col("name_key") == pl.col("name_key_right")
    number = pl.col("id_no") == pl.col("id_no_right")
    untrusted = pl.col("id_trust").is_in(["bad", "doubtful", "shared"])
    untrusted |= pl.col("id_trust_right").is_in(["bad", "doubtful", "shared"])
    kind = (
        pl.when(clash & same_birth).then(pl.lit("twins"))
        .when(clash).then(pl.lit("numbers"))
        .when(placeholder).then(pl.lit("newborn"))
        .when(number & ~sound).then(pl.lit("borrowed"))
        .when(untrusted).then(pl.lit("doubtful"))
        .when(other_name & sound).then(pl.lit("homophone"))
        .when(~same_birth).then(pl.lit("birth"))
        .otherwise(pl.lit("alike"))
    )  # fmt: skip
    risk = pl.col("kind").replace_strict(RISK, default=1, return_dtype=pl.Int16)
    return pairs.with_columns(kind.alias("kind")).select("left", "right", "score", "kind", risk.alias("risk"))


#: how grave a wrong join would be
RISK = {"twins": 3, "numbers": 3, "borrowed": 3, "newborn": 2, "doubtful": 2, "birth": 1, "homophone": 1, "alike": 1}
