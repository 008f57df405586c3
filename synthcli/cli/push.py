"""`synth push`: put an exported model on the Hugging Face hub."""

import json
from pathlib import Path
from typing import Annotated

import typer

from synthcli.cli import screen

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="What `synth export` wrote.")]
To = Annotated[str, typer.Option(metavar="OWNER/NAME", help="Where on the hub; made if it is not there.")]
Private = Annotated[bool, typer.Option("--private", help="Make it visible to its owner alone.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show the files that would be sent.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

UNITS = ("B", "kB", "MB", "GB")


def push(
    folder: Folder, to: To, private: Private = False, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Send a folder to the hub; the token is `HF_TOKEN`, or that of `hf auth login`.

    What goes is what a model needs: weights, configuration, tokenizer, card and certificate. Pickles, links
    out of the folder, hidden files, keys and everything else stay, and are named.

    Examples:

    ```
    synth push translator --to me/translator --dry-run
    synth push translator --to me/translator
    ```
    """
    from synthcli.jobs.export.push import plan_push
    from synthcli.jobs.export.push import push as send

    plan = plan_push(folder, to, private)
    address = None if dry_run else send(plan)
    if as_json:
        files = [{"name": file.name, "bytes": file.bytes} for file in plan.files]
        left = [{"name": one.name, "why": one.why} for one in plan.left_out]
        found = {"to": to, "private": private, "files": files, "left_out": left, "address": address}
        return screen.data(json.dumps(found))
    for one in plan.left_out:
        screen.say(f"left out: `{one.name}`: {one.why}")
    if dry_run:
        rows = [[file.name, format_size(file.bytes)] for file in plan.files]
        screen.table(None, ["file", "size"], rows, right=frozenset({1}))
        kind = "private" if private else "public"
        return screen.say(
            f"{len(rows)} files, {format_size(plan.bytes)}, would go to `{to}` ({kind}); nothing was sent"
        )
    screen.say(f"sent {len(plan.files)} files, {format_size(plan.bytes)}")
    return screen.data(str(address))


def format_size(number: int) -> str:
    """Return a number of bytes to three digits."""
    value, unit = float(number), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {UNITS[unit]}"
