"""`synth tokenizer`: train one, or look at what one does to a text."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.completion import TOKENIZERS, complete_runs, list_corpora, list_stores, make_completer
from synthcli.cli.next_training import prepare_corpus_command
from synthcli.cli.source_option import Source
from synthcli.errors import SynthError

if TYPE_CHECKING:
    from synthcli.data.tokenizers import Tokenizer
    from synthcli.data.tokenizers.trial import RoundTrip
    from synthcli.jobs.tokenizers import Training

app = typer.Typer(help="Train tokenizers, and look at what one does to a text.", no_args_is_help=True)

Files = Annotated[
    list[Path] | None, typer.Argument(metavar="FILE...", help="Text in UTF-8, plain or .gz, a line a text.")
]
Kind = Annotated[
    str,
    typer.Option(
        help="sentencepiece-unigram, sentencepiece-bpe, byte-level-bpe, …",
        autocompletion=make_completer(TOKENIZERS),
    ),
]
Size = Annotated[int | None, typer.Option(help="The largest vocabulary wanted.", show_default="32,000")]
CorpusName = Annotated[
    str | None,
    typer.Option(
        "--corpus", metavar="NAME", help="Train on this corpus.", autocompletion=make_completer(list_corpora)
    ),
]
LeastCount = Annotated[
    int | None, typer.Option(min=1, help="Leave out words that stand there less often: `words` only.")
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="A new folder for it.")]
Place = Annotated[
    str,
    typer.Argument(
        metavar="PLACE",
        help="A tokenizer, a store, a checkpoint, GPT-2's or BERT's files.",
        autocompletion=make_completer(list_stores, complete_runs),
    ),
]
Text = Annotated[str | None, typer.Option(help="Show what becomes of this text.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def train(
    output: Output,
    files: Files = None,
    kind: Kind = "sentencepiece-unigram",
    vocab_size: Size = None,
    corpus: CorpusName = None,
    source: Source = None,
    least_count: LeastCount = None,
    as_json: AsJson = False,
) -> None:
    """Train a tokenizer on files of text, or on the training split of a corpus.

    Examples:

    ```
    synth tokenizer train --vocab-size 8000 a.txt b.txt.gz -o mine
    synth tokenizer train --kind words --corpus stdlib-code -o words
    ```
    """
    from synthcli.cli.prepare_corpus import tokenizer_config
    from synthcli.jobs.tokenizers import Training, refuse, train_or_reuse, write

    config = tokenizer_config(kind, vocab_size, None)
    text = Training(config, tuple(files or ()), corpus, source, least_count)
    refuse(text, output)
    with screen.progress(is_transient=True) as bar:
        task = bar.add_task("", total=None, rate="")

        def report(what: str, done: int, total: int | None, note: str = "") -> None:
            bar.update(task, description=what, completed=done)

        tokenizer = train_or_reuse(text, report)
    write(tokenizer, output)
    if as_json:
        screen.data(
            json.dumps({"path": str(output), **tokenizer_facts(tokenizer)}, indent=2, ensure_ascii=False)
        )
    if tokenizer.vocab_size < config.size:
        screen.say(f"note: the text supports {tokenizer.vocab_size:,} ids; {config.size:,} were asked for")
    screen.say(
        f"wrote `{output}`: {kind}, {tokenizer.vocab_size:,} ids\nnext: {name_next_step(output, text)}"
    )


@app.command()
def inspect(place: Place, text: Text = None, as_json: AsJson = False) -> None:
    """Show the kind, size and special ids of a tokenizer, and what becomes of a text.

    Example:

    ```
    synth tokenizer inspect stores/copy.bytes-260 --text "a text"
    ```
    """
    from synthcli.data.tokenizers.trial import try_text
    from synthcli.jobs.tokenizers import notes_of, tokenizer_named

    if text is not None and not is_text(text):
        raise SynthError("`--text` is not UTF-8", "give it in the encoding of your terminal, UTF-8")
    tokenizer = tokenizer_named(place)
    trial = None if text is None else try_text(tokenizer, text)
    if as_json:
        table = tokenizer_facts(tokenizer) | ({} if trial is None else {"text": text, **asdict(trial)})
        return screen.data(json.dumps(table, indent=2, ensure_ascii=False))
    for note in notes_of(tokenizer):
        screen.say(f"note: {note}")
    screen.table(None, ["", place], list_tokenizer_rows(tokenizer))
    if trial is None:
        return screen.say(f'next: `{shlex.join(["synth", "tokenizer", "inspect", place])} --text "…"`')
    pairs = zip(trial.pieces, trial.ids, strict=True)
    screen.data("\n" + " ".join(f"{piece}·{number}" for piece, number in pairs))
    return screen.say(summary(trial))


def is_text(text: str) -> bool:
    """Return whether a word of the command line was UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def tokenizer_facts(tokenizer: "Tokenizer") -> dict[str, object]:
    """Return what a tokenizer is, for `--json` and the table."""
    from synthcli.data.tokenizers.base import special_ids

    return {
        "kind": tokenizer.kind,
        "vocab_size": tokenizer.vocab_size,
        "hash": tokenizer.hash,
        "special_ids": special_ids(tokenizer),
        "training": tokenizer.training,
    }


def list_tokenizer_rows(tokenizer: "Tokenizer") -> list[list[str]]:
    """Return the table to print: special ids in one row, and a row for each record of training."""
    from synthcli.data.tokenizers.base import special_ids

    specials = ", ".join(f"{name} {number}" for name, number in special_ids(tokenizer).items())
    rows = [["kind", tokenizer.kind], ["ids", f"{tokenizer.vocab_size:,}"], ["hash", tokenizer.hash]]
    told = {key: value for key, value in (tokenizer.training or {}).items() if key != "kind"}
    return [
        *rows,
        ["special", specials],
        *([key.replace("_", " "), str(value)] for key, value in told.items()),
    ]


def summary(trial: "RoundTrip") -> str:
    """Return in a line how well a text was served."""
    if not trial.ids:
        return "no ids"
    unknown = f"{100 * trial.unknown / len(trial.ids):.3g} % unknown"
    counts = f"{len(trial.ids):,} ids, {trial.bytes_per_token:.2f} bytes each, {unknown}"
    if trial.is_round_trip:
        return f"{counts}; decoding gives the text back"
    return f"{counts}; decoding gives other text: {trial.decoded}"


def name_next_step(output: Path, text: "Training") -> str:
    """Name what to do with a new tokenizer: look at it, and prepare what it learnt from, if one thing."""
    look = f'`{shlex.join(["synth", "tokenizer", "inspect", str(output)])} --text "…"`'
    corpus, source = text.corpus, text.source
    if corpus is None and len(text.files) == 1:
        corpus, source = "text", text.files[0]
    if corpus is None:
        return look
    return f"{look}, `{prepare_corpus_command(corpus, source, text.config.kind, None, output)}`"
