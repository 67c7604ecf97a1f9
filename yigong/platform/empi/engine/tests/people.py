"""Invented registrations for the tests of the engine, as hypothesis strategies and as tables."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import strategies as st

from yigong.platform.empi.engine import identity

COLUMNS = ["name", "sex", "dob", "idno", "phone", "address", "ins_no", "contact", "reg_date"]
BLANK = dict.fromkeys(COLUMNS, "")
NAMES = [
    "王秀兰",
    "王秀蓝",
    "王秀",
    "李建国",
    "李建军",
    "欧阳雪梅",
    "陈思",
    "王芳",
    "阿卜杜拉·买买提",
    "王芳之子",
    "王芳之大子",
    "王芳之小子",
]
ADDRESSES = ["泉河县石桥镇王家庄村三组12号", "石桥镇王家庄村委会3组", "石桥镇李家湾村", "", "青龙乡大桥村十一队8号"]


def number(division: str, born: date, order: int) -> str:
    """A valid identity number."""
    first17 = f"{division}{born:%Y%m%d}{order:03d}"
    return first17 + identity.check_sign(first17)


def record(**facts: str) -> dict[str, str]:
    """A registration with the facts given, all else empty."""
    return {**BLANK, **facts}


def frame(records: list[dict[str, Any]]) -> pl.DataFrame:
    """Registrations as a frame of texts."""
    return pl.DataFrame(records, schema=dict.fromkeys(COLUMNS, pl.String))


@st.composite
def registrations(draw: st.DrawFn) -> dict[str, str]:
    """One registration out of a small and confusing village."""
    born = date(1950, 3, 1) + timedelta(days=draw(st.sampled_from([0, 1, 7, 40, 27000, 27001])))
    own = number("341222", draw(st.sampled_from([born, date(1950, 3, 1)])), draw(st.integers(1, 4)))
    return record(
        name=draw(st.sampled_from(NAMES)),
        sex=draw(st.sampled_from(["男", "女", "", "1", "2"])),
        dob=draw(st.sampled_from([born.isoformat(), f"{born:%Y%m%d}", "", f"{born.year}-01-01"])),
        idno=draw(st.sampled_from([own, own, "", own[:17] + "0", own[:6] + own[8:17]])),
        phone=draw(st.sampled_from(["13912345670", "13912345671", "", "13800000000"])),
        address=draw(st.sampled_from(ADDRESSES)),
        ins_no=draw(st.sampled_from(["", "M1", "M2000000001", "M2000000002"])),
        contact=draw(st.sampled_from(["", "王芳", "李建国"])),
        reg_date=draw(st.sampled_from(["", "2024-02-01", "2020-01-01"])),
    )


villages = st.lists(registrations(), min_size=2, max_size=40)
