"""What a node says, in both languages: what happened, where, what to do."""

from __future__ import annotations

from collections.abc import Mapping

from yigong.edge.extract.sentences import SENTENCES as EXTRACTION
from yigong.kit import said

SENTENCES: Mapping[str, tuple[str, str]] = {
    "edge.not_enrolled": (
        "{folder} 里还没有接入的节点：请先运行 yigong edge enrol。",
        "There is no enrolled node in {folder}: run yigong edge enrol first.",
    ),
    "edge.enrolled_before": (
        "{folder} 里已有接入的节点；换节点请用另一个目录。",
        "{folder} holds an enrolled node already; use another folder for another node.",
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
    "edge.url_odd": ("“{url}”不是中心地址。", "{url} is not the address of a centre."),
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
        "中心已注销本节点：不再读取和传送。需要恢复时请中心重新发放接入码。",
        "The centre has revoked this node: nothing is read or sent. Ask for a new enrolment code to come back.",
    ),
    "edge.code_unknown": (
        "接入码不存在、已用过或已过期：请中心重新发放。",
        "The code is unknown, used or expired: ask the centre for a new one.",
    ),
    "edge.key_unknown": ("中心不认识本节点的密钥。", "The centre does not know the key of this node."),
    "edge.signature_wrong": ("签名不符。", "The signature does not fit."),
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
    "edge.running": ("这个目录的节点已在运行。", "The node of this folder is running already."),
}


def said_of(code: str, facts: Mapping[str, object]) -> tuple[str, str]:
    """The Chinese and the English sentence for a refusal or fault."""
    zh, en = SENTENCES.get(code) or EXTRACTION.get(code) or (code, code)
    return zh.format_map(_read(facts, english=False)), en.format_map(_read(facts, english=True))


def _read(facts: Mapping[str, object], *, english: bool) -> _Lenient:
    read = {k: said.read(v, english=english) for k, v in facts.items()}
    join = ", " if english else "、"
    return _Lenient({k: join.join(map(str, v)) if isinstance(v, list | tuple) else v for k, v in read.items()})


class _Lenient(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "—"
