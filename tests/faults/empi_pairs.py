"""A process that registers persons at the same instants as its twin; started by the test, not collected."""

from __future__ import annotations

import itertools
import os
from multiprocessing.synchronize import Barrier
from typing import Any

NAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻"


def facts(n: int, org_code: str) -> dict[str, Any]:
    """Person *n* as one institution knows them: every other one without an identity number."""
    from yigong.platform.empi.identity import upgrade

    day = f"{1930 + n % 90}-{1 + n // 90 % 12:02d}-{1 + n // 1080 % 28:02d}"
    name = NAMES[n % 36] + chr(0x4E00 + n * 7 % 20000) + chr(0x4E00 + n * 13 % 19997)
    short = f"5329{n % 89 + 10}{day[2:4]}{day[5:7]}{day[8:]}{n % 499 * 2 + 1:03d}"
    return {
        "org_code": org_code, "source_system": "HIS", "local_id": str(n), "full_name": name, "sex_code": "1",
        "born_on": day, "id_no": upgrade(short) if n % 2 and n % 90 < 70 else None,
        "phone": f"139{n:08d}", "address": f"青禾县东河镇柳树村{n % 17}组{n}号",
    }  # fmt: skip


#: persons registered by one shot, in turn: one alone, as at a desk, and several at once, as a system sends them
AT_ONCE = (1, 4, 16)


def shots(numbers: list[int]) -> list[list[int]]:
    """The persons of each shot."""
    out, sizes = list[list[int]](), itertools.cycle(AT_ONCE)
    while numbers:
        size = next(sizes)
        out.append(numbers[:size])
        numbers = numbers[size:]
    return out


def run(url: str, org_code: str, numbers: list[int], together: Barrier, failures: Any) -> None:
    """Register the persons of each shot when the twin is ready to do the same; the twin may name them in another order."""
    os.environ["DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "yigong.portal.settings"
    import django
    import polars as pl

    django.setup()
    from yigong.kit.ctx import system
    from yigong.platform.empi import api

    api.match(system(), facts(0, "-"))  # everything is loaded before the first shot
    for some in shots(numbers):
        frame = pl.DataFrame([facts(n, org_code) for n in (some if org_code < "E" else some[::-1])])
        together.wait(timeout=120)
        try:
            api.register(system(), frame)
        except Exception as error:
            failures.put(f"{org_code} {some}: {error!r}")
