"""The sentences of the exchange, in both languages: what happened, where, what to do."""

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, tuple[str, str]] = {
    "exchange.reader_unknown": ("没有“{kind}”这种读取方式。", "There is no reader called {kind}."),
    "exchange.config_missing": ("任务配置缺少 {key}。", "The feed's configuration lacks {key}."),
    "exchange.file_missing": (
        "找不到文件 {path}：请核对路径和读取权限。",
        "File {path} is not there: check the path and the right to read it.",
    ),
    "exchange.file_broken": (
        "文件 {path} 无法读取：{reason}。请向来源机构重新索取。",
        "File {path} cannot be read: {reason}. Ask the source for it again.",
    ),
    "exchange.sheet_unknown": ("工作簿里没有工作表 {sheet}。", "The workbook has no sheet {sheet}."),
    "exchange.columns_twice": ("表头有重复的列：{columns}。", "Columns stand twice in the header: {columns}."),
    "exchange.columns_missing": (
        "源数据缺少列 {columns}：源系统的结构变了，请修改映射后重跑。",
        "The source lacks the columns {columns}: its structure has changed; mend the mapping and run again.",
    ),
    "exchange.mapping_wrong": ("映射文件有误：{mistakes}", "The mapping is wrong: {mistakes}"),
    "exchange.mapping_missing": ("任务“{feed}”没有映射。", "Feed {feed} has no mapping."),
    "exchange.name_odd": ("表名或列名“{name}”含有不允许的字符。", "The name {name} has signs that are not allowed."),
    "exchange.url_odd": ("{place} 的连接地址写法不对。", "The address of {place} is not a database address."),
    "exchange.driver_missing": (
        "没有安装数据库驱动 {driver}：请联系平台管理员安装。",
        "The database driver {driver} is not installed: ask the administrator for it.",
    ),
    "exchange.secret_missing": (
        "连接口令 {name} 没有提供：请在运行环境中设置。",
        "The secret {name} is not given: set it in the environment.",
    ),
    "exchange.source_away": (
        "连不上源库或读取中断（{place}）：{reason}。已入库的批次不受影响，恢复后重跑即可。",
        "The source does not answer ({place}): {reason}. What is in stays in; run again once it is back.",
    ),
    "exchange.database_away": (
        "平台数据库连接中断：当前批次已全部撤回，重跑不会丢失也不会重复。",
        "The platform's database went away: the batch under way was undone; running again loses and doubles nothing.",
    ),
    "exchange.interrupted": (
        "上次运行被中断（进程已不在）。已入库的批次有效，重跑即从断点继续。",
        "The last run was cut short (its process is gone). What is in stays in; run again to go on.",
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
    "exchange.failed": ("运行失败：{reason}", "The run failed: {reason}"),
}


def sentence(code: str, facts: Mapping[str, object]) -> tuple[str, str]:
    """The Chinese and the English sentence for a refusal or fault."""
    plain = {k: _listed(v) for k, v in facts.items()}
    zh, en = SENTENCES.get(code, ("{code}：{facts}", "{code}: {facts}"))
    known = {"code": code, "facts": _listed([f"{k}={v}" for k, v in plain.items()]), **plain}
    return zh.format_map(_Lenient(known)), en.format_map(_Lenient(known))


class _Lenient(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return ""


def _listed(value: object) -> object:
    return "；".join(map(str, value)) if isinstance(value, list | tuple) else value
