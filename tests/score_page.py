"""The tables of docs/score.md, made of the data: `python -m tests.score_page` writes them into the page."""

import json
import re
from pathlib import Path
from typing import Any

from synthcli.cli.score import digits
from synthcli.evaluation.protocols.papers import USES, PaperFigure
from synthcli.jobs.markdown import table_lines

ROOT = Path(__file__).parents[1]
PAGE, RECORDS = ROOT / "docs/score.md", ROOT / "docs/results/protocols"
TRANSLATED = {"multi30k": "Multi30k", "newstest2014-copied-source": "newstest2014"}
SUMMARISED = "cnn-dailymail-lead-3"
KINDS = {
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L of the whole",
    "rougeLsum": "ROUGE-L by sentence",
}
UNKNOWN, ARXIV = "not known: ", "https://arxiv.org/abs"
ENDINGS = {"": "rouge-score", "-stemmed": "rouge-score, stems", "-perl": "1.5.5", "-perl-m": "1.5.5 `-m`"}


def read_record(name: str) -> dict[str, Any]:
    """Return what `synth score --json` printed."""
    found: dict[str, Any] = json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def read_values(name: str) -> dict[str, str]:
    """Return the figures of a record as they are printed."""
    return {one["name"]: digits(one["name"], one["value"]) for one in read_record(name)["figures"]}


def build_tables() -> dict[str, list[str]]:
    """Return the lines of every table of the page, by the name that stands before it."""
    translated = {title: read_values(name) for name, title in TRANSLATED.items()}
    rows = [[f"`{name}`", *(found[name] for found in translated.values())] for name in translated["Multi30k"]]
    summarised = read_values(SUMMARISED)
    of_kinds = [
        [title, *(summarised.get(_name(kind, ending), "") for ending in ENDINGS)]
        for kind, title in KINDS.items()
    ]
    return {
        "papers": table_lines(("paper", "figure", "protocol", "known from", ""), map(_row, USES)),
        "translations": table_lines(("protocol", *TRANSLATED.values()), rows),
        "summaries": table_lines(("", *ENDINGS.values()), of_kinds),
    }


def _name(kind: str, ending: str) -> str:
    """Return the protocol of a kind: the script's ROUGE-L is by line."""
    if "-perl" not in ending or not kind.startswith("rougeL"):
        return kind + ending
    return f"rougeL{ending}" if kind == "rougeLsum" else ""


def _row(use: PaperFigure) -> tuple[str, ...]:
    protocols = ", ".join(f"`{name}`" for name in use.protocols) or "**not known**"
    is_repository = use.where.startswith("github.com/")
    link = f"[code](https://{use.where})" if is_repository else f"[{use.where}]({ARXIV}/{use.where})"
    return f"{use.paper}, {link}", use.figure, protocols, use.source.removeprefix(UNKNOWN), use.note


def place_tables(page: str) -> str:
    """Return the page with every table after its mark."""
    for name, lines in build_tables().items():
        mark = f"<!-- {name} -->\n"
        page = re.sub(rf"{mark}(\|.*\n)*", lambda found: mark + "\n".join(lines) + "\n", page)  # noqa: B023
    return page


if __name__ == "__main__":
    PAGE.write_text(place_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
