"""The sentences of refusals, as callers and people read them."""

from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, object] = {
    "v3.no_envelope": _("请求不是 SOAP 信封：根元素是 %(root)s，应为 Envelope。"),
    "v3.no_operation": _("信封的 Body 中没有 %(operation)s 操作，请按 WSDL 调用。"),
    "v3.too_deep": _("消息的元素嵌套超过 %(limit)s 层，不予处理。"),
    "v3.too_many": _("消息的元素超过 %(limit)s 个，请拆分后再发送。"),
    "v3.who": _("应用名或密钥不正确：请用接入应用的名称和密钥（WS-Security UsernameToken 或 HTTP Basic）。"),
    "v3.suspended": _("接入应用 %(application)s 已暂停或吊销，请联系平台管理员。"),
    "v3.too_often": _("调用过于频繁，每分钟至多 %(limit)s 次，请稍后再试。"),
    "v3.not_subscribed": _("接入应用 %(application)s 没有订阅服务 %(service)s，请联系平台管理员开通。"),
    "v3.no_service": _("没有这个服务：%(action)s。请核对 action 或地址。"),
    "v3.other_service": _("地址是服务 %(service)s，action 却是 %(action)s，请核对。"),
    "v3.closed": _("服务 %(service)s 已停用，请稍后再试或联系平台管理员。"),
    "v3.no_message": _("message 参数是空的，请放入 XML 消息。"),
    "v3.other_message": _("消息的根元素是 %(root)s，本服务需要 %(wanted)s。"),
    "v3.missing": _("缺少必填项“%(field)s”，位置 %(place)s。请补全后再发送。"),
    "v3.no_date": _("“%(field)s”的值 %(value)s 不是日期时间，位置 %(place)s。请按 YYYYMMDD 或 YYYYMMDDhhmmss 填写。"),
    "v3.not_in_codes": _("“%(field)s”的代码 %(value)s 不在值域内（%(allowed)s），位置 %(place)s。"),
    "v3.too_long": _("“%(field)s”有 %(size)s 个字符，超过 %(limit)s 个，位置 %(place)s。"),
    "v3.bad_id_no": _("“%(field)s”不是有效的身份证号码（18 位及校验码），位置 %(place)s。请核对证件。"),
    "v3.other_root": _(
        "“%(field)s”的标识根 %(root)s 不对，应为 %(wanted)s，位置 %(place)s。请改正 root 后再发送；其他证件请在身份证件类别中写明。"
    ),
    "v3.no_birth": _("“%(field)s”的值 %(value)s 早于 1850 年或晚于今天，位置 %(place)s。请核对出生日期。"),
    "v3.other_institution": _("消息以机构 %(org_code)s 的名义发送，接入应用 %(application)s 没有代表该机构的权限。"),
    "v3.known": _("“%(field)s”%(value)s 已经注册，不能重复注册；要修改请用更新服务。"),
    "v3.unknown": _("“%(field)s”%(value)s 没有注册，请先注册。"),
    "v3.nothing_found": _("没有查到符合条件的记录。"),
    "v3.no_criterion": _("查询没有给出任何条件，请至少给出一项：%(fields)s。"),
    "v3.bad_quantity": _(
        "“initialQuantity”的值 %(value)s 不是正整数，位置 %(place)s。请填写一次要返回的条数，或去掉该元素。"
    ),
    "v3.same_person": _("两个标识相同，不能与自身合并。"),
    "v3.not_permitted": _("有 %(count)s 份档案，但本机构与该居民没有诊疗或管理关系，不能调阅。"),
    "v3.no_document": _("没有编号为 %(number)s 的文档，或不在调阅范围内。"),
    "v3.no_content": _("文档内容为空或不是 base64 编码，位置 %(place)s。"),
    "v3.other_patient": _("文档中的身份证号与消息中的不一致，没有保存。请核对患者。"),
    "v3.document_refused": _("文档没有保存：%(because)s"),
    "v3.rows_refused": _("标准记录没有入库：%(because)s"),
    "v3.record_open": _("该居民已有健康档案 %(number)s（管理机构 %(org_code)s），不能重复建档；要接管请用属地变更。"),
    "v3.record_cancelled": _("健康档案 %(number)s 已注销，不能再变更。"),
    "v3.no_record": _("没有找到该居民的健康档案，请先建档。"),
    "v3.not_custodian": _("健康档案 %(number)s 由机构 %(org_code)s 管理，只有管理机构可以注销。"),
    "v3.is_custodian": _("本机构已是健康档案 %(number)s 的管理机构，无需变更。"),
    "v3.transferred_lately": _("健康档案 %(number)s 在 %(days)s 天内已变更过属地，请先与现管理机构核实。"),
    "v3.fault": _("平台暂时不能处理，消息已经保存，请稍后用同一消息号重发。"),
    "v3.no_application": _("没有这个接入应用。"),
    "v3.code_taken": _("名称 %(number)s 已被使用。"),
    "v3.no_such_institution": _("机构 %(org_code)s 没有注册，请先在机构注册中登记。"),
}
