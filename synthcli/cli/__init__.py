"""The commands of `synth`, by panel of its help. Each lives in its own module, imported when it is called."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from synthcli import __version__
from synthcli.cli.going_on import begin_again
from synthcli.cli.lazy import LazyCommand

DATA, TRAIN, EVALUATE, COMPRESS, AWAY = "Data", "Train", "Evaluate", "Compress", "Take away"
LOOK = "This machine"

# the last is the first paragraph of its help
COMMANDS = (
    LazyCommand(
        "prepare-corpus",
        "prepare_corpus:prepare_corpus",
        DATA,
        "Read corpora, train or load their tokenizers, and write stores.",
    ),
    LazyCommand(
        "corpora", "corpora:app", DATA, "List corpora, show where one comes from, fetch and pack its files."
    ),
    LazyCommand("tokenizer", "tokenizer:app", DATA, "Train tokenizers, and look at what one does to a text."),
    LazyCommand(
        "quality",
        "quality:quality",
        DATA,
        "Report blank rows, duplicates, lengths, unknown ids, classes, and rows that stand in two splits.",
    ),
    LazyCommand("stores", "stores:app", DATA, "List prepared corpora, and remove what is done with."),
    LazyCommand("train", "train:train", TRAIN, "Train what presets describe."),
    LazyCommand(
        "finetune",
        "finetune:finetune",
        TRAIN,
        "Train on from a checkpoint, saying which weights were loaded, are new, were dropped or resized.",
    ),
    LazyCommand(
        "plan",
        "plan:plan",
        TRAIN,
        "Print steps, parameters and an estimate of the work, without data and without training.",
    ),
    LazyCommand(
        "check",
        "check:check",
        TRAIN,
        "Prove that a model leaks nothing, learns everywhere, decodes as it trains, and more.",
    ),
    LazyCommand("presets", "presets:app", TRAIN, "List, show, copy and check presets."),
    LazyCommand(
        "runs", "runs:app", TRAIN, "List runs, show one, draw learning curves, remove what is done with."
    ),
    LazyCommand(
        "eval",
        "evaluate:evaluate",
        EVALUATE,
        "Evaluate checkpoints on the whole test split, with 95 % intervals.",
    ),
    LazyCommand(
        "score",
        "score:score",
        EVALUATE,
        "Score one file of outputs by every protocol of its task, and say which papers used which.",
    ),
    LazyCommand(
        "generate",
        "generate:generate",
        EVALUATE,
        "Write what a model makes of each prompt, as it comes; a masked-lm fills each [MASK].",
    ),
    LazyCommand(
        "reproduce",
        "reproduce:reproduce",
        EVALUATE,
        "Train and evaluate one experiment of every family, and its variants; print and write one table.",
    ),
    LazyCommand(
        "compare",
        "compare:compare",
        EVALUATE,
        "Compare presets over seeds, in pairs, and decide by rule which is better, if any.",
    ),
    LazyCommand(
        "claims",
        "claims:app",
        EVALUATE,
        "List the claims of the papers, test them, and give verdicts.",
    ),
    LazyCommand(
        "tune",
        "tune:tune",
        EVALUATE,
        "Look for the best settings of a preset, by validation loss alone.",
    ),
    LazyCommand(
        "probe",
        "probe:probe",
        COMPRESS,
        "Try every replacement in every layer from a formula, and say what each costs: no gradient step.",
    ),
    LazyCommand(
        "distill-block",
        "distill_block:distill_block",
        COMPRESS,
        "Replace the mixer of blocks by another: from a formula first, then by training on recorded"
        " activations.",
    ),
    LazyCommand(
        "merge-layers",
        "merge_layers:merge_layers",
        COMPRESS,
        "Make one layer of neighbouring layers: from a formula first, then by training on recorded "
        "activations.",
    ),
    LazyCommand(
        "heal", "heal:heal", COMPRESS, "Train a student towards its teacher's distribution at every position."
    ),
    LazyCommand(
        "export",
        "export:export",
        AWAY,
        "Write a model as the rest of the world loads it, and prove that it is the same.",
    ),
    LazyCommand(
        "import",
        "importing:import_",
        AWAY,
        "Make a checkpoint of a model trained elsewhere; every tensor is used, or named.",
    ),
    LazyCommand(
        "push",
        "push:push",
        AWAY,
        "Send a folder to the hub; the token is `HF_TOKEN`, or that of `hf auth login`.",
    ),
    LazyCommand("kernels", "kernels:app", LOOK, "Build, show and test the native kernels of SRU and SRU++."),
    LazyCommand(
        "doctor", "doctor:doctor", LOOK, "Show versions, processor, accelerator and the folders in use."
    ),
)


class Commands(TyperGroup):
    """The root: it knows the name of every command and imports none."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for command in COMMANDS:
            self.add_command(command)

    def invoke(self, ctx: Any) -> Any:
        """Carry a command out; where a signal ends it and none nearer says so, say how to go on."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, typer.Abort) as stop:
            raise begin_again() from stop


app = typer.Typer(
    name="synth",
    cls=Commands,
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
