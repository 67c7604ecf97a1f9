"""What is refused about nodes, in both languages. The codes that nodes hear are worded again at the node."""

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, tuple[str, str]] = {
    "edge.no_such_node": ("没有这个边缘节点。", "There is no such node."),
    "edge.no_such_assignment": ("这个节点没有这项采集。", "The node has no such feed."),
    "edge.institution_unknown": ("机构 {org_code} 没有登记。", "Institution {org_code} is not registered."),
    "edge.feed_taken": (
        "任务“{feed}”已由节点“{node}”采集：先在该节点解除，再分配。",
        "Feed {feed} is read by node {node}: release it there first.",
    ),
    "edge.feed_elsewhere": (
        "任务“{feed}”属于另一家机构，不能由这个节点采集。",
        "Feed {feed} belongs to another institution and cannot be read by this node.",
    ),
    "edge.feed_unfit": (
        "任务“{feed}”的读取方式“{kind}”不能在边缘节点上运行。",
        "Feed {feed} is read by {kind}, which does not run at a node.",
    ),
    "edge.close_elsewhere": (
        "这份凭证属于另一家机构，只能由该机构的人签认。",
        "This certificate belongs to another institution: only its own staff can sign it.",
    ),
    "edge.close_by_node": (
        "这个任务由边缘节点采集，凭证由节点自动签名，不需要人签认。",
        "An edge node reads this feed: the node signs by itself, nobody else needs to.",
    ),
    "edge.close_overtaken": (
        "这份凭证之后账又打开过：等重新关账，签新的一份。",
        "The account was opened again after this certificate: wait for its new close and sign that one.",
    ),
    "edge.close_reason": ("请写明哪里不同。", "Say what differs."),
    "edge.mapping_elsewhere": ("选的映射版本不属于这个任务。", "The mapping chosen belongs to another feed."),
    "edge.probe_waits": (
        "已请节点“{node}”取样：它下次心跳（约 {seconds} 秒内）送来，稍后刷新本页。",
        "Node {node} was asked for a sample: it comes with its next beat (within some {seconds} s), load the page again then.",
    ),
    "edge.probe_failed": ("节点“{node}”取样没有成功：{zh}", "Node {node} could not take a sample: {en}"),
    "edge.still_heard": (
        "节点“{node}”没有注销：先注销，再请新节点接替。",
        "Node {node} is not revoked: revoke it first, then another may take its place.",
    ),
    "edge.replaced": (
        "节点“{node}”已有接替的节点。",
        "Another node has taken the place of {node} already.",
    ),
    "edge.not_heard": ("节点“{node}”{state}，不能这样做。", "Node {node} is {state}: this cannot be done."),
    "edge.read_at_node": (
        "任务由边缘节点采集，不能在中心运行：请到节点页面操作。",
        "The feed is read by an edge node and does not run here: see the page of the node.",
    ),
    "edge.queue_waits": (
        "节点上还有 {rows} 行没有传到：等传完再解除，以免次序颠倒。",
        "{rows} rows still wait at the node: release the feed once they are here, to keep their order.",
    ),
    "edge.code_unknown": ("接入码不对。", "The code is wrong."),
    "edge.code_used": ("接入码已经用过。", "The code was used before."),
    "edge.code_expired": ("接入码已过期。", "The code has expired."),
    "edge.revoked": ("节点已注销，仍在连接。", "The node was revoked and still calls."),
    "edge.key_unknown": ("不认识的节点在连接。", "A node that is not known calls."),
    "edge.signature_wrong": (
        "签名不符：密钥不是登记的那一把。",
        "The signature does not fit: the key is not the registered one.",
    ),
}
