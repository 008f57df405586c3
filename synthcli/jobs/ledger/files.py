"""The files of a ledger: JSON, Markdown, one page."""

import json
from dataclasses import dataclass
from pathlib import Path

from synthcli import atomic_files
from synthcli.disk import guard_write
from synthcli.errors import carry_result
from synthcli.jobs.compare.compare import ELSEWHERE, KEPT
from synthcli.jobs.ledger.evidence import Evidence
from synthcli.jobs.ledger.ledger import LedgerConfig
from synthcli.jobs.ledger.page import page
from synthcli.jobs.ledger.report import markdown, report_of
from synthcli.jobs.ledger.report_types import LedgerReport
from synthcli.jobs.ledger.verdicts import controls_that_failed, make_entries


@dataclass(frozen=True)
class WrittenLedger:
    """Where it is, what it says, and the controls that came out wrong."""

    path: Path
    report: LedgerReport
    failed_controls: list[str]


def write_ledger(config: LedgerConfig, evidence: Evidence, folder: Path) -> WrittenLedger:
    """Write what the records tell of the claims that were asked for."""
    entries = make_entries(config, evidence)
    report = report_of(entries, config.scale, config.command)
    path = folder / "ledger.json"
    with carry_result(report), guard_write(f"the ledger `{path}`", path, ELSEWHERE, KEPT):
        folder.mkdir(parents=True, exist_ok=True)
        atomic_files.write_text(path, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        atomic_files.write_text(path.with_suffix(".md"), markdown(report))
        atomic_files.write_text(path.with_suffix(".html"), page(report))
    return WrittenLedger(path, report, controls_that_failed(entries))
