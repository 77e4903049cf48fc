"""series.parquet: series.csv as Apache Parquet, typed and compressed. Needs pyarrow."""

from __future__ import annotations

from pathlib import Path

from sim.results.measurements import Measurements
from sim.results.rows import series_columns
from sim.schema.fields import InputError


def check() -> None:
    """Raise `InputError` if pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415
    except ImportError:
        raise InputError(
            field="--export parquet",
            found="no pyarrow",
            expected="pip install 'outage-lab[parquet]'",
        ) from None


def parquet(result: Measurements, path: Path) -> None:
    """One row a second and platform; columns as in series.csv, `platform` first."""
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415

    tables = []
    for run in result.runs:
        columns = series_columns(run)
        names = pa.array([run.platform] * len(columns["t_s"])).dictionary_encode()
        tables.append(pa.table({"platform": names, **columns}))
    told = {b"scenario": result.scenario.encode(), b"command": result.command.encode()}
    whole = pa.concat_tables(tables).replace_schema_metadata(told)
    pq.write_table(whole, path, compression="zstd")
