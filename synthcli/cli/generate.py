"""`synth generate`: let a model write."""

import sys
from typing import Annotated

import typer

from synthcli.cli import screen
from synthcli.errors import SynthError

Checkpoint = Annotated[
    str | None,
    typer.Argument(metavar="CHECKPOINT", help="A run, id, preset or folder; the newest that writes if none."),
]
Prompt = Annotated[
    list[str] | None, typer.Option(help="A text to translate or go on from; repeatable, else lines of stdin.")
]
Beam = Annotated[int, typer.Option(min=1, help="Width of the search; 1 is greedy.")]
MaxLength = Annotated[int | None, typer.Option(min=1, help="The most tokens to write.")]


def generate(
    checkpoint: Checkpoint = None, prompt: Prompt = None, beam: Beam = 1, max_length: MaxLength = None
) -> None:
    """Write what a model makes of each prompt, a line each.

    Examples: `synth generate --prompt abcdef`, `synth generate RUN --beam 4 < sources.txt`
    """
    from synthcli.evaluation.config import EvaluationConfig
    from synthcli.jobs.generate import generated_texts
    from synthcli.runs import find_checkpoint

    path = find_checkpoint(checkpoint, tasks=None if checkpoint else ("seq2seq", "causal-lm"))
    if not prompt and sys.stdin.isatty():
        raise SynthError("there is nothing to go on from", "give `--prompt TEXT`, or lines on standard input")
    prompts = prompt or [line.rstrip("\n") for line in sys.stdin]
    config = EvaluationConfig(metrics=("bleu",), beam=beam, max_length=max_length)
    for text in generated_texts(path, prompts, config):
        screen.data(text)
