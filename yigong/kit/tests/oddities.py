"""Messages of HL7 v2 with everything that stands wrongly in hospitals, drawn at random and kept small."""

from __future__ import annotations

from random import Random

KINDS = ["ORU^R01", "ORU^R01^ORU_R01", "ADT^A01", "ADT^A40^ADT_A39", "ORM^O01", "SIU^S12", "MDM^T02", "QBP^Q22", "", "or^r01", "ORU", "OR&U^R01", "A\\F\\T"]  # fmt: skip
PROCESSINGS = ["P", "P", "P", "P", "p", " P ", "T", "D", "", "X", "P^A"]
VERSIONS = ["2.4", "2.5.1", "2.5", "2.9", "", "3.0", " 2.4", "2.5^CHN"]
MOMENTS = ["20260301083000", "20260301", "202603010830", "", "20260230", "20261301", "20260301250000", "20260301083061", "20260301083000.123", "20260301083000+0800",
    "20260301083000+9900", "2026-03-01", "2026", "202602", "00000000", "0000", "-", '""', "20260301~20260302", "2026030108^x", "去年", "20240229", "20230229", "  20260301 ", "20\\X32\\60301"]  # fmt: skip
BIRTHS = [*MOMENTS, "18491231", "18500101", "20991231", "19600101", "19600101", "19600101"]
SEXES = ["M", "F", "1", "", "m", "男", "女性", "male", "X", "-", '""', "M^x", "M~F", "\\T\\", "NULL", " F "]
NUMBERS = [
    "P77",
    "P77^^^LIS~33^^^ID",
    "",
    "^^^LIS",
    '""',
    "-",
    "NULL",
    "~P8",
    "^~P8",
    "\\F\\",
    " ",
    "P&7",
    "&7",
    "NULL~P9",
]
VALUES = [
    "5.6",
    "12",
    "",
    '""',
    "<0.5",
    "≥3",
    "＞ 4",
    "+1",
    "-0.3",
    ".5",
    "5.",
    "5,6",
    "阴性",
    "5.6^x",
    "60~120",
    "1e5",
    " 7 ",
    "5\\E\\",
    "1.2.3",
    "<",
    "٣",
]
SIGNS = ["|^~\\&"] * 12 + ["|^~\\&#", "#^~\\&", "|$~\\&", "|^~", "|"]


def message(dice: Random) -> str:
    """One message; most of its fields as they should be, in some messages nearly all."""
    signs, odd = dice.choice(SIGNS), dice.choice([0.01, 0.05, 0.25])
    text = "\r".join(line for line in _lines(dice, odd) if line)
    text = f"MSH{signs}{text[8:]}"
    return text.replace("|", signs[0]) if signs[0] != "|" else text


def _lines(dice: Random, odd: float) -> list[str]:
    def mostly(pool: list[str], usual: str) -> str:
        return dice.choice(pool) if dice.random() < odd else usual

    head = ["MSH", "^~\\&", "LIS", "100000001X", "YG", "C", mostly(MOMENTS, "20260301083000"), "", mostly(KINDS, dice.choice(KINDS[:5])),
        mostly(["", " ", "7", "^8", "~"], "77"), mostly(PROCESSINGS, "P"), mostly(VERSIONS, "2.4")]  # fmt: skip
    lines = ["|".join(head[: dice.choice([10, 11, 12, 12, 12, 12, 12, 12, 12])])]
    if dice.random() < 0.3:
        lines.append(f"EVN||{mostly(MOMENTS, '20260301')}||||{mostly(MOMENTS, '20260301')}")
    if dice.random() < 0.95:
        pid = [
            "PID",
            "1",
            mostly(NUMBERS, ""),
            mostly(NUMBERS, "P77"),
            "",
            "测试",
            "",
            mostly(BIRTHS, "19600101"),
            mostly(SEXES, "M"),
        ]
        lines.append("|".join(pid[: dice.choice([3, 4, 8, 9, 9, 9, 9, 9])]))
    if dice.random() < 0.3:
        lines.append("PV1|1|O" + "|" * 42 + mostly(MOMENTS, "20260301") + "|" + mostly(MOMENTS, ""))
    lines += [f"ORC|NW|{dice.choice(['A1', ''])}"] if dice.random() < 0.5 else []
    lines += [dice.choice(["SCH|S1", "SCH||S2", "SCH|", "SCH"])] if dice.random() < 0.3 else []
    lines += ["TXA|1|CN" + "|" * 10 + dice.choice(["D9", ""])] if dice.random() < 0.3 else []
    lines += [dice.choice(["MRG|P66", "MRG|", "MRG|^^^X"])] if dice.random() < 0.3 else []
    for n in range(dice.choice([0, 1, 1, 2])):
        lines.append(f"OBR|{n}|A{n}|B{n}|PNL|||{mostly(MOMENTS, '20260301080000')}" + "|" * 15 + mostly(MOMENTS, ""))
    for n in range(dice.choice([0, 1, 2, 3])):
        kind = mostly(["ST", "TX", "", "nm", "NM^x"], "NM")
        lines.append(f"OBX|{n}|{kind}|WBC^白细胞||{mostly(VALUES, '5.6')}" + dice.choice(["|10*9/L|", ""]))
    lines += ["OBX|9|NM", "OBX"] if dice.random() < 0.05 else []
    return lines
