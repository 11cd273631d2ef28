"""The one-page report of a run: verdicts first, then where to look. One file without anything from the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

from hil.report.verdicts import SuiteRow, Verdicts, clock_text

_STYLE: Final = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#1c2733;background:#fff}
table{border-collapse:collapse;width:100%;margin:1rem 0}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #d9e0e6}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.pass{color:#116b3a}.fail{color:#b3261e}.skip{color:#7a5b00}
pre{white-space:pre-wrap;background:#f4f6f8;padding:.7rem;border-left:3px solid #b3261e}
dt{font-weight:600}code{font-size:.92em}
@media(prefers-color-scheme:dark){body{background:#14191f;color:#dfe6ec}th,td{border-color:#303a44}pre{background:#1d242b}
.pass{color:#6cd09a}.fail{color:#ff8a80}.skip{color:#e4c15a}a{color:#8ab8ff}}
"""


def render(
    *,
    verdicts: Verdicts,
    facts: Mapping[str, object],
    farm_s: float,
    wall_s: float,
    traces: Sequence[tuple[str, str]],
) -> str:
    """Return the page.

    Args:
        verdicts: What the tests ended with.
        facts: What stands in run.json and is worth a line.
        farm_s: Farm time of all tests together [s].
        wall_s: Wall time of the run [s].
        traces: Test and trace file (relative to the page) of each test that had a farm.
    """
    counts = verdicts.counts
    state = "fail" if counts.failed else "pass" if counts.passed else "skip"
    speed = f", x{farm_s / wall_s:.0f}" if farm_s and wall_s else ""
    rows = "".join(_suite(row) for row in verdicts.suites)
    failed = "".join(
        f"<h3>{escape(one.test)}</h3><p><code>{escape(Path(one.source).name)}</code></p><pre>{escape(one.message)}</pre>"
        for one in verdicts.failures
        if not one.not_run
    )
    idle = f"<p>{verdicts.not_run} of the failed tests did not run.</p>" if verdicts.not_run else ""
    listed = "".join(f'<li><a href="{escape(file, quote=True)}">{escape(test)}</a></li>' for test, file in traces)
    known = "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(str(value))}</code></dd>" for name, value in facts.items()
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(str(counts))}</title><style>{_STYLE}</style></head><body>
<h1 class="{state}">{escape(str(counts))}</h1>
<p>Farm time {clock_text(farm_s)}, wall time {wall_s:.1f} s{speed}.
<a href="log.html">log.html</a> | <a href="junit.xml">junit.xml</a> | <a href="run.json">run.json</a></p>
<table><thead><tr><th>Suite</th><th class="n">passed</th><th class="n">failed</th><th class="n">skipped</th>
<th class="n">wall</th></tr></thead><tbody>{rows}</tbody></table>
{"<h2>Failed</h2>" + failed if failed else ""}{idle}
{"<h2>Traces</h2><ul>" + listed + "</ul>" if listed else ""}
<h2>Run</h2><dl>{known}</dl>
</body></html>
"""


def _suite(row: SuiteRow) -> str:
    counts = row.counts
    state = "fail" if counts.failed else "skip" if counts.skipped else "pass"
    numbers = "".join(f'<td class="n">{value}</td>' for value in (counts.passed, counts.failed, counts.skipped))
    return f'<tr><td class="{state}">{escape(row.name)}</td>{numbers}<td class="n">{row.wall_s:.1f} s</td></tr>'
