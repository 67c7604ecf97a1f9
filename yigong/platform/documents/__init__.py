"""共享文档的生成、签名、版本：written from the records of an event, signed for its institution, replaced and never changed."""
