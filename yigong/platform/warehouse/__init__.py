"""数据仓库: Parquet read by DuckDB, measures declared once."""
