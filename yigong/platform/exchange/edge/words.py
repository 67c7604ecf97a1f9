"""What pages say of nodes."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from yigong.platform.exchange.edge.models import BundleState, NodeState

#: state -> tone and word
STATES: Mapping[str, tuple[str, object]] = {
    NodeState.ACTIVE: ("ok", _("在线")),
    NodeState.SILENT: ("bad", _("静默")),
    NodeState.ENROLLED: ("run", _("已接入")),
    NodeState.INVITED: ("wait", _("待接入")),
    NodeState.REVOKED: ("idle", pgettext_lazy("node", "已注销")),
}
BUNDLES: Mapping[str, tuple[str, object]] = {
    BundleState.RECEIVED: ("wait", _("已接收")),
    BundleState.CARRIED: ("ok", _("已入库")),
    BundleState.FAILED: ("bad", _("等待重试")),
}
#: what is wrong with a node, in words that say what to do
TROUBLES: Mapping[str, object] = {
    "twin": _(
        "两台机器在用这个节点的密钥（文件夹被复制过）：数据不会重复入库，但请停掉其中一台，再让留下的换密钥；拿不准就注销，另请节点接替。"
    ),
    "buffer_full": _("缓存已满，暂停读取：请检查节点到中心的网络；传出一部分后自动继续。"),
    "disk_low": _("磁盘将满，暂停读取：请在节点上清理磁盘。"),
    "disk_full": _("磁盘已满，暂停读取：已缓存的数据仍会传出，请在节点上清理磁盘。"),
    "configuration_refused": _("节点没有采用最新配置：请看配置版本一栏的原因，改正后重新下发。"),
    "feed_failed": _("有任务读取失败：请看采集一栏的原因。"),
    "bundle_refused": _("有数据包被中心拒绝：请看采集一栏的原因。"),
    "clock": _("节点时钟不准：传送不受影响，请在节点上校时。"),
    "journal": _("有数据包不能入库：多为映射不符，改正映射后按“重试入库”。"),
}
VERBS: Mapping[str, object] = {
    "invite": _("发放接入码"),
    "enrol": _("接入"),
    "report": _("上线"),
    "silence": _("静默"),
    "revoke": _("注销"),
}
WAYS: Mapping[str, object] = {
    "full": _("全量"),
    "timestamp": _("时间戳增量"),
    "trigger": _("触发器"),
    "compare": _("全表比对"),
    "log": _("日志"),
}


def state_words(state: str) -> tuple[str, object]:
    """Tone and word of a state."""
    return STATES[state]
