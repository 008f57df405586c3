"""`synth generate`: let a model write."""

import json
import secrets
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.checkpoints import choose_checkpoint
from synthcli.cli.completion import complete_runs, make_completer
from synthcli.cli.device_option import Device
from synthcli.cli.panels import DRAWING, RESULT, TEXT
from synthcli.errors import SynthError
from synthcli.variables import LARGEST_SEED

if TYPE_CHECKING:
    from synthcli.evaluation.token_sampling import Sampling
    from synthcli.jobs.generate import Writer

Checkpoint = Annotated[
    str | None,
    typer.Argument(
        metavar="CHECKPOINT",
        help="A run, id, preset or folder.",
        show_default="the newest that writes",
        autocompletion=make_completer(complete_runs),
    ),
]
Prompt = Annotated[
    list[str] | None,
    typer.Option(
        help="A text to translate or go on from; repeatable.",
        show_default="lines of standard input",
        rich_help_panel=TEXT,
    ),
]
Interactive = Annotated[
    bool,
    typer.Option(
        "--interactive", "-i", help="Answer each line as it is typed; end with Ctrl-D.", rich_help_panel=TEXT
    ),
]
Beam = Annotated[int, typer.Option(min=1, help="Width of the search; 1 is greedy.", rich_help_panel=DRAWING)]
LengthPenalty = Annotated[
    float,
    typer.Option(min=0, help="Of a beam: above 0, longer texts are preferred.", rich_help_panel=DRAWING),
]
MaxLength = Annotated[
    int | None, typer.Option(min=1, help="The most tokens to write.", rich_help_panel=RESULT)
]
Temperature = Annotated[
    float | None,
    typer.Option(
        help="Draw tokens: 1 as probable as they are, below 1 safer, 0 the best.", rich_help_panel=DRAWING
    ),
]
TopK = Annotated[
    int | None,
    typer.Option(metavar="K", help="Draw among the K most probable tokens.", rich_help_panel=DRAWING),
]
TopP = Annotated[
    float | None,
    typer.Option(
        metavar="P", help="Draw among the fewest tokens whose probabilities reach P.", rich_help_panel=DRAWING
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=LARGEST_SEED,
        help="Of what is drawn; the same seed writes the same.",
        rich_help_panel=DRAWING,
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Prompts written at once.", rich_help_panel=RESULT)]
AsJson = Annotated[
    bool, typer.Option("--json", help="A JSON object for each prompt, one a line.", rich_help_panel=RESULT)
]


def generate(
    checkpoint: Checkpoint = None,
    prompt: Prompt = None,
    interactive: Interactive = False,
    beam: Beam = 1,
    length_penalty: LengthPenalty = 0.6,
    max_length: MaxLength = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    seed: Seed = None,
    batch_size: BatchSize = 16,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Write what a model makes of each prompt, as it comes; a masked-lm fills each [MASK].

    In a pipe or a file each prompt has one line, line ends written `\\n`; `--json` has the texts exactly.

    Examples:

    ```
    synth generate --prompt abcdef
    synth generate RUN --beam 4 < sources.txt
    synth generate RUN -i --temperature 0.8 --top-p 0.95
    ```
    """
    from synthcli.evaluation.config import EvaluationConfig
    from synthcli.jobs.generate import Asked, Writer

    if beam > 1 and (temperature or top_k or top_p):
        raise SynthError("`--beam` searches, and `--temperature` draws", "leave one out")
    sampling = choose_sampling(temperature, top_k, top_p, seed)
    if interactive and prompt:
        raise SynthError("`--interactive` reads lines, and `--prompt` is given", "leave one out")
    if not prompt and not interactive and sys.stdin.isatty():
        raise SynthError(
            "there is nothing to go on from", "give `--prompt TEXT`, `-i`, or lines on standard input"
        )
    path = choose_checkpoint(checkpoint, "the newest that writes", ("seq2seq", "causal-lm"))
    search = EvaluationConfig(
        metrics=("bleu",), beam=beam, max_length=max_length, length_penalty=length_penalty
    )
    asked = Asked(search, sampling, 1 if interactive else batch_size)
    prompts = read_prompts() if interactive else prompt or read_stdin_lines()
    show_texts(Writer(path, asked), prompts, as_json)


def choose_sampling(
    temperature: float | None, top_k: int | None, top_p: float | None, seed: int | None
) -> "Sampling":
    """Return how to draw; any of its options asks for it. The seed is said where none was given."""
    from synthcli.evaluation.token_sampling import Sampling, refuse_bad_sampling

    if temperature is None and top_k is None and top_p is None:
        if seed is not None:
            raise SynthError("`--seed` is of drawing, and nothing is drawn", "add `--temperature 1`")
        return Sampling()
    wanted = Sampling(1.0 if temperature is None else temperature, top_k, top_p, seed or 0)
    refuse_bad_sampling(wanted)
    if seed is not None or wanted.temperature == 0:
        return wanted
    drawn = secrets.randbelow(2**31)
    screen.say(f"drawn with `--seed {drawn}`")
    return Sampling(wanted.temperature, top_k, top_p, drawn)


def read_prompts() -> Iterator[str]:
    """Yield what a user types, asking for it on a terminal; empty lines ask again."""
    source = read_stdin_lines()
    while True:
        if sys.stdin.isatty():
            screen.err.print("> ", end="")
        line = next(source, None)
        if line is None:
            return
        if line.strip():
            yield line


def read_stdin_lines() -> Iterator[str]:
    """Yield lines of standard input."""
    source = getattr(sys.stdin, "buffer", None)
    for number, line in enumerate(sys.stdin if source is None else source, start=1):
        try:
            text = line if isinstance(line, str) else line.decode()
        except UnicodeDecodeError as error:
            message = f"line {number} of standard input is not UTF-8 at byte {error.start}"
            raise SynthError(message, "convert it: `iconv -t utf-8`") from error
        yield text.rstrip("\r\n")


def show_texts(writer: "Writer", prompts: Iterable[str], as_json: bool) -> None:
    """Write text as it comes, or an object for each prompt once it is whole.

    Away from a terminal each prompt has one line, whatever the model writes.
    """
    text, by_line, was_broken = "", not sys.stdout.isatty(), False
    for piece in writer.pieces(prompts):
        text += piece.text
        if not as_json:
            line = in_one_line(piece.text) if by_line else piece.text
            was_broken = was_broken or line != piece.text
            screen.stream(line + ("\n" if piece.is_last else ""))
        elif piece.is_last:
            found = {"prompt": piece.number, "text": text, **piece.facts}
            screen.stream(json.dumps(found, ensure_ascii=False) + "\n")
        if piece.is_last:
            text = ""
    if was_broken:
        screen.say("line ends within a text are written `\\n` and `\\r`; `--json` has the texts exactly")


def in_one_line(text: str) -> str:
    """Return a text with its line ends written out."""
    return text.replace("\r", "\\r").replace("\n", "\\n")
