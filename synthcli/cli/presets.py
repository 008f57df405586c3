"""`synth presets`: list, show, copy and check presets, and what editors need to know of them."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthcli.atomic_files import write_text
from synthcli.claims.printed import figures_by_preset
from synthcli.cli import screen
from synthcli.cli.completion import PAPERS, SCALES, list_presets, make_completer
from synthcli.cli.panels import SETTINGS
from synthcli.disk import guard_write
from synthcli.errors import SynthError, did_you_mean
from synthcli.presets import dump, find_preset, load_preset, preset_names
from synthcli.presets.catalogue import summarise
from synthcli.presets.commands import build_command, find_preset_verb
from synthcli.presets.files import NAME_PATTERN
from synthcli.presets.merge import values_of
from synthcli.presets.planning import parameters_of
from synthcli.presets.resolve import inherit_preset
from synthcli.presets.scales import scales_of

if TYPE_CHECKING:
    from synthcli.presets.catalogue import ListedPreset


app = typer.Typer(help="List, show, copy and check presets.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PresetName = Annotated[
    str,
    typer.Argument(
        metavar="PRESET",
        help="A name, or the path of a TOML file.",
        autocompletion=make_completer(list_presets),
    ),
]
Scale = Annotated[
    str | None,
    typer.Option(
        help="How large: smoke, hour, day or paper.",
        show_default="paper",
        rich_help_panel=SETTINGS,
        autocompletion=make_completer(SCALES),
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="A TOML file of settings laid over the preset.", rich_help_panel=SETTINGS),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override one key; repeatable.", rich_help_panel=SETTINGS
    ),
]


@app.command()
def ls(
    paper: Annotated[
        str | None,
        typer.Option(
            help="Only presets of this paper: its name or arXiv id.", autocompletion=make_completer(PAPERS)
        ),
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Only the names, one a line.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the presets with their size and what was claimed for them.

    Examples:

    ```
    synth presets ls
    synth presets ls --paper simplified-blocks --names
    ```
    """
    chosen = of_paper(paper)
    if names:
        return screen.data("\n".join(chosen))
    rows = [summarise(name) for name in chosen]
    if as_json:
        return screen.data(json.dumps([_json_row(row) for row in rows], indent=2, ensure_ascii=False))
    columns = ["preset", "title", "made by", "parameters", "claims"]
    table = [
        [name, row["title"], row["verb"], f"{row['parameters'] / 1e6:.1f} M", _describe_claims(name)]
        for name, row in zip(chosen, rows, strict=True)
    ]
    screen.table(None, columns, table, right=frozenset({3}), least=(2, 1))
    commands = sorted({f"`{build_command(row['verb'], 'NAME')}`" for row in rows})
    return screen.say(f"*: one source only\nnext: `synth presets show NAME`, {', '.join(commands)}")


def of_paper(paper: str | None) -> list[str]:
    """Return the presets of a paper, by its name or its arXiv id."""
    names = preset_names()
    if paper is None:
        return names
    papers: dict[str, list[str]] = {}
    for name in names:
        table = inherit_preset(find_preset(name)).get("paper", {})
        for key in ("name", "arxiv"):
            value = getattr(table.get(key), "value", None) if isinstance(table, dict) else None
            if value is not None:
                papers.setdefault(str(value), []).append(name)
    if paper not in papers:
        raise SynthError(f"no preset belongs to the paper `{paper}`", did_you_mean(paper, papers))
    return papers[paper]


def _describe_claims(name: str) -> str:
    """Return the printed figures of a preset in a few words: `bleu 27.43, trainable 62 M*`."""
    found = figures_by_preset().get(name, {}).values()
    return ", ".join(map(_describe_figure, sorted(found, key=lambda table: table["kind"] == "count")))


def _describe_figure(table: Mapping[str, Any]) -> str:
    value, measure = table["value"], table.get("measure", "parameters")
    if measure in {"parameters", "trainable"}:
        shown = f"{value / 1e6:g} M"
    else:
        shown = f"{value:.2f}" if 10 <= value < 1e4 else f"{value:g}"
    who = "" if table.get("source", "paper") == "paper" else f"{table['source']} "
    return f"{who}{measure} {shown}{'' if table.get('second') else '*'}"


def _json_row(row: "ListedPreset") -> dict[str, object]:
    """Return a row with every key of its paper, and the claims of a printed figure by id."""
    from synthcli.presets.paper import Paper

    found = figures_by_preset().get(row["name"], {})
    keys = ("kind", "measure", "value", "says", "where", "source", "seen", "second")
    claims = {own: {key: table.get(key) for key in keys} for own, table in found.items()}
    paper = row["paper"]
    whole = None if paper is None else Paper.model_validate(paper).model_dump()
    return {**row, "paper": whole, "claims": claims}


@app.command()
def show(
    preset: PresetName, scale: Scale = None, config: Config = None, set_: Set = None, as_json: AsJson = False
) -> None:
    """Print a preset in full, every value with where it comes from.

    Example:

    ```
    synth presets show wmt14-dense --scale smoke
    ```
    """
    experiment = load_preset(preset, scale, config, set_ or ())
    if as_json:
        table = experiment.model_dump(mode="json") | {"sources": dict(experiment.sources)}
        return screen.data(json.dumps(table, indent=2, ensure_ascii=False))
    return screen.data(dump(experiment).rstrip())


@app.command()
def cp(
    preset: PresetName,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to.", show_default="my-PRESET.toml")
    ] = None,
) -> None:
    """Write a file that extends a preset, to start your own from.

    Example:

    ```
    synth presets cp codeparrot-skipless -o mine.toml
    ```
    """
    source = find_preset(preset)
    path = output or Path(f"my-{source.stem}.toml")
    if path.suffix != ".toml":
        raise SynthError(f"`{path}` does not end in `.toml`", f"write to `{path}.toml`")
    if not re.fullmatch(NAME_PATTERN, path.stem):
        message = f"`{path.stem}` cannot be a preset's name, allowed: letters, digits, `.`, `_` and `-`"
        raise SynthError(message, f"write to `{source.stem}-mine.toml`")
    if path.exists():
        raise SynthError(f"`{path}` exists already", "choose another file with `-o FILE`")
    if not path.parent.is_dir():
        raise SynthError(f"no folder `{path.parent}`", "create it, or choose another with `-o FILE`")
    parent = preset if not preset.endswith(".toml") else str(source.resolve())
    with guard_write(f"`{path}`", path, "choose another file with `-o FILE`"):
        write_text(path, STARTING_POINT.format(parent=json.dumps(parent), preset=preset))
    command = build_command(find_preset_verb(values_of(inherit_preset(path))), str(path))
    check = shlex.join(["synth", "presets", "validate", str(path)])
    screen.say(f"wrote {path}\nnext: edit it, then `{check}` and `{command}`")


STARTING_POINT = """\
# Say only what differs from the preset below; `synth presets show {preset}` prints all there is.
extends = {parent}

# [training]
# seed = 1
"""


@app.command()
def validate(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Files, or names of presets.", autocompletion=make_completer(list_presets)
        ),
    ],
) -> None:
    """Check presets at every scale they have.

    Example:

    ```
    synth presets validate mine.toml
    ```
    """
    faults: list[str] = []
    for word in files:
        faults += faults_of(word)
    if faults:
        raise SynthError("\n".join(faults), "`synth presets show NAME` prints every key of a sound preset")
    command = build_command(find_preset_verb(values_of(inherit_preset(find_preset(files[0])))), files[0])
    screen.say(f"sound: {', '.join(files)}\nnext: `{command}`")


@app.command()
def schema() -> None:
    """Print the JSON Schema of preset files: an editor then completes keys and marks mistakes.

    Example:

    ```
    synth presets schema
    ```

    Kept as `preset.schema.json`, it is named by a preset's first line: `#:schema ./preset.schema.json`.
    """
    from synthcli.presets.editor_schema import preset_schema

    screen.data(json.dumps(preset_schema(), indent=2))


def faults_of(word: str) -> list[str]:
    """Return each distinct error message of a preset over its scales."""
    try:
        scales = scales_of(word)
    except SynthError as error:
        return [error.message]
    return list(dict.fromkeys(fault for scale in scales for fault in faults_at(word, scale)))


def faults_at(word: str, scale: str | None) -> list[str]:
    """Return what keeps a preset from being built at one scale: nothing, or one message."""
    try:
        parameters_of(load_preset(word, scale))
    except SynthError as error:
        return [error.message if word in error.message else f"preset `{word}`: {error.message}"]
    return []
