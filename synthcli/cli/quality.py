"""`synth quality`: what a store holds twice, not at all, or in two splits."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from synthcli.cli import screen
from synthcli.cli.completion import list_stores, make_completer
from synthcli.disk import refuse_unwritable
from synthcli.errors import SynthError

Place = Annotated[
    Path,
    typer.Argument(
        metavar="STORE",
        help="A store: its folder, or its name in `stores`.",
        autocompletion=make_completer(list_stores),
    ),
]
Picture = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Draw it too: a file ending in .png, .svg or .pdf.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

CLASSES_SHOWN = 40
COLUMNS = ["split", "rows", "ids", "empty", "duplicates", "unknown", "ids used", "median", "p99", "longest"]


def quality(store: Place, picture: Picture = None, as_json: AsJson = False) -> None:
    """Report blank rows, duplicates, lengths, unknown ids, classes, and rows that stand in two splits.

    Examples:

    ```
    synth quality copy.bytes-260
    synth quality stores/copy.bytes-260 --picture quality.png
    ```
    """
    from synthcli.data.prepare.source_changes import describe_source
    from synthcli.data.quality import FORMATS, list_warnings, quality_report
    from synthcli.data.quality import draw_picture as draw
    from synthcli.data.store.store import open_store, stores_root

    if picture is not None:
        refuse_picture(picture, FORMATS)
    inside = stores_root() / store
    opened = open_store(inside if inside.is_dir() and not store.is_dir() else store)
    found = quality_report(opened.path, opened.manifest)
    said = list_warnings(found)
    if as_json:
        screen.data(json.dumps(found | {"findings": said}, indent=2, ensure_ascii=False))
    else:
        rows = [_format_split(split, counts) for split, counts in found["splits"].items()]
        screen.table(write_title(found), COLUMNS, rows, right=frozenset(range(1, len(COLUMNS))))
        show_classes(found["splits"])
    changed = describe_source(opened)
    for line in [*([] if changed is None else [changed]), *said]:
        screen.say(f"note: {line}")
    if not said:
        alike = ", classes alike in all splits" if found["kind"] == "labelled" else ""
        screen.say(f"nothing unusual: no leak between splits, few duplicates, few unknown ids{alike}")
    if picture is not None:
        draw(found, picture)
        screen.say(f"wrote {picture}")
    else:
        command = shlex.join(["synth", "quality", str(store), "--picture", "quality.png"])
        screen.say(f"next: `{command}`")


def refuse_picture(path: Path, formats: tuple[str, ...]) -> None:
    """Refuse a file that no picture can be written to, before any work is done."""
    if path.suffix not in formats:
        raise SynthError(f"`{path}` names no format of pictures", f"end it in {', '.join(formats)}")
    if not path.parent.is_dir():
        raise SynthError(f"no folder `{path.parent}`", "create it, or choose another")
    refuse_unwritable(path, "name another file with `--picture`")


def write_title(found: dict[str, Any]) -> str:
    """Name the store, and say where only a share of its rows is compared."""
    tokenizer, one_in = found["tokenizer"], found["compared_one_row_in"]
    name = f"{found['corpus']} with {tokenizer['kind']}, {tokenizer['vocab_size']:,} ids"
    return name if one_in == 1 else f"{name}; one row in {one_in} is compared"


def show_classes(splits: dict[str, dict[str, Any]]) -> None:
    """Print how many rows of each class a split has; very many classes are for `--json`."""
    labels = {split: counts["labels"] for split, counts in splits.items() if "labels" in counts}
    names = list(next(iter(labels.values()), {}))
    if not 0 < len(names) <= CLASSES_SHOWN:
        return
    rows = [[name, *(share(counts[name], counts) for counts in labels.values())] for name in names]
    screen.table("rows of each class", ["class", *labels], rows, right=frozenset(range(1, len(labels) + 1)))


def share(count: int, counts: dict[str, int]) -> str:
    """Return a count and its share of a split."""
    return f"{count:,} ({100 * count / max(sum(counts.values()), 1):.3g} %)"


def _format_split(split: str, counts: dict[str, Any]) -> list[str]:
    """Return a row of the table; the lengths of several columns stand beside each other."""
    numbers = [f"{counts[key]:,}" for key in ("rows", "tokens", "empty", "duplicates", "unknown", "ids_used")]
    lengths = [
        " / ".join(f"{column[key]:,}" for column in counts["lengths"].values())
        for key in ("median", "p99", "longest")
    ]
    return [split, *numbers, *lengths]
