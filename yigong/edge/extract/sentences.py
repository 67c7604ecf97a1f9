"""What extraction refuses and what can fail, in both languages: what happened, where, what to do."""

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, tuple[str, str]] = {
    "exchange.reader_unknown": ("没有“{kind}”这种读取方式。", "There is no reader called {kind}."),
    "exchange.config_missing": ("任务配置缺少 {key}。", "The feed's configuration lacks {key}."),
    "exchange.way_unknown": (
        "没有“{way}”这种采集方式，可选：{known}。",
        "There is no way of extraction called {way}; choose one of {known}.",
    ),
    "exchange.way_unfit": (
        "{place} 不能用“{way}”方式采集：{reason_zh}。",
        "{place} cannot be read the way {way}: {reason_en}.",
    ),
    "exchange.file_missing": (
        "找不到文件 {path}：请核对路径和读取权限。",
        "File {path} is not there: check the path and the right to read it.",
    ),
    "exchange.file_broken": (
        "文件 {path} 无法读取：{reason}。请向来源机构重新索取。",
        "File {path} cannot be read: {reason}. Ask the source for it again.",
    ),
    "exchange.file_changed": (
        "文件 {path} 正在被改写：写完后自动重读，没有写完的部分不入库。",
        "File {path} is being written: it is read again once that is done; nothing half-written goes in.",
    ),
    "exchange.quotes_unpaired": (
        "文件 {path} 从第 {byte} 字节起引号不成对，分不出行：请让来源机构重新导出，字段内的引号要写两遍。",
        "File {path} has a quote without its pair from byte {byte} on, so that lines cannot be told apart: "
        "ask the source to export it again, with quotes inside a field written twice.",
    ),
    "exchange.sheet_unknown": ("工作簿里没有工作表 {sheet}。", "The workbook has no sheet {sheet}."),
    "exchange.columns_twice": ("表头有重复的列：{columns}。", "Columns stand twice in the header: {columns}."),
    "exchange.column_unknown": (
        "{place} 没有列 {column}；现有：{known}。",
        "{place} has no column {column}; it has {known}.",
    ),
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
    "exchange.range_unfit": (
        "{place} 没有时间列，不能按日期重采；请重跑全部。",
        "{place} has no time column and cannot be read by date; run all of it again.",
    ),
    "exchange.pattern_wrong": (
        "行的格式“{pattern}”写法不对：{reason}。",
        "The pattern of lines {pattern} is wrong: {reason}.",
    ),
    "exchange.not_prepared": (
        "{place} 还没有做好变化捕获的准备：请先请院方管理员审阅并执行准备语句。",
        "{place} is not prepared for change capture: let the hospital's administrator review and run the statements first.",
    ),
    "exchange.capture_broken": (
        "{place} 的变化捕获中断：触发器 {missing} 不在或已停用，其间的变化没有记下。请院方管理员重新执行准备语句，之后会整表重读一遍。",
        "Change capture of {place} is broken: the triggers {missing} are gone or switched off and changes were not written down. "
        "Let the hospital's administrator run the preparation again; the whole is then read once more.",
    ),
    "exchange.too_many_gone": (
        "{place} 上次有 {known} 行，这次少了 {gone} 行，超过 {limit}：可能源表正在重建。没有删除任何行；确认后可放宽上限再跑。",
        "{place} had {known} rows and {gone} of them are gone, more than {limit}: the table may be under rebuilding. "
        "Nothing was deleted; raise the limit once this is confirmed.",
    ),
    "exchange.key_unfit": (
        "{place} 的主键 {key} 不唯一或有空值，不能逐行比对。",
        "The key {key} of {place} is empty or stands twice; rows cannot be compared.",
    ),
    "exchange.log_gap": (
        "{place} 的日志 {missing} 已被源库清除，中间的变化可能缺失：请重新全量采集一次。",
        "The log {missing} of {place} is gone from the source, changes may be missing: read the whole once more.",
    ),
}
