"""The commands of `synth`, by group. Each lives in its own module; torch is imported in their bodies."""

from typing import Annotated

import typer

from synthcli import __version__
from synthcli.cli import (
    check,
    corpora,
    distil_block,
    doctor,
    evaluate,
    export,
    finetune,
    generate,
    heal,
    importing,
    kernels,
    merge_layers,
    plan,
    prepare_corpus,
    presets,
    probe,
    push,
    quality,
    reproduce,
    tokenizer,
    train,
)

DATA, TRAIN, EVALUATE, COMPRESS, AWAY = "Data", "Train", "Evaluate", "Compress", "Take away"
LOOK = "This machine"

app = typer.Typer(
    name="synth",
    help="The place where the transformer-simplification papers still run.\n\n"
    "Start here: `synth reproduce`, or `synth train wmt14-dense --scale smoke`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
)


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"synth {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command("prepare-corpus", rich_help_panel=DATA)(prepare_corpus.prepare_corpus)
app.add_typer(corpora.app, name="corpora", rich_help_panel=DATA)
app.add_typer(tokenizer.app, name="tokenizer", rich_help_panel=DATA)
app.command("quality", rich_help_panel=DATA)(quality.quality)
app.command("train", rich_help_panel=TRAIN)(train.train)
app.command("finetune", rich_help_panel=TRAIN)(finetune.finetune)
app.command("plan", rich_help_panel=TRAIN)(plan.plan)
app.command("check", rich_help_panel=TRAIN)(check.check)
presets_app = typer.Typer(help="List, show, copy and check presets.", no_args_is_help=True)
for command in (presets.ls, presets.show, presets.cp, presets.validate):
    presets_app.command()(command)
app.add_typer(presets_app, name="presets", rich_help_panel=TRAIN)
app.command("eval", rich_help_panel=EVALUATE)(evaluate.evaluate)
app.command("generate", rich_help_panel=EVALUATE)(generate.generate)
app.command("reproduce", rich_help_panel=EVALUATE)(reproduce.reproduce)
app.command("probe", rich_help_panel=COMPRESS)(probe.probe)
app.command("distill-block", rich_help_panel=COMPRESS)(distil_block.distil_block)
app.command("merge-layers", rich_help_panel=COMPRESS)(merge_layers.merge_layers)
app.command("heal", rich_help_panel=COMPRESS)(heal.heal)
app.command("export", rich_help_panel=AWAY)(export.export)
app.command("import", rich_help_panel=AWAY)(importing.import_)
app.command("push", rich_help_panel=AWAY)(push.push)
app.add_typer(kernels.app, name="kernels", rich_help_panel=LOOK)
app.command("doctor", rich_help_panel=LOOK)(doctor.doctor)
