"""健康档案与电子病历: the standard records, documents and the event index."""
