"""`synth runs`: what runs there are, what one is, its learning curves, and removing them."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.asking import AsJson, Yes, remove_all, say_damaged
from synthcli.cli.completion import complete_runs, make_completer
from synthcli.errors import SynthError

if TYPE_CHECKING:
    from synthcli.jobs.run_report_types import ListedCheckpoint, ListedRun, RunReport, StepValue


app = typer.Typer(
    help="List runs, show one, draw learning curves, remove what is done with.", no_args_is_help=True
)

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME", help="Only runs of this name.", autocompletion=make_completer(complete_runs)
    ),
]
One = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="An id, a path, or a name.",
        show_default="the newest",
        autocompletion=make_completer(complete_runs),
    ),
]
Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN...",
        help="Ids, paths, or a name of one run.",
        autocompletion=make_completer(complete_runs),
    ),
]
Plotted = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...", help="Ids, names or paths.", autocompletion=make_completer(complete_runs)
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="A .png, .svg or .pdf.", show_default="the first run's"
    ),
]
Model = Annotated[
    str,
    typer.Option("--as", metavar="OWNER/MODEL", help="The model's id on the hub, which files are kept by."),
]
Folder = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Where `data/CORPUS/OWNER/MODEL/` goes.")
]
Leftovers = Annotated[bool, typer.Option("--leftovers", help="What killed commands left, too.")]


@app.command()
def ls(name: Name = None, as_json: AsJson = False) -> None:
    """List runs: how far each is, how large, and by which command; and what else lies there.

    Examples:

    ```
    synth runs ls
    synth runs ls wmt14-dense --json
    ```
    """
    from synthcli.disk import format_bytes
    from synthcli.jobs.run_report import row_of
    from synthcli.runs import runs_root
    from synthcli.runs.inventory import look_through

    found = [one for one in look_through(runs_root()) if name in (None, one.run.name)]
    rows = [row_of(one, runs_root()) for one in found]
    if as_json:
        return screen.data(json.dumps(rows, indent=2, ensure_ascii=False))
    runs = [
        [row["id"], row["name"] or "", " ".join(filter(None, (row["command"], row["corpus"]))), *ends(row)]
        for row in rows
        if row["id"]
    ]
    screen.table(None, ["run", "name", "by, on", "state", "size"], runs, right=frozenset({4}), least=(2,))
    others = [[row["path"], *ends(row)] for row in rows if not row["id"]]
    if others:
        screen.table("also here", ["path", "state", "size"], others, right=frozenset({2}))
    say_damaged(rows)
    screen.say(f"{format_bytes(sum(row['bytes'] for row in rows))} in `{runs_root()}`")
    left = sum(one.kind == "leftover" and not one.is_in_use for one in found)
    if left:
        screen.say(f"{left:,} left over by killed commands: `synth runs rm --leftovers`")
    return screen.say("next: `synth runs show RUN`, `synth runs plot RUN...`, `synth runs rm RUN...`")


def ends(row: "ListedRun") -> list[str]:
    """Return how far a row is, and its size; why one is damaged stands below the table."""
    from synthcli.disk import format_bytes

    return [row["state"].partition(": ")[0], format_bytes(row["bytes"])]


@app.command()
def show(run: One = None, as_json: AsJson = False) -> None:
    """Show what a run is made of, how far it is, what it came to, and which runs use it.

    Examples:

    ```
    synth runs show
    synth runs show wmt14-dense --json
    ```
    """
    from synthcli.jobs.run_report import refuse_unreadable, report_of
    from synthcli.runs import find_run, runs_root
    from synthcli.runs.inventory import look_at, look_through

    found = look_at(find_run(run).path)
    refuse_unreadable(found)
    report = report_of(found, look_through(runs_root()))
    if as_json:
        return screen.data(json.dumps(report, indent=2, ensure_ascii=False))
    screen.table(None, ["", report["name"] or ""], [row for row in list_run_facts(report) if row[1]])
    metric = shlex.join(["synth", "runs", "plot", str(found.path)])
    return screen.say(f"next: `{metric}`")


def list_run_facts(report: "RunReport") -> list[list[str]]:
    """Return what is shown of a run, a row each; empty ones are left out."""
    from synthcli.disk import format_bytes

    speed, store = report["speed"], report["store"]
    rows = [
        ["run", report["path"]],
        ["title", str(report["title"] or "")],
        ["scale", str(report["scale"] or "")],
        ["state", report["state"]],
        ["corpus", report["corpus"] or ""],
        ["store", "" if store is None else store["path"] or f"{store['hash'][:12]}…, not here"],
        *([role, word] for role, word in report["made_of"].items()),
        *([f"{use['role']} of", use["run"]] for use in report["used_by"]),
        *([key.replace("_", " "), at(found)] for key, found in report["losses"].items()),
        *(["checkpoint", checkpoint_line(one)] for one in report["checkpoints"]),
        *(["result", result_line(name, one)] for name, one in report["results"].items()),
        ["trained", f"{speed['seconds']:,.0f} s" if speed["seconds"] else ""],
        ["tokens/s", f"{speed['tokens_per_second']:,.0f}" if speed["tokens_per_second"] else ""],
        ["peak memory", format_bytes(speed["peak_memory"]) if speed["peak_memory"] else ""],
        ["peak GPU memory", format_bytes(speed["peak_gpu_memory"]) if speed["peak_gpu_memory"] else ""],
        ["size", format_bytes(report["bytes"])],
        *(["note", note] for note in report["notes"]),
    ]
    return [*rows, *([f"session {n}", session_line(one)] for n, one in enumerate(report["sessions"], 1))]


def at(found: "StepValue | None") -> str:
    return "" if found is None else f"{found['value']:.4f} at step {found['step']:,}"


def checkpoint_line(one: "ListedCheckpoint") -> str:
    from synthcli.disk import format_bytes

    loss = "" if one["validation_loss"] is None else f", validation loss {one['validation_loss']:.4f}"
    return f"{one['name']}, {format_bytes(one['bytes'])}{loss}"


def result_line(name: str, figures: Mapping[str, object]) -> str:
    said = ", ".join(f"{key} {value:.4g}" for key, value in figures.items() if isinstance(value, float))
    return f"{name}: {said}" if said else name


def session_line(session: Mapping[str, object]) -> str:
    """Say when a session began, by which command, of which commit, and on what."""
    said = [session.get(key) for key in ("time", "command", "commit", "device", "gpu", "processor")]
    return ", ".join(str(word) for word in said if word)


@app.command()
def plot(runs: Plotted, output: Output = None) -> None:
    """Draw the learning curves of runs as one picture.

    Examples:

    ```
    synth runs plot wmt14-dense
    synth runs plot wmt14-vanilla wmt14-dense -o curves.svg
    ```
    """
    from synthcli.disk import refuse_unwritable
    from synthcli.jobs.compress.agreement_picture import refuse_format
    from synthcli.jobs.curves_picture import curves_of, picture
    from synthcli.runs import find_run

    found = list(dict.fromkeys(find_run(word) for word in runs))
    path = output or found[0].path / "curves.png"
    refuse_format(path)
    curves = curves_of(found)
    refuse_unwritable(path, "name another file with `-o`")
    picture(curves, path)
    return screen.say(f"wrote `{path}`: {len(curves):,} run{'s' * (len(curves) != 1)}")


@app.command()
def results(model: Model, run: One = None, output: Folder = Path("results")) -> None:
    """Write the results of a run in the schema of Every Eval Ever, a file for each corpus.

    Examples:

    ```
    synth runs results wmt14-dense --as OWNER/MODEL
    ```
    """
    from synthcli.jobs.export.every_eval_ever import write_logs
    from synthcli.runs import find_run

    paths = write_logs(find_run(run), model, output)
    for path in paths:
        screen.say(f"wrote `{path}`")
    return screen.say("next: `every_eval_ever validate`, of the package of that name, checks such files")


@app.command()
def rm(runs: Runs = None, leftovers: Leftovers = False, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove runs, after showing them and asking; what is in use stays, and who uses one is said.

    Examples:

    ```
    synth runs rm 20261121-090412-8f3a
    synth runs rm --leftovers --yes
    ```
    """
    from synthcli.runs.removing import plan_removal, remove

    if not runs and not leftovers:
        raise SynthError("no run is named", "list them with `synth runs ls`")
    remove_all(plan_removal(runs or [], leftovers), "runs", remove, yes, as_json)
