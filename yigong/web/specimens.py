"""Invented facts for the page of components: every component with every state."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from yigong.kit.clock import now, today
from yigong.web import parts

COUNTY = {"name": "青禾县人民医院", "short_name": "县医", "kind": "county_hospital"}
TCM = {"name": "青禾县中医医院", "short_name": "中医", "kind": "tcm_hospital"}
MATERNAL = {"name": "青禾县妇幼保健院", "short_name": "妇幼", "kind": "maternal_hospital"}
TOWN = {"name": "东河镇卫生院", "short_name": "东河", "kind": "township_centre"}
VILLAGE = {"name": "柳树村卫生室", "short_name": "柳树", "kind": "village_clinic"}
COMMUNITY = {"name": "城关社区卫生服务中心", "short_name": "社区", "kind": "community_centre"}
RESIDENT = {"name": "居民与家庭", "short_name": "居民", "kind": "resident"}
INSTITUTIONS = (COUNTY, TCM, MATERNAL, COMMUNITY, TOWN, VILLAGE, RESIDENT)

STATES = (
    ("idle", "未开始", "草稿、未到、未接入、已作废"),
    ("wait", "待接收", "待审、候诊、已排"),
    ("run", "进行中", "接诊中、采集中、检测中"),
    ("ok", "已接收", "在控、账平、已签、已发布"),
    ("warn", "还剩 18 分", "迟到、差值大、须减量、疑似误送"),
    ("bad", "超时", "失败、失控、静默、逾期、缺数"),
    ("hold", "待补材料", "质控扣留、已锁定、拒绝联系"),
    ("unk", "未核查", "数据不足、无前值；绝不写成无问题"),
    ("crit", "危急值", "禁用、急"),
)

PERSON = parts.Person(
    name="王秀兰",
    sex="女",
    born_on=date(1959, 3, 12),
    id_no="532301195903120428",
    note="6 个机构已归并",
    url="#",
    allergies=[parts.Allergy("青霉素", "皮试阳性 2019", COUNTY)],
    problems=[
        parts.Problem("高血压 3 级", "2011"),
        parts.Problem("2 型糖尿病", "2015"),
        parts.Problem("慢性肾脏病 G3b", "2025"),
        parts.Problem("陈旧性脑梗死", "2023"),
    ],
    risk="很高危",
    risk_note="4 项依据 · 规则 v3.2",
    due=[parts.Due("眼底检查", "逾期 41 天"), parts.Due("肾功能复查", "12-04 前")],
    conflicts=["磺胺：两处记录不一致"],
    doctor="家庭医生：李建国团队（东河镇卫生院）· 签约至 2027-03",
)
UNASKED = parts.Person(name="买买提·艾力", sex="男", born_on=date(2026, 11, 3), id_no="", allergies=None)
RARE = parts.Person(name="𠮷㛃䶮", sex="女", born_on=date(2026, 3, 3), id_no="532301202603030000", allergies=[])


def _lanes() -> list[parts.Lane]:
    def ago(days: int) -> date:
        return today() - timedelta(days=days)

    return [
        parts.Lane(
            COUNTY,
            [
                parts.Mark(ago(330), "visit", "心内科门诊", "#v1"),
                parts.Mark(ago(318), "lab", "肾功能", "#l1"),
                parts.Mark(ago(300), "image", "头颅 CT", "#i1"),
                parts.Mark(ago(77), "stay", "住院 9 天，高血压 3 级", "#s1", until=ago(68), tone="bad", on=True),
                parts.Mark(ago(-12), "visit", "心内科复诊", "#v2", planned=True),
            ],
        ),
        parts.Lane(
            TCM,
            [
                parts.Mark(ago(290), "stay", "住院 7 天", "#s2", until=ago(283)),
                parts.Mark(ago(250), "visit", "针灸科", "#v3"),
            ],
        ),
        parts.Lane(
            TOWN,
            [parts.Mark(ago(d), "visit", "全科门诊", f"#t{d}") for d in (320, 230, 180, 60)]
            + [parts.Mark(ago(40), "lab", "电解质", "#l2", tone="bad")],
        ),
        parts.Lane(VILLAGE, [parts.Mark(ago(d), "follow_up", "高血压随访", f"#f{d}") for d in (300, 220, 140, 50)]),
        parts.Lane(
            RESIDENT, [parts.Mark(ago(d), "visit", "自测血压", "") for d in (44, 36, 28, 20, 11, 3)], word="居民自测"
        ),
    ]


def facts() -> dict[str, Any]:
    """All facts of the page of components."""
    steps = ["提交", "镇医务审核", "待接收", "锁定号源", "通知患者", "到诊", "诊治", "下转", "随访", "结案"]
    phases = ["done", "done", "now"] + ["later"] * 7
    return {
        "states": STATES,
        "institutions": INSTITUTIONS,
        "person_full": PERSON,
        "person_unasked": UNASKED,
        "person_rare": RARE,
        "steps": [
            parts.Step(w, p, "李建国 13:36" if p == "done" else "周明 · 现在" if p == "now" else "")
            for w, p in zip(steps, phases, strict=True)
        ],
        "side": ["不接收", "改投", "撤回", "未到诊", "作废"],
        "due_late": now() - timedelta(minutes=12),
        "due_soon": now() + timedelta(minutes=18),
        "due_later": now() + timedelta(hours=3, minutes=10),
        "since": now() - timedelta(hours=1),
        "weights": [
            parts.Weight(w, n)
            for w, n in (
                ("先验", -6.2),
                ("姓 何", 2.1),
                ("名 音同", 2.4),
                ("性别", 0.9),
                ("生日", 6.6),
                ("电话", 3.1),
                ("住址", 2.8),
                ("监护人", 2.2),
                ("同户修正", -3.4),
                ("身份证", -2.4),
                ("出生证", -1.3),
            )
        ],
        "thresholds": [parts.Threshold("自动合并", 12.0, "ok"), parts.Threshold("复核下限", 3.0, "warn")],
        "figures": [
            parts.Figure("基层诊疗人次占比", "61.8", "%", 84216, 136270, "人次", "▲ 1.9 个点 同比", True, "≥ 65"),
            parts.Figure("县域内住院占比", "82.4", "%", 5308, 6442, "人次", "▲ 0.7 个点 同比", True, "≥ 85", url="#"),
            parts.Figure("住院次均费用", "5,862", "元", 31115000, 5308, "人次", "▲ 3.1 % 同比", False, "≤ 3 %"),
            parts.Figure("中医类诊疗占比", "28.3", "%", 38564, 136270, "人次", definition="定义 v2024.2"),
            parts.Figure("医保基金县域内支出占比", withheld="缺分母：省级 10 月异地结算未到", remedy_url="#"),
        ],
        "comparisons": [
            parts.Comparison("姓名", "何雨欣", "何雨馨", "音同字异", "warn"),
            parts.Comparison("性别", "女", "女", "一致"),
            parts.Comparison("身份证", "532***201904084826", "532***201904084842", "不同", "bad", "均校验通过"),
            parts.Comparison("住址", "东河镇柳树村 2 组 17 号", "东河镇柳树村二组17号", "一致"),
            parts.Comparison("血型", "A 型", "O 型", "矛盾", "bad", icon="alert-octagon"),
            parts.Comparison("过敏", "头孢克洛（皮疹）", "", "一方缺失", icon="minus"),
        ],
        "evidence": [
            parts.Evidence("支持「不是同一人」", ["双胎分娩", "两个可信证号", "出生证连号", "血型不同"], "equal-not"),
            parts.Evidence("支持「是同一人」", ["名字音同"], "equal"),
        ],
        "accounts": [
            parts.Account("门诊就诊", 96, 2, 0, 94, 151),
            parts.Account("诊断", 121, 0, 3, 118, 188, "#"),
            parts.Account("检验报告", 64, 1, 1, 62, 64, "#"),
            parts.Account("疫苗接种", 9, 0, 0, 9, 9),
        ],
        "account_sum": parts.Account("合计", 290, 3, 4, 283, 412),
        "stages": [
            parts.Stage("ok", "完成", "读取与标准化", "1,000,000 条 · 0:42"),
            parts.Stage("run", "进行中", "打分", "1,233,800 / 1,990,412"),
            parts.Stage("idle", "未开始", "写入决定记录"),
        ],
        "ways": [
            parts.Way("请居民当面授权", "扫码或签字，当日有效", "#", "发起", "user-check"),
            parts.Way("向精防医师 何敏 申请", "通常 2 小时内答复", "#", "申请", "send"),
            parts.Way("急救查看", "填原因，立即可看；当日报备，居民会收到通知", "#", "急救", "urgent", urgent=True),
        ],
        "lanes": _lanes(),
        "lane_start": today() - timedelta(days=350),
        "lane_end": today() + timedelta(days=45),
        "lane_today": today(),
        "supplies": [
            parts.Supply(
                "降压药供应",
                [
                    parts.Span(today() - timedelta(days=350), today() - timedelta(days=146), "", institution=TOWN),
                    parts.Span(today() - timedelta(days=146), today() - timedelta(days=78), "断药 68 天", gap=True),
                    parts.Span(
                        today() - timedelta(days=78), today() + timedelta(days=19), "可用至 12-11", institution=COUNTY
                    ),
                ],
            )
        ],
    }
