"""A small real county for tests: institutions, registrations, standard rows and events through the doors of the platform."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from yigong.kit import ctx as actors
from yigong.platform.empi import api as empi
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry

COUNTY, TCM, MATERNAL, TOWN, VILLAGE = "100000001X", "1000000022", "1000000033", "1000000044", "1000000055"
INSTITUTIONS = [
    (COUNTY, "青禾县人民医院", "县医", "county_hospital"),
    (TCM, "青禾县中医医院", "中医", "tcm_hospital"),
    (MATERNAL, "青禾县妇幼保健院", "妇幼", "maternal_hospital"),
    (TOWN, "东河镇中心卫生院", "东河", "township_centre"),
    (VILLAGE, "东河镇柳树村卫生室", "柳树", "village_clinic"),
]


def institutions() -> None:
    """Register the institutions."""
    rows = [{"year": 2026, "code": c, "name": n, "short_name": s, "kind": k} for c, n, s, k in INSTITUTIONS]
    registry.save_institutions(actors.system(), pl.DataFrame(rows))


def register(name: str, orgs: list[str], **facts: Any) -> tuple[int, dict[str, int]]:
    """A person registered at *orgs*; person id and registration id by institution."""
    rows = [
        {
            "org_code": o,
            "source_system": "HIS",
            "local_id": f"{o[-3:]}-{name}-{facts.get('id_no', '')}",
            "full_name": name,
            **facts,
        }
        for o in orgs
    ]
    done = empi.register(actors.system(), pl.DataFrame(rows, infer_schema_length=None))
    ids = dict(zip(orgs, done["registration_id"].to_list(), strict=True))
    return int(done["person_id"][0]), ids


@dataclass
class History:
    """Standard rows gathered for loading, data set by data set."""

    registrations: dict[str, int]
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, data_set: str, org: str, at: datetime, group: str, **facts: Any) -> None:
        """One standard row."""
        lines = self.rows.setdefault(data_set, [])
        extra = facts.pop("extra", None)
        lines.append({
            "registration_id": self.registrations[org], "org_code": org, "source_system": "HIS",
            "source_key": f"{self.registrations[org]}-{group}-{len(lines)}",
            "group_key": f"{self.registrations[org]}-{group}", "encounter_key": facts.pop("encounter_key", None),
            "event_at": at, "extra": json.dumps(extra, ensure_ascii=False) if extra else None, **facts,
        })  # fmt: skip

    def visit(self, org: str, at: datetime, title: str, **facts: Any) -> None:
        """An outpatient visit."""
        self.add(
            "outpatient_record",
            org,
            at,
            f"v{at:%Y%m%d%H}",
            visited_at=at,
            preliminary_diagnosis_western_name=title,
            **facts,
        )

    def lab(self, org: str, at: datetime, results: list[tuple[str, str, float, str, str]], panel: str = "生化") -> None:
        """A laboratory report: (code, name, value, unit, range)."""
        for code, name, value, unit, limits in results:
            self.add(
                "laboratory_test_record", org, at, f"l{at:%Y%m%d%H}{panel}", laboratory_test_item_code=code,
                laboratory_test_quantitative_result=value, laboratory_test_quantitative_result_unit=unit,
                extra={"item_name": name, "reference_range": limits, "panel_name": panel},
            )  # fmt: skip

    def drugs(self, org: str, at: datetime, lines: list[tuple[str, str, float, str, str, int]]) -> None:
        """A prescription: (name, specification, dose, unit, frequency code, days)."""
        for name, spec, dose, unit, frequency, days in lines:
            self.add(
                "western_prescription", org, at, f"r{at:%Y%m%d%H}", medication_name=name, medication_specification=spec,
                medication_single_dose=dose, medication_dose_unit=unit, medication_frequency_code=frequency,
                medication_route_code="1", prescribed_on=at.date(), extra={"days": days},
            )  # fmt: skip

    def load(self) -> None:
        """Everything into the records, with its events."""
        system = actors.system()
        for data_set, lines in self.rows.items():
            frame = pl.DataFrame(lines, infer_schema_length=None)
            records.load(system, data_set, frame)
            records.index(system, data_set, frame)


def day(text: str, hour: int = 9) -> datetime:
    """A moment in the morning of a day."""
    return datetime.fromisoformat(text).replace(hour=hour - 8 if hour >= 8 else hour, tzinfo=UTC)


def wang_xiulan() -> tuple[int, dict[str, int]]:
    """A woman with a long history at five institutions that contradict each other."""
    person, ids = register(
        "王秀兰", [COUNTY, TCM, MATERNAL, TOWN, VILLAGE], sex_code="2", born_on=date(1959, 3, 12), id_no="532301195903120427",
        phone="13987654321", address="青禾县东河镇柳树村3组12号",
    )  # fmt: skip
    h = History(ids)
    h.visit(
        COUNTY,
        day("2019-05-06"),
        "急性支气管炎",
        preliminary_diagnosis_western_code="J20.9",
        allergy_history_flag=True,
        allergy_history="青霉素皮试阳性",
    )
    h.visit(
        TCM,
        day("2026-03-02"),
        "眩晕病",
        preliminary_diagnosis_western_code="I10.x05",
        allergy_history_flag=True,
        allergy_history="磺胺类",
    )
    h.visit(TOWN, day("2011-06-01"), "高血压", preliminary_diagnosis_western_code="I10")
    h.visit(
        TOWN,
        day("2025-12-09"),
        "高血压3级",
        preliminary_diagnosis_western_code="I10.x05",
        allergy_history="否认磺胺过敏",
    )
    for at in ("2026-02-14", "2026-04-06", "2026-05-28", "2026-09-30"):
        h.visit(TOWN, day(at), "高血压3级", preliminary_diagnosis_western_code="I10.x05")
    for at in ("2025-12-11", "2026-05-04"):
        h.visit(COUNTY, day(at), "2型糖尿病伴肾损害", preliminary_diagnosis_western_code="E11.2")
    h.add("inpatient_front_page", COUNTY, day("2026-09-06"), "z1", admitted_at=day("2026-09-06"), discharged_at=day("2026-09-15"),
          discharge_principal_diagnosis_name="高血压3级（很高危）", discharge_principal_diagnosis_code="I10.x05",
          discharge_other_diagnosis_name="慢性肾脏病3期", discharge_other_diagnosis_code="N18.3", abo_blood_group_code="4",
          inpatient_no="2026-08817", discharge_department="心内科")  # fmt: skip
    h.add("inpatient_front_page", TCM, day("2026-01-12"), "z2", admitted_at=day("2026-01-12"), discharged_at=day("2026-01-19"),
          discharge_principal_diagnosis_name="陈旧性脑梗死", discharge_principal_diagnosis_code="I69.3")  # fmt: skip
    h.add("basic_health_information", MATERNAL, day("1990-05-01"), "b1", abo_blood_group_code="1")
    egfr = [("2025-12-20", 56, COUNTY), ("2026-01-18", 54, TCM), ("2026-02-06", 55, TOWN), ("2026-03-26", 52, TOWN),
            ("2026-05-03", 49, COUNTY), ("2026-09-07", 38, COUNTY), ("2026-09-14", 41, COUNTY), ("2026-11-05", 41, COUNTY)]  # fmt: skip
    for at, value, org in egfr:
        h.lab(
            org,
            day(at),
            [
                ("33914-3", "估算肾小球滤过率", value, "mL/min/1.73m²", "≥60"),
                ("2160-0", "肌酐", 128, "μmol/L", "41-81"),
                ("2823-3", "血钾", 4.6, "mmol/L", "3.5-5.3"),
            ],
            "肾功能",
        )
    h.add(
        "examination_record",
        COUNTY,
        day("2026-01-02"),
        "i1",
        extra={"item_name": "头颅 CT 平扫"},
        examination_report_objective_findings="双侧基底节区见小片状低密度影。",
        examination_report_subjective_impression="陈旧性腔隙性脑梗死。",
    )
    h.add(
        "examination_record",
        COUNTY,
        day("2026-09-24"),
        "i2",
        extra={"item_name": "肾动脉超声"},
        examination_report_subjective_impression="未见明显狭窄。",
    )
    for at in ("2026-01-03", "2026-03-10", "2026-05-20", "2026-10-02", "2026-11-08"):
        h.add(
            "hypertension_management_2009",
            VILLAGE,
            day(at),
            f"f{at}",
            follow_up_on=date.fromisoformat(at),
            systolic_blood_pressure_mmhg=168,
            diastolic_blood_pressure_mmhg=96,
            responsible_physician_name="李建国",
        )
    for at in ("2025-11-20", "2026-02-14", "2026-04-10"):
        h.drugs(TOWN, day(at), [("氨氯地平片", "5mg", 10, "mg", "9", 75)])
    h.drugs(
        COUNTY,
        day("2026-09-15"),
        [
            ("氨氯地平片", "5mg×28片", 5, "mg", "9", 84),
            ("缬沙坦胶囊", "80mg×28粒", 80, "mg", "9", 84),
            ("阿司匹林肠溶片", "100mg×30片", 100, "mg", "9", 84),
            ("阿托伐他汀钙片", "20mg×28片", 20, "mg", "3", 84),
        ],
    )
    h.drugs(
        TOWN,
        day("2026-11-01"),
        [("二甲双胍片", "0.5g×60片", 0.5, "g", "8", 28), ("氨氯地平片", "5mg×28片", 10, "mg", "9", 28)],
    )
    h.drugs(
        TCM,
        day("2026-11-10"),
        [("甲钴胺片", "0.5mg×20片", 0.5, "mg", "8", 14), ("银杏叶片", "19.2mg×24片", 19.2, "mg", "8", 14)],
    )
    h.load()
    return person, ids


def busy(events: int = 500) -> int:
    """A person with a great many events."""
    person, ids = register(
        "欧阳买买提·阿卜杜热合曼江",
        [COUNTY, TCM, TOWN, VILLAGE],
        sex_code="1",
        born_on=date(1950, 1, 1),
        id_no="532301195001010018",
    )
    h = History(ids)
    for n in range(events):
        at = day("2026-11-20") - timedelta(hours=17 * n)
        org = (COUNTY, TOWN, VILLAGE, TCM)[n % 4]
        if n % 3:
            h.visit(
                org,
                at,
                "慢性阻塞性肺疾病伴有急性下呼吸道感染，并发呼吸衰竭、肺源性心脏病",
                preliminary_diagnosis_western_code="J44.0",
            )
        else:
            h.lab(org, at, [("6690-2", "白细胞计数", 5 + n % 9, "10^9/L", "3.5-9.5")], f"血常规{n}")
    h.load()
    return person


def newcomer() -> int:
    """A person of whom only the registration is known."""
    return register("张三丰", [COUNTY], sex_code="1", born_on=date(2026, 10, 30))[0]


def stranger() -> tuple[int, dict[str, int]]:
    """A person known only to the maternal hospital."""
    return register("赵小燕", [MATERNAL], sex_code="2", born_on=date(1990, 7, 1), id_no="532301199007010025")
