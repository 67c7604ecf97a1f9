"""基础平台: exchange, warehouse and knowledge over records over EMPI over registry over bus."""
