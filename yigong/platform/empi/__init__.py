"""主索引: who is who."""
