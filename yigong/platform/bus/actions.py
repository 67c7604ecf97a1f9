"""The acts of this module: name -> words. Permission, audit line and button bear the same name."""

from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, object] = {
    "bus.view": _("查看服务总线"),
    "bus.search": _("按业务号查找总线消息"),
    "bus.export": _("导出总线列表"),
    "bus.reveal": _("查看总线消息中的个人信息"),
    "bus.correct": _("修正死信的内容"),
    "bus.replay": _("重新处理、重新投递或放弃总线消息"),
    "bus.run": _("发起、取消或处置服务编排"),
    "bus.subscribe": _("申请订阅服务"),
    "bus.manage": _("管理服务、端点、路由与编排"),
    "bus.pause_kafka": _("暂停 Kafka 收发"),
    "bus.resume_kafka": _("恢复 Kafka 收发"),
    "bus.purge": _("清理期满消息"),
}
