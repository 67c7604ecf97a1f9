"""Whether two Chinese names mean one thing: the words of a document beside the words of a data set."""

from __future__ import annotations

import re
from functools import lru_cache

from yigong.kit.text import narrow

#: endings that say the kind of a value, not what it is about
ENDINGS = re.compile(r"(代码|编码|名称|标识|签名|签字|姓名|编号|标志|日期时间|日期|时间|描述|记录|号码|号)+$")
SIGNS = re.compile(r"[\s()\[\]（）【】\-_/、,，.:：;；\"'“”]+")
SAME = (
    ("门急诊", "门诊"),
    ("医生", "医师"),
    ("药剂师", "药师"),
    ("检查验", "检验"),
    ("病人", "患者"),
    ("住址", "地址"),
    ("接受", "接收"),
    ("辩证", "辨证"),
    ("创作者", "作者"),
    ("综合医疗服务费", "综合医疗服务类"),
)


@lru_cache(maxsize=20_000)
def core(name: str) -> str:
    """The name without signs, units and endings."""
    own = narrow(name).rpartition("--")[2].replace("类-", "-")  # 体格检查--体温（℃）, 诊断类-病理诊断费
    bare = SIGNS.sub("", re.sub(r"\((?:[a-zA-Z/%℃]+|次/min|元)\)", "", own))
    for other, word in SAME:
        bare = bare.replace(other, word)
    return ENDINGS.sub("", bare) or bare


@lru_cache(maxsize=100_000)
def likeness(one: str, other: str) -> float:
    """1 for the same name, above 0.5 where one plainly says the other, 0 for strangers."""
    if not one or not other:
        return 0.0
    if narrow(one) == narrow(other):
        return 1.0
    a, b = core(one), core(other)
    if a == b:
        return 0.95
    if a in b or b in a:
        return 0.6 + 0.3 * min(len(a), len(b)) / max(len(a), len(b))
    pairs_a, pairs_b = _pairs(a), _pairs(b)
    shared = len(pairs_a & pairs_b)
    return 2 * shared / ((len(pairs_a) + len(pairs_b)) or 1) * 0.8


def _pairs(name: str) -> frozenset[str]:
    return frozenset(name[i : i + 2] for i in range(len(name) - 1))


def best_likeness(words: list[str], names: list[str]) -> float:
    """The greatest likeness of any of *words* to any of *names*."""
    return max((likeness(word, name) for word in words for name in names), default=0.0)
