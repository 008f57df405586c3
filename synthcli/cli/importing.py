"""`synth import`: take in a model that the original repositories, or Hugging Face's library, wrote."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.completion import FORMS, ORIGINS, make_completer
from synthcli.errors import SynthError

if TYPE_CHECKING:
    from synthcli.jobs.importing import ImportReport

Source = Annotated[
    Path | None,
    typer.Argument(
        metavar="PATH", help="A file of weights, or a folder; nothing lists the origin's options."
    ),
]
From = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="ORIGIN",
        help="hf, srupp, simplified-blocks, synthesizer or bert-blocks.",
        autocompletion=make_completer(ORIGINS),
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="The new folder.", show_default="imported/NAME"),
]
Heads = Annotated[
    str | None,
    typer.Option(metavar="N", help="Heads, where no weight shows them; of each layer with commas between."),
]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="What the original was trained with; repeatable."),
]
Base = Annotated[Path | None, typer.Option(help="The model that a part of one belongs in.")]
Tokens = Annotated[
    Path | None,
    typer.Option("--tokenizer", metavar="FOLDER", help="Its tokenizer, where none lies beside it."),
]
Form = Annotated[
    str | None,
    typer.Option(
        help="How it reads texts of several fields: named or plain.",
        show_default="what the origin did",
        autocompletion=make_completer(FORMS),
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")]

DIGITS = 9  # more than any number of heads has


def import_(
    path: Source = None,
    origin: From = "hf",
    output: Output = None,
    heads: Heads = None,
    option: Options = None,
    base: Base = None,
    tokenizer: Tokens = None,
    form: Form = None,
    as_json: AsJson = False,
) -> None:
    """Make a checkpoint of a model trained elsewhere; every tensor is used, or named.

    Examples:

    ```
    synth import bert-base-uncased/
    synth import best/pytorch_model.bin --from synthesizer
    synth import model.pt --from srupp --heads 1 -o srupp
    ```
    """
    from synthcli.jobs.importing import ImportRequest, import_model, origin_of

    if path is None:
        rows = [[key, meaning] for key, meaning in origin_of(origin).options.items()]
        title = f"options of `--from {origin}`, {origin_of(origin).title}"
        return screen.table(title if rows else f"{title}: none", ["option", "what it says"], rows)
    request = ImportRequest(
        origin, path, output, pairs(option or []), parse_heads(heads), base, tokenizer, form
    )
    report = import_model(request)
    if as_json:
        return screen.data(json.dumps(vars(report) | {"checkpoint": str(report.checkpoint)}, indent=2))
    return show_import(report)


def pairs(words: list[str]) -> dict[str, str]:
    """Return options by name."""
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key or not value:
            raise SynthError(f"`--option {word}` is not `KEY=VALUE`", "`--option centre_attn=True`")
        if key in found:
            raise SynthError(f"`--option {key}` is given twice", "leave one")
        found[key] = value
    return found


def parse_heads(heads: str | None) -> tuple[int, ...]:
    """Return one number of heads, or one for each layer."""
    parts = [] if heads is None else heads.split(",")
    if not all(part.strip().isdecimal() and len(part) <= DIGITS and int(part) > 0 for part in parts):
        raise SynthError(
            f"`--heads {heads:.40}` is no number above 0, or several", "`--heads 12`, `--heads 12,8`"
        )
    return tuple(map(int, parts))


def show_import(report: "ImportReport") -> None:
    """Say what was inferred and assumed, and what the checkpoint is good for."""
    from synthcli.jobs.importing import explain_unused

    for line in (*report.notes, *explain_unused(report)):
        screen.say(line)
    what = f"{report.parameters:,} parameters, task `{report.task}`"
    if report.tokenizer is None:
        screen.say("no tokenizer: what reads text refuses it; import again with `--tokenizer FOLDER`")
    else:
        what += f", tokenizer `{report.tokenizer}`"
    screen.say(f"wrote `{report.checkpoint}`: {what}")
    if report.tokenizer is not None:
        writes = report.task in ("seq2seq", "causal-lm")
        follow = f"synth generate {report.checkpoint} --prompt TEXT" if writes else None
        screen.say(f"next: `{follow or f'synth finetune {report.checkpoint} --corpus NAME --preset NAME'}`")
    screen.data(str(report.checkpoint))
