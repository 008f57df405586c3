"""The ledger as it is written: JSON of everything, and Markdown: what holds, what does not, what is open."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import synthcli
from synthcli.claims.diverged import DivergenceFinding
from synthcli.claims.files import CONTROLS
from synthcli.claims.schema import Scale, largest
from synthcli.claims.verdict import ClaimVerdict, Ruling, Word
from synthcli.jobs.compare.report import MADE
from synthcli.jobs.ledger.claim_findings import ClaimOutcome
from synthcli.jobs.ledger.report_types import ClaimRow, LedgerReport, Relation, ScaleVerdict
from synthcli.jobs.ledger.verdicts import LedgerEntry
from synthcli.jobs.markdown import table_lines

PARTS: Mapping[str, tuple[Word, ...]] = {
    "What holds": ("reproduced", "direction holds"),
    "What does not": ("contradicted",),
    "What nobody could decide": ("undecided",),
    "Not comparable": ("not comparable",),
    "Not run": ("not run",),
}


def report_of(entries: Sequence[LedgerEntry], scale: Scale | None, command: str) -> LedgerReport:
    """Return the ledger as JSON has it; `scale` is the one that was run, None of records alone."""
    return {
        "command": command,
        "version": synthcli.__version__,
        "scale": scale,
        "counts": _counts(entries),
        "controls": [_entry(one) for one in entries if one.named.is_control],
        "claims": [_entry(one) for one in entries if not one.named.is_control],
    }


def _counts(entries: Sequence[LedgerEntry]) -> dict[str, dict[str, int]]:
    """Return how many claims of each family have each verdict."""
    found: dict[str, Counter[str]] = {}
    for entry in entries:
        found.setdefault(entry.named.family, Counter())[entry.verdict.word] += 1
    return {family: dict(sorted(counter.items())) for family, counter in found.items()}


def _entry(entry: LedgerEntry) -> ClaimRow:
    claim = entry.named.claim
    return {
        "id": entry.named.id,
        "kind": claim.kind,
        "says": claim.says,
        "where": claim.where,
        "source": claim.source,
        "printed": claim.printed,
        "verdict": str(entry.verdict),
        "word": entry.verdict.word,
        "why": entry.verdict.why,
        "scales": {
            scale: _verdict(verdict, entry.found.get(scale)) for scale, verdict in entry.verdicts.items()
        },
        "hours": dict(entry.hours),
    }


def _verdict(verdict: ClaimVerdict, found: ClaimOutcome | None) -> ScaleVerdict:
    table: ScaleVerdict = {"verdict": verdict.word, "why": verdict.why}
    if verdict.figures:
        table["figures"] = dict(verdict.figures)
    if verdict.rulings:
        table["relations"] = [_table_of_ruling(one) for one in verdict.rulings]
    if found is not None:
        table["figures"] = {arm: dict(values) for arm, values in found.figures.items()}
        table["runs"] = [
            {
                "run": one.run,
                "preset": one.preset,
                "seed": one.seed,
                **{key: one.made.get(key) for key in MADE},
            }
            for one in found.runs
        ]
        if found.measured is not None:
            table["made"] = dict(found.measured.made)
    return table


def _table_of_ruling(ruling: Ruling) -> Relation:
    finding, p_holds, p_against = ruling.finding, ruling.p_holds, ruling.p_against
    if isinstance(finding, DivergenceFinding):
        return {**finding.to_table(), "verdict": ruling.word, "p_holds": p_holds, "p_against": p_against}
    return {**finding.to_table(), "verdict": ruling.word, "p_holds": p_holds, "p_against": p_against}


def markdown(report: LedgerReport) -> str:
    """Return the ledger in Markdown."""
    lines = ["# Ledger of claims", "", sentence(report), "", *_counts_table(report), ""]
    for title, there in parts_of(report).items():
        lines += [f"## {title}", "", *_part(title, there), ""]
    lines += ["## Controls", "", *_part("Controls", report["controls"]), "", *_how(report)]
    return "\n".join(lines) + "\n"


def parts_of(report: LedgerReport) -> dict[str, list[ClaimRow]]:
    """Return the claims of each part that has some, by its title; what was only counted stands last."""
    parts = {
        title: [one for one in report["claims"] if one["word"] in words] for title, words in PARTS.items()
    }
    return {
        title: sorted(claims, key=lambda one: one["kind"] == "count")
        for title, claims in parts.items()
        if claims
    }


def sentence(report: LedgerReport) -> str:
    """Say in one sentence how many claims came out how."""
    total: Counter[str] = Counter(one["word"] for one in report["claims"])
    words = [word for of_part in PARTS.values() for word in of_part if total[word]]
    return f"{sum(total.values())} claims: " + ", ".join(f"{total[word]} {word}" for word in words) + "."


def _counts_table(report: LedgerReport) -> list[str]:
    words = [word for of_part in PARTS.values() for word in of_part]
    families = [family for family in report["counts"] if family != CONTROLS]
    rows = [[family, *(str(report["counts"][family].get(word, 0)) for word in words)] for family in families]
    return table_lines(["family", *words], rows)


def _part(title: str, claims: Sequence[ClaimRow]) -> list[str]:
    if title == "Not run":
        return table_lines(["claim", "it says", "what it takes, or why not"], map(_not_run, claims))
    return table_lines(["claim", "it says", "verdict", "found"], map(_row, claims))


def _not_run(one: ClaimRow) -> list[str]:
    return [f"`{one['id']}`", _describe(one), one["why"]]


def _row(one: ClaimRow) -> list[str]:
    return [f"`{one['id']}`", _describe(one), one["verdict"], describe_found(one)]


def _describe(one: ClaimRow) -> str:
    return f"{one['says']} ({one['where']})"


def describe_found(one: ClaimRow) -> str:
    """Return what was found for a claim at its largest scale: each relation with its interval, or a count."""
    scales = one["scales"]
    if not scales:
        return one["why"]
    table = scales[largest(scales)]
    relations = "; ".join(_relation_words(relation) for relation in table.get("relations", ()))
    return "; ".join(
        filter(None, (relations, table["why"] if table["verdict"] != "contradicted" or not relations else ""))
    )


def _relation_words(one: Relation) -> str:
    if "diverged" in one:
        counts = ", ".join(f"{arm} {count}" for arm, count in one["diverged"].items())
        return f"{one['relation']}: of {one['seeds']} seeds diverged {counts}: {one['verdict']}"
    low, high = one["interval"] or (float("nan"), float("nan"))
    found = f"{one['difference']:+.3g} [{low:+.3g}, {high:+.3g}] {one['unit']}"
    return f"{one['relation']}: {found}, {one['seeds']} seeds: {one['verdict']}"


HOW = (
    "Differences are the first arm's less the second's, turned so that more is better; intervals of 95 % are",
    "over seeds and test samples together; p-values are adjusted over a family at a scale (Holm). Below the",
    "scale of the paper no more than a direction is said.",
)


def _how(report: LedgerReport) -> Iterator[str]:
    """Yield the lines that say how numbers and words are made."""
    yield from HOW
    if report["command"]:
        yield from ("", f"`{report['command']}`")
    yield from ("", f"synth {report['version']}.")
