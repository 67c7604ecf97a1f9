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
        "找不到文件 {path}：请核对路径，或请来源机构放回去，再重跑。已入库的批次有效。",
        "{path} is not there: check the path, or let the source put it back, then run again. What is in stays in.",
    ),
    "exchange.file_forbidden": (
        "没有权限读 {path}：请让系统管理员给运行平台的账号读取权限，再重跑。已入库的批次有效。",
        "{path} may not be read: let the system's administrator grant it to the platform's account, then run again. What is in stays in.",
    ),
    "exchange.disk_full": (
        "磁盘已满，写不下 {path}：请清理磁盘后重跑。已入库的批次有效，其余的行下次再读。",
        "The disk is full, {path} could not be written: make room and run again. What is in stays in, the other rows are read then.",
    ),
    "exchange.encoding_wrong": (
        "{place} 的文字编码与声明的不同，读不出文字：请在任务里改编码（文件的“编码”，或连接地址后的 charset），再重跑。",
        "The text of {place} is not in the encoding that was declared: set it right in the feed (of the file, or charset in the address) and run again.",
    ),
    "exchange.encoding_undeclared": (
        "{host} 的库没有声明文字编码（SQL_ASCII），{place} 里的文字不是 UTF-8：请在任务的“文字编码”里写明（老系统多为 gb18030），再重跑。",
        "The database at {host} declares no encoding (SQL_ASCII), and the text of {place} is not UTF-8: name its encoding in the feed (of old "
        "systems mostly gb18030) and run again.",
    ),
    "exchange.encoding_unknown": (
        "不认识文字编码“{encoding}”，可写：{known}。",
        "There is no encoding called {encoding} here; write one of {known}.",
    ),
    "exchange.source_refused": (
        "{host} 没有接受连接（读 {place}）：请确认源库已启动、端口没写错、防火墙已放行。已入库的批次有效，稍后自动再试。",
        "{host} accepts no connection (to read {place}): see that the database is up, the port right and the firewall open. What is in stays in; it is tried again.",
    ),
    "exchange.host_unknown": (
        "查不到主机 {host}（读 {place}）：请核对连接地址，或检查域名解析。已入库的批次有效。",
        "The host {host} is not known (to read {place}): check the address and the name service. What is in stays in.",
    ),
    "exchange.source_slow": (
        "{host} 超时没有应答（读 {place}）：请检查网络和源库的负载，或把取数分小。已入库的批次有效，稍后自动再试。",
        "{host} took too long to answer (to read {place}): look at the network and the load of the source, or read less at once. What is in stays in; it is tried again.",
    ),
    "exchange.login_refused": (
        "{host} 拒绝登录（读 {place}）：请核对用户名和口令，或请院方确认账号没有锁定。为免锁住账号，不会马上再试。",
        "{host} refused the login (to read {place}): check user and password, or ask whether the account is locked. So as not to lock it, it is not tried again at once.",
    ),
    "exchange.database_unknown": (
        "{host} 上没有地址里写的数据库（读 {place}）：请核对连接地址最后的库名。",
        "{host} has no database of the name in the address (to read {place}): check the end of the address.",
    ),
    "exchange.source_forbidden": (
        "账号没有权限读 {place}（{host}）：请院方管理员授予只读权限，再重跑。",
        "The account may not read {place} ({host}): let the hospital's administrator grant reading, then run again.",
    ),
    "exchange.table_missing": (
        "源库里没有表 {place}（{host}）：请核对表名和模式名，或问院方是否改了结构。",
        "The source has no table {place} ({host}): check its name and schema, or ask the hospital whether the structure has changed.",
    ),
    "exchange.source_column_missing": (
        "{place}（{host}）缺少取数语句里写的列：请核对列名，或问院方是否改了结构。",
        "{place} ({host}) lacks a column that the statement names: check the names, or ask the hospital whether the structure has changed.",
    ),
    "exchange.source_full": (
        "源库的磁盘已满（{host}，读 {place}）：请院方管理员清理。已入库的批次有效，稍后自动再试。",
        "The disk of the source is full ({host}, to read {place}): let its administrator make room. What is in stays in; it is tried again.",
    ),
    "exchange.file_broken": (
        "文件 {path} 无法读取：{reason}。请向来源机构重新索取。",
        "File {path} cannot be read: {reason}. Ask the source for it again.",
    ),
    "exchange.file_misfit": (
        "文件 {path} 缺少映射要用的列：{columns}（文件里另有：{others}）。请来源机构补上这些列后放回原处，或修改映射；改好后自动重读。",
        "File {path} lacks columns that the mapping needs: {columns} (it has besides: {others}). Let the source add them and put the file back, "
        "or change the mapping; it is read again by itself then.",
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
    "exchange.cascades_unseen": (
        "{place} 的外键会连带改动它的行（{keys}）。MySQL、MariaDB 由外键带来的改动不触发触发器，也不写进日志，这种方式看不到；整行被连带删除的，由核对行数发现。"
        "如果上级表会改主键或删行：请改用“全表比对”，或请院方把外键规则改为 RESTRICT。",
        "Foreign keys change rows of {place} by themselves ({keys}). In MySQL and MariaDB such changes fire no trigger and stand in no log, so that "
        "this way does not see them; rows deleted so are found by counting. If keys of the parent change or its rows are deleted: read the way "
        "compare, or let the hospital set the rules to RESTRICT.",
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
