"""The report of a tuning alone, as one page that needs nothing else."""

from synthcli.jobs.compare.page import render, show_tuning
from synthcli.jobs.tune.report_types import TuneReport


def tune_page(report: TuneReport) -> str:
    """Return the page as HTML; whatever names say is text there."""
    return render(
        "tune.html", title=f"Tuning {report['name']}", report=report, tuning=show_tuning(report["tuning"])
    )
