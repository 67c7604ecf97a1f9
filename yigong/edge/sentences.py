"""What a node says, in both languages: what happened, where, what to do."""

from __future__ import annotations

from collections.abc import Mapping

from yigong.edge.extract.sentences import SENTENCES as EXTRACTION
from yigong.kit import said

SENTENCES: Mapping[str, tuple[str, str]] = {
    "edge.not_enrolled": (
        "{folder} 里没有接入的节点：目录不对时用 --home 或环境变量 YIGONG_EDGE_HOME 指明；还没接入时先执行 enrol。",
        "There is no enrolled node in {folder}: name the right folder by --home or YIGONG_EDGE_HOME, or run enrol first.",
    ),
    "edge.enrolled_before": (
        "{folder} 里已有接入的节点 {node}，中心仍认它：不需要再接入。要另装一个节点请换目录；要换掉它，先在中心注销。",
        "{folder} holds node {node}, which the centre still knows: nothing is to be enrolled. Use another folder for another node, or have this one revoked first.",
    ),
    "edge.standards_differ": (
        "数据集 {data_set} 的标准声明与中心不同：请把节点程序升级到与中心相同的版本。",
        "The declaration of {data_set} differs from the centre's: bring the node's program to the centre's version.",
    ),
    "edge.identity_broken": (
        "{path} 读不出来：请恢复该文件，或换一个目录重新接入。",
        "{path} cannot be read: put it back, or enrol again in another folder.",
    ),
    "edge.key_broken": ("密钥文件 {path} 已损坏：请重新接入。", "The key file {path} is broken: enrol again."),
    "edge.key_open": (
        "密钥文件 {path} 能被他人读取：请执行 chmod 600 后再启动。",
        "Others can read the key file {path}: run chmod 600 on it, then start again.",
    ),
    "edge.code_odd": (
        "接入码写得不对：应为 20 位数字和字母，请对照中心页面重新输入。",
        "This is no enrolment code: it has 20 signs; compare it with the page of the centre.",
    ),
    "edge.centre_unproven": (
        "{url} 不能证明自己是发出接入码的中心：请核对地址，并向中心报告。",
        "{url} cannot show that it is the centre which gave the code: check the address and tell the centre.",
    ),
    "edge.not_https": (
        "{url} 不是 HTTPS：只有本机地址可以不加密。",
        "{url} is not HTTPS: only this machine itself may be reached without encryption.",
    ),
    "edge.url_odd": (
        "“{url}”不是中心地址：应像 https://centre.example，不带路径。",
        "{url} is not the address of a centre: it looks like https://centre.example, without a path.",
    ),
    "edge.authority_odd": (
        "证书文件 {path} 读不出证书：应为 PEM 格式的证书机构证书。",
        "The file {path} holds no certificate: give the certificate of the authority as PEM.",
    ),
    "edge.malformed": (
        "应答的不是医共中心（{part}）：请核对 --centre 地址，或检查中间的代理和上网认证页。",
        "What answers is no centre ({part}): check the address, and whether a proxy or a log-in page stands between.",
    ),
    "edge.too_large": (
        "中心不收这么大的请求（上限 {limit} 字节）：请向中心报告。",
        "The centre takes no request of this size (at most {limit} bytes): tell the centre.",
    ),
    "edge.feed_not_here": (
        "中心没有把任务 {feed} 分配给本节点：数据留在缓存里，分配后自动传出。",
        "The centre has not given feed {feed} to this node: its rows stay in the buffer and leave once it has.",
    ),
    "edge.gap": (
        "中心缺了前面的数据包：从头重读，已有的会被认出。",
        "The centre lacks earlier bundles: the source is read again, what is there is recognised.",
    ),
    "edge.number_taken": (
        "数据包序号已被占用：重新编号后继续。",
        "The number of the bundle is taken: those that wait are numbered anew.",
    ),
    "edge.clock": (
        "中心不接受本机时间：正在按中心时间重试，请校时。",
        "The centre does not accept this machine's time: the centre's is used; set the clock.",
    ),
    "edge.replayed": ("请求序号落后，正在按中心的序号重试。", "The count of requests is behind; the centre's is used."),
    "edge.no_configuration": (
        "中心还没有给本节点下发配置：在中心的节点页面分配采集源。",
        "The centre has no orders for this node yet: assign a feed on the node's page.",
    ),
    "edge.other_user": (
        "{folder} 属于用户 {owner}，现在的用户是 {user}：请执行 sudo -u {owner} …，以免留下节点打不开的文件。",
        "{folder} belongs to user {owner}, you are {user}: use sudo -u {owner} …, else files are left that the node cannot open.",
    ),
    "edge.system": ("{path}：{reason}。", "{path}: {reason}."),
    "edge.buffer_broken": (
        "缓存 {path} 打不开（{reason}）：先停节点，把这个文件移走再启动；未传的行会从源库重读。",
        "The buffer {path} does not open ({reason}): stop the node, move the file away, start again; what had not left is read anew.",
    ),
    "edge.code_used": (
        "接入码已经用过：一个码只接入一台机器。请中心重新发放。",
        "The code has been used: it is good for one machine. Ask the centre for a new one.",
    ),
    "edge.code_expired": (
        "接入码已过期（有效期到 {until}）：请中心重新发放。",
        "The code has expired (good until {until}): ask the centre for a new one.",
    ),
    "edge.away": (
        "连不上中心（{reason}）：数据照常缓存，网络恢复后自动续传。",
        "The centre does not answer ({reason}): rows wait here and go on by themselves.",
    ),
    "edge.buffer_full": (
        "缓存已满（上限 {limit_mb} MB）：暂停读取，传出一部分后自动继续，不丢数据。",
        "The buffer is full ({limit_mb} MB): reading waits until some of it has left; nothing is lost.",
    ),
    "edge.disk_low": (
        "磁盘剩余 {free_mb} MB，低于 {limit_mb} MB：暂停读取。请清理磁盘。",
        "{free_mb} MB of the disk are free, less than {limit_mb} MB: reading waits. Make room.",
    ),
    "edge.disk_full": (
        "磁盘已满：暂停读取，已缓存的数据仍会传出。请清理磁盘。",
        "The disk is full: reading waits, what is kept still leaves. Make room.",
    ),
    "edge.columns_missing": (
        "{place} 缺少映射所需的列 {columns}：源系统结构变了，请联系中心修改映射。",
        "{place} lacks the columns {columns} that the mapping needs: its structure changed, tell the centre.",
    ),
    "edge.row_too_large": (
        "有一行超过 {limit_mb} MB，无法传送：请在取数语句中去掉大字段。",
        "A row is larger than {limit_mb} MB: leave the large column out of the query.",
    ),
    "edge.begun_again": ("任务改为从头读取。", "The feed begins again."),
    "exchange.mapping_wrong": ("映射有误：{mistakes}", "The mapping is wrong: {mistakes}"),
    "exchange.columns_missing": (
        "源数据缺少映射所需的列 {columns}：源系统结构变了，请联系中心修改映射。",
        "The source lacks the columns {columns} that the mapping needs: its structure changed, tell the centre.",
    ),
    "edge.feed_failed": (
        "读取意外停止，已缓存的数据不受影响，稍后自动再试；仍不行就把编号 {reference} 告诉平台管理员，节点日志里用它能找到原因。",
        "Reading stopped unexpectedly; what is kept is safe and it is tried again. If that fails, tell the platform's operator the "
        "reference {reference}, by which the cause is found in the node's log.",
    ),
    "edge.revoked": (
        "中心已注销本节点：不再读取和传送。要恢复，请中心重新邀请，再用新接入码在同一目录执行 enrol。",
        "The centre has revoked this node: nothing is read or sent. To come back ask for a new code and enrol in the same folder.",
    ),
    "edge.code_unknown": (
        "中心不认这个接入码：请对照中心页面重新输入；已重发过的，以最后一次为准。",
        "The centre does not know this code: compare it with the page; if another was given since, only the last one counts.",
    ),
    "edge.key_unknown": (
        "中心不认识本节点：请核对 node.json 里的中心地址；中心若从旧备份恢复，请重新邀请。",
        "The centre does not know this node: check the address in node.json; if the centre was put back from a copy, ask for a new invitation.",
    ),
    "edge.signature_wrong": (
        "中心不认本节点的签名：密钥已在别处更换过，或目录是旧备份。请中心重新邀请。",
        "The centre does not accept this node's signature: its key was changed elsewhere, or the folder is an old copy. Ask for a new invitation.",
    ),
    "edge.configuration_unsigned": (
        "配置没有中心的签名，未采用。",
        "The orders are not signed by the centre; not applied.",
    ),
    "edge.configuration_foreign": (
        "配置是发给节点 {node} 的，未采用。",
        "The orders are for node {node}; not applied.",
    ),
    "edge.configuration_old": (
        "配置第 {version} 版不比现用的第 {current} 版新，未采用。",
        "Version {version} of the orders is not newer than {current}; not applied.",
    ),
    "edge.configuration_wrong": (
        "配置有误（{reason}），继续使用原配置。",
        "The orders are wrong ({reason}); the ones before stay in force.",
    ),
    "edge.broken": ("数据在磁盘上损坏，将从源头重读。", "The disk did not keep the rows; they are read again."),
    "edge.running": (
        "{folder} 的节点已在运行（进程 {pid}）：一个目录只能运行一个。",
        "The node of {folder} is running already (process {pid}): one at a time.",
    ),
    # ---- what only the log says ----
    "log.started": (
        "节点启动：{name}，程序 {version}，中心 {url}。",
        "Started: {name}, program {version}, centre {url}.",
    ),
    "log.stopped": ("节点停止，待传 {rows} 行留在缓存。", "Stopped; {rows} rows stay in the buffer."),
    "log.back": ("与中心恢复联系，中断了 {minutes} 分钟。", "The centre answers again after {minutes} minutes."),
    "log.orders": ("配置第 {version} 版生效，{feeds} 个任务。", "Orders {version} are in force, {feeds} feeds."),
    "log.read": ("{feed}：读到 {rows} 行新数据。", "{feed}: {rows} new rows were read."),
    "log.read_range": (
        "{feed}：按要求重采 {start} 至 {end}（不含），{rows} 行。",
        "{feed}: {start} to {end} (not included) was read once more as ordered, {rows} rows.",
    ),
    "log.well_again": ("{feed}：恢复读取。", "{feed}: it is read again."),
    "log.room_again": ("有空间了，继续读取。", "There is room again; reading goes on."),
    "log.key": ("密钥已更换。", "The key was changed."),
    "log.clock": (
        "本机时钟与中心相差 {seconds} 秒：请校时。",
        "This clock differs from the centre's by {seconds} s: set it.",
    ),
    "log.kept": (
        "缓存里的 {rows} 行保留着，重新接入后传出。",
        "The {rows} rows in the buffer are kept and leave once it is enrolled anew.",
    ),
    "log.wiped": ("按中心的要求，缓存已销毁。", "The buffer was destroyed, as the centre ordered."),
    "log.probed": ("{feed}：按中心的要求取样 {rows} 行。", "{feed}: a sample of {rows} rows was taken for the centre."),
    "log.feed": ("{feed}：{zh}", "{feed}: {en}"),
}

#: why a centre is away: sign -> words
REASONS: Mapping[str, tuple[str, str]] = {
    "host": ("找不到主机名，检查地址和 DNS", "the name is not known, check the address and DNS"),
    "refused": ("对方没有开放这个端口", "nobody listens at that port"),
    "timeout": ("超时没有应答", "no answer in time"),
    "certificate": ("证书不被信任或不在有效期，检查本机时钟和 --authority", "the certificate is not trusted or not valid now, check this clock and --authority"),
    "network": ("网络中断", "the network failed"),
    "signature": ("应答没有中心的签名，可能是代理或上网认证页", "the answer does not bear the centre's signature, perhaps a proxy or a log-in page"),
}  # fmt: skip


def said_of(code: str, facts: Mapping[str, object]) -> tuple[str, str]:
    """The Chinese and the English sentence for a refusal or fault."""
    zh, en = SENTENCES.get(code) or EXTRACTION.get(code) or (code, code)
    return zh.format_map(_read(facts, english=False)), en.format_map(_read(facts, english=True))


def _read(facts: Mapping[str, object], *, english: bool) -> _Lenient:
    """Facts as a sentence of one language takes them."""
    read = {k: said.read(v, english=english) for k, v in facts.items()}
    join = ", " if english else "、"
    plain = {k: join.join(map(str, v)) if isinstance(v, list | tuple) else v for k, v in read.items()}
    if (reason := REASONS.get(str(plain.get("reason", "")))) is not None:
        plain["reason"] = reason[english]
    return _Lenient(plain)


class _Lenient(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "—"
