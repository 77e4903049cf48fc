"""series.parquet: series.csv as Apache Parquet, typed and compressed. Needs pyarrow."""

from __future__ import annotations

from sim.results.measurements import Measurements
from sim.results.series import series_columns


def parquet(result: Measurements) -> bytes:
    """The whole file: one row a second and platform; columns as in series.csv, `platform` first."""
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415

    tables = []
    for run in result.runs:
        columns = series_columns(run)
        names = pa.array([run.platform] * len(columns["t_s"])).dictionary_encode()
        tables.append(pa.table({"platform": names, **columns}))
    origin = {b"scenario": result.scenario.encode(), b"command": result.command.encode()}
    whole = pa.concat_tables(tables).replace_schema_metadata(origin)
    sink = pa.BufferOutputStream()
    pq.write_table(whole, sink, compression="zstd")
    return bytes(sink.getvalue())
