"""The sentences of the exchange, in both languages: what happened, where, what to do."""

from __future__ import annotations

from collections.abc import Mapping

from yigong.edge.extract import api as extraction
from yigong.kit import said

SENTENCES: Mapping[str, tuple[str, str]] = {
    **extraction.SENTENCES,
    "exchange.columns_missing": (
        "源数据缺少列 {columns}：源系统的结构变了，请修改映射后重跑。{mistakes}",
        "The source lacks the columns {columns}: its structure has changed; mend the mapping and run again. {mistakes}",
    ),
    "exchange.mapping_wrong": ("映射文件有误：{mistakes}", "The mapping is wrong: {mistakes}"),
    "exchange.mapping_missing": ("任务“{feed}”没有映射。", "Feed {feed} has no mapping."),
    "exchange.database_away": (
        "平台数据库连接中断：当前批次已全部撤回，重跑不会丢失也不会重复。",
        "The platform's database went away: the batch under way was undone; running again loses and doubles nothing.",
    ),
    "exchange.interrupted": (
        "上次运行被中断（进程已不在）。已入库的批次有效，重跑即从断点继续。",
        "The last run was cut short (its process is gone). What is in stays in; run again to go on.",
    ),
    "exchange.taken_over": (
        "平台数据库重启后，这次运行已被当作中断处理：之后的批次全部撤回，由下一次运行读取，不丢不重。",
        "After the platform's database went away this run was taken for dead: its later batches were undone and come with the next run, none lost or doubled.",
    ),
    "exchange.running": ("任务“{feed}”正在运行。", "Feed {feed} is running already."),
    "exchange.paused": ("任务“{feed}”已暂停：先恢复再运行。", "Feed {feed} is paused: resume it first."),
    "exchange.feed_unknown": ("没有名为“{feed}”的任务。", "There is no feed called {feed}."),
    "exchange.job_unknown": ("没有这次运行。", "There is no such run."),
    "exchange.row_unknown": ("隔离区没有这一行。", "Quarantine has no such row."),
    "exchange.row_settled": (
        "这一行已经{state}，不能再修改。",
        "This row is settled ({state}) and cannot be changed.",
    ),
    "exchange.reason_missing": ("请写明弃用的原因。", "Say why the row is given up."),
    "exchange.schedule_wrong": (
        "计划“{schedule}”写法不对。可写：15 min、2 h、daily 02:00、daily 02:00,14:30、mon,thu 06:00；留空为仅手工。",
        "The schedule {schedule} is not understood. Write 15 min, 2 h, daily 02:00, daily 02:00,14:30 or mon,thu 06:00; empty: by hand only.",
    ),
    "exchange.needs_circle": (
        "任务“{feed}”不能依赖“{other}”：会互相等待。",
        "Feed {feed} cannot wait for {other}: they would wait for each other.",
    ),
    "exchange.sheet_uneven": (
        "{day} 的账还不平（{why}），不能关账：先处理再试。",
        "The account of {day} does not balance ({why}) and cannot be closed.",
    ),
    "exchange.sheet_unknown_day": ("没有这一天的对账单。", "There is no account of that day."),
    "exchange.buffer_empty": (
        "这次运行没有留下缓冲（未开启，或已到期清空）：请从源库重新采集。",
        "This run left nothing in the buffer (it is off, or was cleaned): read the source again.",
    ),
    "exchange.stopped": (
        "已按要求在第 {batch} 批后暂停；恢复后从断点继续。",
        "Stopped as asked after batch {batch}; it goes on from there when resumed.",
    ),
    "exchange.range_wrong": (
        "起止日期不对：{start} 至 {end}。",
        "The range of dates is wrong: {start} to {end}.",
    ),
    "exchange.draft_wrong": ("映射没有“{part}”这一部分。", "A mapping has no part called {part}."),
    "exchange.data_set_unknown": (
        "没有这个数据集：请从列表中选择。",
        "There is no such data set: choose one of the list.",
    ),
    "exchange.version_unknown": ("没有第 {version} 版映射。", "There is no version {version} of the mapping."),
    "exchange.sample_missing": (
        "源库没有给出样例行，无法试运行。",
        "The source gave no sample rows; nothing to try the mapping on.",
    ),
    "exchange.not_agreed": (
        "先请院方管理员审阅语句并同意，再执行。",
        "Let the hospital's administrator read the statements and agree first.",
    ),
    "exchange.alarm_unknown": ("这条告警已经解除。", "This alarm is over."),
    "exchange.failed": (
        "运行意外停止。已入库的批次有效，其余的行下次再读，不丢不重：请重跑一次；仍不行就把编号 {reference} 告诉平台管理员，日志里用它能找到原因。",
        "The run stopped unexpectedly. What is in stays in, the other rows are read next time, none lost or doubled: run it again; if that fails, "
        "tell the platform's operator the reference {reference}, by which the cause is found in the log.",
    ),
}


def sentence(code: str, facts: Mapping[str, object]) -> tuple[str, str]:
    """The Chinese and the English sentence for a refusal or fault."""
    zh, en = SENTENCES.get(code, ("{code}：{facts}", "{code}: {facts}"))
    return _filled(zh, code, facts, english=False), _filled(en, code, facts, english=True)


def _filled(text: str, code: str, facts: Mapping[str, object], *, english: bool) -> str:
    join = "; " if english else "；"
    plain = {k: _listed(said.read(v, english=english), join) for k, v in facts.items()}
    known = {"code": code, "facts": join.join(f"{k}={v}" for k, v in plain.items()), **plain}
    return text.format_map(_Lenient(known))


class _Lenient(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return ""


def _listed(value: object, join: str) -> object:
    return join.join(map(str, value)) if isinstance(value, list | tuple) else value
