"""The sentences of the bus."""

from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, object] = {
    "no_such_message": _("没有这条消息，或不在您的数据范围内。"),
    "bus.endpoint_closed": _("端点 %(endpoint)s 已关闭：请先开放再启动接收。"),
    "bus.kafka_refused": _("Kafka 拒绝了读取：%(reason)s。请核对地址、主题和权限。"),
    "bus.kafka_not_installed": _("没有安装 Kafka 客户端：请安装 yigong[kafka]。"),
    "bus.not_replayable": _("只有死信和等待重试的消息可以重新处理。"),
}
