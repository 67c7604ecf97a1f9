"""What a reader says against a row, in sentences: what was expected, what was found, what to do. Pure."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from yigong.edge.mapping.findings import NO_FINDINGS, found, merged
from yigong.edge.mapping.plan import TROUBLE, troubled
from yigong.platform.exchange.batch import Reason

ENCODING = Reason("encoding", "", "这一行有无法解码的字节", "the row has bytes that do not decode")
SHORT = Reason(
    "short", "", "这一行少列：各列可能已经错位，请对照原文件补齐后重送，或请来源机构重新导出",
    "the row has too few fields, its values may stand under wrong names: complete it from the file, or let the source export it again",
)  # fmt: skip
RAGGED = Reason(
    "ragged", "", "这一行多列：多半是文字里有没加引号的分隔符，请改正后重送，或请来源机构重新导出",
    "the row has more fields than the header, mostly a separator in a text without quotes: mend it, or let the source export it again",
)  # fmt: skip
UNFIT = Reason(
    "unfit", "", "这一行不符合设定的行格式", "the line is not as the pattern or the places of the columns say"
)
CELL = Reason(
    "cell_error", "", "单元格是 Excel 的出错值：请在工作簿里改正公式后重报，或填上正确的值再重送",
    "a cell holds an error of Excel: mend its formula and send the workbook again, or fill in the value and send the row again",
)  # fmt: skip
OTHER = Reason("unreadable", "", "这一行没有读好", "the row was not read well")
REASONS = {r.rule: r for r in (ENCODING, SHORT, RAGGED, UNFIT, CELL)}
_COUNTED = ("short", "ragged")


def findings(frame: pl.DataFrame, used: Collection[str]) -> pl.DataFrame:
    """A finding for each row with ``_trouble``; a code that is not known, of a newer node, keeps its row out too.

    An error in a cell is one where it stands in a *used* column.
    """
    if TROUBLE not in frame.columns:
        return NO_FINDINGS
    said = frame.select(pl.when(troubled(frame, used)).then(TROUBLE)).to_series()
    if said.null_count() == len(said):
        return NO_FINDINGS
    parts = (
        said.to_frame()
        .select(pl.col(TROUBLE).str.splitn(":", 2).struct.rename_fields(["code", "more"]))
        .unnest(TROUBLE)
    )
    code, more = parts.get_column("code"), parts.get_column("more").fill_null("")
    told = [found(REASONS.get(c, OTHER), code == c, more) for c in code.drop_nulls().unique().sort()]
    return merged([_worded(part) if part.item(0, "rule") in _COUNTED else part for part in told])


def _worded(part: pl.DataFrame) -> pl.DataFrame:
    """``found:wanted:surplus`` in the sentence; what is too much stays as the value."""
    split = part.select(pl.col("value").str.splitn(":", 3).struct.rename_fields(["is", "wanted", "rest"])).unnest(
        "value"
    )
    some = split.get_column("wanted").is_not_null()
    whole = part.hstack(split).with_columns(some=some)
    zh = pl.format("{}（应有 {} 列，实有 {} 列）", "zh", pl.col("wanted").fill_null(""), pl.col("is").fill_null(""))
    en = pl.format(
        "{} ({} fields expected, {} found)", "en", pl.col("wanted").fill_null(""), pl.col("is").fill_null("")
    )
    return whole.with_columns(
        zh=pl.when("some").then(zh).otherwise("zh"),
        en=pl.when("some").then(en).otherwise("en"),
        value=pl.col("rest").fill_null(""),
    ).select(part.columns)
