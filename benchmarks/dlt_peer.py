"""dlt as a peer: one table of PostgreSQL into another, sql_table with the arrow backend, loaded by COPY of CSV, nothing checked.

``DATABASE_URL=… python -m benchmarks.dlt_peer TABLE FOLDER`` prints one line of JSON; dlt, like ours, is loaded before the clock starts.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(table: str, folder: str) -> int:
    """Load and print rows and seconds."""
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": folder, "RUNTIME__LOG_LEVEL": "WARNING"}
    url = os.environ["DATABASE_URL"]
    import dlt
    from dlt.sources.sql_database import sql_table

    source = sql_table(credentials=url, table=table, backend="pyarrow", chunk_size=100_000)
    pipeline = dlt.pipeline(
        "bench", pipelines_dir=folder, destination=dlt.destinations.postgres(url), dataset_name="bench_dlt"
    )
    started = time.perf_counter()
    pipeline.run(source, loader_file_format="csv", write_disposition="append")
    seconds = time.perf_counter() - started
    rows = pipeline.last_trace.last_normalize_info.row_counts[table]
    print(json.dumps({"seconds": seconds, "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
