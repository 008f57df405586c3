"""`synth distill-block`: replace the mixer of a block by another, from a formula and by training."""

import json
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthcli.cli import screen
from synthcli.cli.checkpoints import say_if_unfinished
from synthcli.cli.completion import (
    CONDITIONED,
    CRITERIA,
    FORMULAS,
    MIXERS,
    SCALES,
    complete,
    list_corpora,
    list_presets,
    list_runs,
    listed,
)
from synthcli.cli.going_on import resuming
from synthcli.cli.panels import MODEL, RESULT, SETTINGS, TEXT, TRAINING
from synthcli.cli.run_options import RunName
from synthcli.cli.source_option import Source
from synthcli.errors import SynthError
from synthcli.variables import LARGEST_SEED

if TYPE_CHECKING:
    from synthcli.jobs.distil_block import Outcome, Work


Block = Annotated[
    list[str] | None,
    typer.Option(
        metavar="N",
        help="A layer, counted from 0; repeatable, or `all`.",
        rich_help_panel=MODEL,
        autocompletion=complete(("all",)),
    ),
]
Teacher = Annotated[
    str | None,
    typer.Option(
        help="A run, id, preset, checkpoint, or a BERT or GPT-2 folder.",
        show_default="the newest encoder",
        rich_help_panel=MODEL,
        autocompletion=complete(list_runs),
    ),
]
Mixer = Annotated[
    str | None,
    typer.Option(
        help=f"{listed(MIXERS)}.",
        show_default="attention",
        rich_help_panel=MODEL,
        autocompletion=complete(MIXERS),
    ),
]
Heads = Annotated[
    int | None,
    typer.Option(help="Heads of the student.", show_default="the teacher's", rich_help_panel=MODEL),
]
DK = Annotated[
    int | None,
    typer.Option(
        "--d-k", help="Columns of a head.", show_default="half of the teacher's", rich_help_panel=MODEL
    ),
]
Criterion = Annotated[
    str | None,
    typer.Option(
        help=f"{listed(CRITERIA)}.",
        show_default="mse",
        rich_help_panel=TRAINING,
        autocompletion=complete(CRITERIA),
    ),
]
RelationHeads = Annotated[
    int | None, typer.Option(min=1, help="Of the criterion `relation`.", rich_help_panel=TRAINING)
]
Start = Annotated[
    str | None,
    typer.Option(
        "--start",
        "--init",
        help="By a formula (whitened-svd, greedy-heads, mean-map, moving-averages, ridge, linear-map, mean), "
        "by chance (random), or the one ahead after a short trial (best).",
        show_default="best",
        rich_help_panel=MODEL,
        autocompletion=complete(FORMULAS),
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(min=0, help="Training steps of each block.", show_default="400", rich_help_panel=TRAINING),
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        "--lr",
        min=1e-9,
        help="Peak learning rate.",
        show_default="by the mixer: 1e-3 for attention",
        rich_help_panel=TRAINING,
    ),
]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="Sequences of a step.", show_default="32", rich_help_panel=TRAINING)
]
ClosedFormOnly = Annotated[
    bool,
    typer.Option("--closed-form-only", help="The start alone: no gradient step.", rich_help_panel=TRAINING),
]
Conditioned = Annotated[
    str | None,
    typer.Option(
        help="teacher: blocks apart; student or corrected: each after those before it.",
        show_default="teacher",
        rich_help_panel=TRAINING,
        autocompletion=complete(CONDITIONED),
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        help="Take all of it from a preset with `[compress]`.",
        rich_help_panel=SETTINGS,
        autocompletion=complete(list_presets),
    ),
]
Scale = Annotated[
    str | None,
    typer.Option(
        help="With --preset: smoke, hour, day or paper.",
        rich_help_panel=SETTINGS,
        autocompletion=complete(SCALES),
    ),
]
Corpus = Annotated[
    str | None,
    typer.Option(
        help="Text to compress on.",
        show_default="the teacher's own",
        rich_help_panel=TEXT,
        autocompletion=complete(list_corpora),
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(min=1, help="Sequences to learn from.", show_default="2,000", rich_help_panel=TEXT),
]
MaxLength = Annotated[int | None, typer.Option(min=3, help="Longest sequence.", rich_help_panel=TEXT)]
CacheLimit = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Largest recording, such as 4GB.", rich_help_panel=TEXT)
]
Seed = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=LARGEST_SEED,
        help="Of starts by chance and of the order of the text.",
        rich_help_panel=SETTINGS,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=RESULT)]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done and what it takes.", rich_help_panel=RESULT)
]


def distil_block(
    block: Block = None,
    teacher: Teacher = None,
    mixer: Mixer = None,
    heads: Heads = None,
    d_k: DK = None,
    criterion: Criterion = None,
    relation_heads: RelationHeads = None,
    start: Start = None,
    steps: Steps = None,
    lr: LearningRate = None,
    batch_size: BatchSize = None,
    closed_form_only: ClosedFormOnly = False,
    conditioned: Conditioned = None,
    preset: Preset = None,
    scale: Scale = None,
    corpus: Corpus = None,
    source: Source = None,
    limit: Limit = None,
    max_length: MaxLength = None,
    cache_limit: CacheLimit = None,
    seed: Seed = None,
    name: RunName = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Replace the mixer of blocks by another: from a formula first, then by training on recorded activations.

    Examples:

    ```
    synth distill-block --block 6
    synth distill-block --block all --mixer random --closed-form-only
    synth distill-block --preset bert-distil-block-0-heads-1-dk-16 --scale smoke
    ```
    """
    if closed_form_only and steps:
        raise SynthError(
            f"`--steps {steps}` and `--closed-form-only` exclude each other", "leave one of them out"
        )
    from synthcli.jobs.distil_block import carried_out, found
    from synthcli.jobs.distil_request import Asked, request_of
    from synthcli.jobs.pipeline import is_pipeline
    from synthcli.runs.naming import refuse_name

    asked = Asked(
        blocks=blocks_of(block),
        teacher=teacher,
        mixer=mixer,
        heads=heads,
        d_head=d_k,
        criterion=criterion,
        relation_heads=relation_heads,
        start=start,
        steps=0 if closed_form_only else steps,
        learning_rate=lr,
        batch_size=batch_size,
        conditioned=conditioned,
        corpus=corpus,
        source=source,
        limit=limit,
        max_length=max_length,
        cache_limit=None if cache_limit is None else bytes_of(cache_limit),
        seed=seed,
        name=name,
    )
    refuse_name(name)
    request = request_of(asked, preset, scale)
    with Showing() as showing:
        work = found(request, showing.preparing)
        announce(work)
        if dry_run:
            return show_plan(work, as_json)
        if is_pipeline(preset, scale):
            return whole(work, str(preset), scale, showing, as_json)
        with screen.showing_lost(lambda lost: show_figures(lost, as_json)):
            outcome = carried_out(work, showing.progress, screen.say)
    return show_figures(outcome.to_json(), as_json) if as_json else show(outcome)


def whole(work: "Work", preset: str, scale: str | None, showing: "Showing", as_json: bool) -> None:
    """Run all stages of a pipeline, and show each."""
    from synthcli.cli.heal import report
    from synthcli.cli.probe import show as show_probe
    from synthcli.cli.train import watching
    from synthcli.jobs.pipeline import begun, finished, settings_of

    with screen.showing_lost(lambda lost: show_stage(lost, as_json)):
        probed, distilled = begun(work, showing.progress, screen.say)
    showing.bar.stop()  # a training shows its own
    if not as_json:
        show_probe(probed, as_json)
        show(distilled)
    with (
        resuming("heal"),
        watching(work.name) as watcher,
        screen.showing_lost(lambda lost: show_stage(lost, as_json)),
    ):
        done = finished(probed, distilled, settings_of(preset, scale), watcher)
    if as_json:
        return screen.data(json.dumps(done.to_json(), indent=2, ensure_ascii=False))
    return report(done.healed, as_json=False)


def show_stage(table: dict[str, Any], as_json: bool) -> None:
    """Print what one stage of a pipeline found."""
    from synthcli.cli.heal import show as show_healing
    from synthcli.cli.probe import show as show_probe

    shows = {"findings": show_probe, "blocks": show_figures, "after": show_healing}
    next(one for key, one in shows.items() if key in table)(table, as_json)


def blocks_of(words: list[str] | None) -> tuple[int, ...] | str | None:
    """Return the layers named, or `all`."""
    if words is None or words == ["all"]:
        return None if words is None else "all"
    for word in words:
        if not word.isdecimal():
            raise SynthError(
                f"`--block {word}` is neither a layer nor `all`", "layers are counted from 0: `--block 2`"
            )
    return tuple(int(word) for word in words)


def bytes_of(word: str) -> int:
    """Return a size such as `500MB` in bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", word.strip(), re.IGNORECASE)
    if found is None:
        raise SynthError(f"`--cache-limit {word}` is no size", "write it like `500MB` or `4GB`")
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " "))


class Showing:
    """Bars of what is under way; where there is no terminal a line for everything that came to its end."""

    def __enter__(self) -> "Showing":
        from synthcli.cli.preparing_progress import Reporter

        self.bar = screen.progress()
        self.bar.start()
        self.tasks: dict[str, Any] = {}
        self.preparing = Reporter(self.bar, "store")
        return self

    def progress(self, what: str, done: int, total: int, word: str) -> None:
        """Show how far a piece of work is."""
        if what not in self.tasks:
            self.tasks[what] = self.bar.add_task(what, total=total, rate="")
        self.bar.update(self.tasks[what], completed=done, total=total, rate=word)
        if done == total and word and not screen.err.is_terminal:
            screen.say(f"{what}: {done:,} steps, {word}")

    def __exit__(self, *error: object) -> None:
        self.bar.stop()


def announce(work: "Work") -> None:
    """Say what was chosen where nobody said, and the size of what is about to be recorded."""
    from synthcli.compress.cache import shown

    train, held_out = work.texts
    screen.say(f"teacher: `{work.teacher.path}`")
    say_if_unfinished(work.teacher.path)
    tokens = int(train.lengths.sum() + held_out.lengths.sum())
    screen.say(
        f"text: {len(train):,} sequences of {train.name} to learn from, {len(held_out):,} of "
        f"{held_out.split} to judge by; {tokens:,} tokens, recorded in {shown(work.bytes)}"
    )


def show_plan(work: "Work", as_json: bool) -> None:
    """Print what would replace what."""
    from synthcli.jobs.distil_block import planned

    rows = planned(work)
    if as_json:
        return screen.data(json.dumps({"run": work.name, "bytes": work.bytes, "blocks": rows}, indent=2))
    cells = [
        [
            str(row["block"]),
            row["mixer"],
            row["start"],
            f"{row['parameters_before']:,}",
            f"{row['parameters_after']:,}",
        ]
        for row in rows
    ]
    screen.table(None, ["block", "mixer", "start", "parameters", "after"], cells, right=frozenset({0, 3, 4}))
    return screen.say("nothing was written\nnext: the same without `--dry-run`")


def show(outcome: "Outcome") -> None:
    """Print the figures, what was written, and what to do next."""
    show_figures(outcome.to_json(), as_json=False)
    run, teacher = outcome.run.path, outcome.work.teacher.path
    screen.say(f"wrote `{run / 'checkpoints'}` and `{run / 'results' / 'compress.json'}`")
    metric = outcome.metric
    screen.say(f"next: `synth eval {metric} {run}`, `synth heal {run} --teacher {teacher}`")


def show_figures(table: dict[str, Any], as_json: bool) -> None:
    """Print the table, what was tried, and what it came to."""
    if as_json:
        return screen.data(json.dumps(table, indent=2, ensure_ascii=False))
    rows = [row for one in table["blocks"] for row in rows_of(one)]
    columns = ["block", "mixer", "start", "parameters", "after", "NMSE before", "after", "seconds"]
    title = "NMSE on held-out text: 0 is the teacher, 1 the mean"
    screen.table(title, columns, rows, right=frozenset(range(3, 8)), least=(7, 3, 4, 2))
    for one in table["blocks"]:
        for line in left_out(one, f"block {one['block']}"):
            screen.say(line)
    from synthcli.compress.likeness import describe

    near = table["model"]
    return screen.say(
        f"whole model: {near['parameters_before']:,} → {near['parameters_after']:,} parameters, "
        f"{describe(near)}"
    )


def rows_of(one: dict[str, Any]) -> list[list[str]]:
    """Return the row of a block, and below it one for every other start that was tried to its end."""
    head = [str(one["block"]), one["mixer"], one["start"]]
    sizes = [f"{one['parameters_before']:,}", f"{one['parameters_after']:,}"]
    figures = [f"{one['nmse_before']:.4f}", f"{one['nmse_after']:.4f}", f"{one['seconds']:.1f}"]
    rows = [[*head, *sizes, *figures]]
    for trial in one["trials"]:
        if trial["start"] != one["start"] and trial["after"] is not None:
            figures = [f"{trial['before']:.4f}", f"{trial['after']:.4f}"]
            rows.append(["", "", f"{trial['start']} (a trial)", "", "", *figures, ""])
    return rows


def left_out(one: dict[str, Any], where: str) -> list[str]:
    """Say which starts came to nothing, and why."""
    refused = [trial for trial in one["trials"] if trial["after"] is None]
    return [f"note: start `{trial['start']}` is left out in {where}: {trial['why']}" for trial in refused]
