"""Tables about signs, made once and kept in the cache: folding, sounds, signs that look alike, lunar days."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yigong.platform.empi.engine import dates
from yigong.platform.empi.engine.kernels import cache_folder, held

SIZE = 0x33000
ALIKE = Path(__file__).parent / "models" / "alike.txt"

COMPOUND = [
    "欧阳",
    "司马",
    "上官",
    "诸葛",
    "夏侯",
    "东方",
    "皇甫",
    "尉迟",
    "公孙",
    "慕容",
    "令狐",
    "司徒",
    "司空",
    "端木",
    "独孤",
    "南宫",
    "万俟",
    "闻人",
    "赫连",
    "澹台",
    "公冶",
    "宗政",
    "濮阳",
    "淳于",
    "单于",
    "太叔",
    "申屠",
    "仲孙",
    "轩辕",
    "钟离",
    "宇文",
    "长孙",
    "鲜于",
    "闾丘",
    "亓官",
    "东郭",
    "南门",
    "呼延",
    "羊舌",
    "微生",
    "梁丘",
    "左丘",
    "西门",
    "百里",
    "东门",
    "第五",
    "拓跋",
    "夹谷",
    "完颜",
    "纳兰",
    "叶赫",
]
OLD_FORMS = [
    "陳陈",
    "張张",
    "劉刘",
    "楊杨",
    "黃黄",
    "趙赵",
    "吳吴",
    "孫孙",
    "馬马",
    "鄭郑",
    "謝谢",
    "許许",
    "韓韩",
    "馮冯",
    "鄧邓",
    "蕭萧",
    "葉叶",
    "閻阎",
    "蘇苏",
    "盧卢",
    "蔣蒋",
    "賈贾",
    "鄒邹",
    "陸陆",
    "龍龙",
    "萬万",
    "錢钱",
    "嚴严",
    "賴赖",
    "龐庞",
    "顏颜",
    "莊庄",
    "聶聂",
    "魯鲁",
    "歐欧",
    "關关",
    "蘭兰",
    "寧宁",
    "紀纪",
    "單单",
    "畢毕",
    "塗涂",
    "駱骆",
    "藍蓝",
    "遊游",
    "國国",
    "偉伟",
    "華华",
    "麗丽",
    "艷艳",
    "鳳凤",
    "蓮莲",
    "蘭兰",
    "貴贵",
    "榮荣",
    "雲云",
    "興兴",
    "學学",
    "鵬鹏",
    "飛飞",
    "傑杰",
    "強强",
    "軍军",
    "東东",
    "紅红",
    "靜静",
    "寶宝",
    "義义",
    "豐丰",
    "廣广",
    "慶庆",
    "勝胜",
    "發发",
    "財财",
    "賢贤",
    "順顺",
    "愛爱",
    "蕓芸",
    "瓊琼",
    "瑩莹",
    "穎颖",
    "蔭荫",
    "鐵铁",
    "銀银",
    "鋼钢",
    "鋒锋",
    "錦锦",
    "鑫鑫",
    "瑤瑶",
    "濤涛",
    "澤泽",
    "潔洁",
    "輝辉",
    "煒炜",
    "燁烨",
    "綺绮",
    "綠绿",
    "維维",
    "嬌娇",
    "婭娅",
    "嫻娴",
    "芃芃",
    "薔蔷",
    "薩萨",
    "齊齐",
    "樂乐",
    "曉晓",
    "暉晖",
    "時时",
    "書书",
    "會会",
    "長长",
    "開开",
    "陽阳",
    "階阶",
    "雙双",
    "靈灵",
    "頌颂",
    "願愿",
    "風风",
    "騰腾",
    "驥骥",
    "鴻鸿",
    "麥麦",
    "龔龚",
    "傅傅",
    "蓋盖",
    "樊樊",
    "區区",
    "畫画",
    "祿禄",
    "禮礼",
    "禎祯",
    "積积",
    "穩稳",
    "筆笔",
    "篤笃",
    "紹绍",
    "經经",
    "綱纲",
    "緒绪",
    "羅罗",
    "聖圣",
    "聰聪",
    "肅肃",
    "舉举",
    "芻刍",
    "葦苇",
    "蒼苍",
    "衛卫",
    "記记",
    "訓训",
    "詩诗",
    "誠诚",
    "諾诺",
    "議议",
    "譽誉",
    "貝贝",
    "貞贞",
    "質质",
    "贊赞",
    "軒轩",
    "輕轻",
    "農农",
    "運运",
    "達达",
    "遠远",
    "選选",
    "郵邮",
    "鄉乡",
    "釗钊",
    "鈞钧",
    "銘铭",
    "鎮镇",
    "鐘钟",
    "鍾钟",
    "門门",
    "間间",
    "閔闵",
    "際际",
    "雋隽",
    "電电",
    "韋韦",
    "韻韵",
    "頤颐",
    "顯显",
    "饒饶",
    "駿骏",
    "魚鱼",
    "鮑鲍",
    "鳴鸣",
    "鶴鹤",
    "黨党",
    "喬乔",
    "啟启",
    "嶽岳",
    "崗岗",
    "巖岩",
    "從从",
    "應应",
    "懷怀",
    "戰战",
    "擁拥",
    "樑梁",
    "棟栋",
    "棗枣",
    "森森",
    "橋桥",
    "歡欢",
    "歲岁",
    "氣气",
    "永永",
    "漢汉",
    "滿满",
    "潤润",
    "炳炳",
    "煥焕",
    "熱热",
    "爾尔",
    "環环",
]


@dataclass(frozen=True)
class Tables:
    """All tables, as kernels want them."""

    fold: NDArray[np.int32]
    sounds: NDArray[np.int16]
    kin: NDArray[np.int16]
    alike: NDArray[np.int64]
    compound: NDArray[np.int64]
    lunar: NDArray[np.int64]


@lru_cache(maxsize=1)
def load() -> Tables:
    """The tables from the cache, made when they are not there."""
    digest = hashlib.blake2b(Path(__file__).read_bytes() + ALIKE.read_bytes(), digest_size=8)
    digest.update(Path(dates.__file__).read_bytes())
    folder = cache_folder() / f"tables-{digest.hexdigest()}"
    if not (folder / "lunar.npy").exists():
        _write(folder)
    parts = {f: held(np.load(folder / f"{f}.npy", mmap_mode="r")) for f in Tables.__dataclass_fields__}
    return Tables(**parts)


def _write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sounds, kin = _sounds()
    pairs = sorted((ord(a) << 21) | ord(b) for a, b in COMPOUND)
    made = {"fold": _fold(), "sounds": sounds, "kin": kin, "alike": _alike(), "compound": np.array(pairs, np.int64)}
    for name, table in {**made, "lunar": dates.lunar_table()}.items():
        part = folder / f".{name}.{os.getpid()}.npy"
        np.save(part, table)
        part.replace(folder / f"{name}.npy")


def _fold() -> NDArray[np.int32]:
    table = np.zeros(SIZE, np.int32)
    for point in range(1, SIZE):
        table[point] = _folded(chr(point))
    for old, new in OLD_FORMS:
        table[ord(old)] = ord(new)
    return table


def _folded(sign: str) -> int:
    kind = unicodedata.category(sign)
    if kind[0] == "Z" or sign in "\t\n\r":
        return 0x20
    if kind[0] in "PSCM" and sign not in "〇":
        return 0
    plain = unicodedata.normalize("NFKD" if ord(sign) < 0x250 else "NFKC", sign)[:1].lower()
    return ord(plain) if plain and len(plain) == 1 else 0


def _sounds() -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    from pypinyin.pinyin_dict import pinyin_dict

    table, kin, ids = np.zeros(SIZE, np.int16), np.zeros(1024, np.int16), dict[str, int]()
    for letter in "abcdefghijklmnopqrstuvwxyz0123456789":
        table[ord(letter)] = kin[len(ids) + 1] = ids.setdefault(f"={letter}", len(ids) + 1)
    kinds: dict[str, int] = {}
    for point, readings in sorted(pinyin_dict.items()):
        plain = _toneless(readings.split(",")[0])
        if point >= SIZE or not plain:
            continue
        number = ids.setdefault(plain, len(ids) + 1)
        table[point] = number
        kin[number] = kinds.setdefault(dialect(plain), len(kinds) + 100)
    assert len(ids) < 1024
    return table, kin


def _toneless(syllable: str) -> str:
    apart = unicodedata.normalize("NFD", syllable.replace("ü", "v"))
    return re.sub(r"[^a-z]", "", "".join(c for c in apart if not unicodedata.combining(c)).lower())


def dialect(syllable: str) -> str:
    """What a syllable sounds like where n and l, h and f, flat and curled tongue, -n and -ng are not told apart."""
    heard = re.sub(r"^([zcs])h", r"\1", syllable)
    heard = re.sub(r"^l", "n", heard)
    heard = re.sub(r"^hu(?=.)|^hu$|^f", "f", heard)
    return re.sub(r"([aei]n)g$", r"\1", heard)


def _alike() -> NDArray[np.int64]:
    table, number = np.zeros(SIZE, np.int64), 0
    for line in ALIKE.read_text("utf-8").splitlines():
        for group in [] if line.startswith("#") else line.split():
            number += 1
            for sign in set(group):
                held = int(table[ord(sign)])
                place = next((i for i in range(3) if (held >> (16 * i)) & 0xFFFF == 0), None)
                if place is not None:
                    table[ord(sign)] = held | (number << (16 * place))
    return table
