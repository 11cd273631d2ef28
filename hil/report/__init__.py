"""Runs and what is left of them: the run folder, progress, verdicts, reports and exit codes."""

from hil.report.folder import Record, RunFolder
from hil.report.runner import ExitCode, RunOutcome, RunRequest, print_outcome, run_suites

__all__ = ["ExitCode", "Record", "RunFolder", "RunOutcome", "RunRequest", "print_outcome", "run_suites"]
