"""What of a report people should know, a line each."""

from typing import Any

from synthcli.data.quality.class_balance import class_warnings

WORTH_SAYING = 0.001  # of all ids or rows; an overlap of splits is always said


def list_warnings(report: dict[str, Any]) -> list[str]:
    """Return what is unusual: leaks, then classes, unknown ids, duplicates and rows without an id."""
    found = [_describe_leak(overlap) for overlap in report["overlaps"] if overlap["rows"]]
    found += class_warnings(report["splits"])
    for split, counts in report["splits"].items():
        found += [
            f"{describe_share(counts[key], counts[of])} {what.format(split=split)}"
            for key, of, what in COUNTED
            if counts[key] > WORTH_SAYING * counts[of]
        ]
    return found


COUNTED = (
    ("unknown", "tokens", "ids of `{split}` are unknown"),
    ("duplicates", "compared", "rows of `{split}` repeat an earlier one"),
    ("empty", "rows", "rows of `{split}` have no ids"),
)


def _describe_leak(overlap: dict[str, Any]) -> str:
    share = describe_share(overlap["rows"], overlap["compared"])
    return f"{share} rows of `{overlap['of']}` stand in `{overlap['in']}` too"


def describe_share(part: int, whole: int) -> str:
    """Return a count and its share: `1,024 of 30,000 (3.4 %)`."""
    share = 100 * part / whole
    return f"{part:,} of {whole:,} ({share:{'.2g' if share < 99.5 else '.0f'}} %)"
