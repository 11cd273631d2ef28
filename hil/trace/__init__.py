"""What happened: one writer, one file format (``docs/trace.md``), one hash for a test and one for a run."""

from hil.trace.writer import (
    FORMAT_VERSION,
    Level,
    Trace,
    TraceWriter,
    begun_trace,
    read_trace,
    run_hash,
    stable_name,
    trace_path,
)

__all__ = [
    "FORMAT_VERSION",
    "Level",
    "Trace",
    "TraceWriter",
    "begun_trace",
    "read_trace",
    "run_hash",
    "stable_name",
    "trace_path",
]
