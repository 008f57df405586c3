"""`synth prepare-corpus`: text into a store that training reads."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from synthcli.children import cores
from synthcli.cli import screen
from synthcli.cli.completion import ENGINES, FORMS, TOKENIZERS, list_corpora, make_completer
from synthcli.cli.engine_option import Address
from synthcli.cli.going_on import begin_again, same_command, tell_how_to_go_on
from synthcli.cli.next_training import training_command
from synthcli.cli.panels import RESULT, TEXT, WORK
from synthcli.cli.preparing_progress import PreparationBar
from synthcli.cli.source_option import Source
from synthcli.errors import Stopped, SynthError, did_you_mean

if TYPE_CHECKING:
    from synthcli.data.config import TokenizerConfig
    from synthcli.data.corpora import Corpus
    from synthcli.data.store.store import Store

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        help="Corpora: `synth corpora` lists them.",
        autocompletion=make_completer(list_corpora),
    ),
]
KINDS = (
    "sentencepiece-unigram, sentencepiece-bpe, byte-level-bpe, wordpiece, words, gpt2, bytes or huggingface"
)
Kind = Annotated[
    str | None,
    typer.Option(
        "--tokenizer",
        help=f"{KINDS}.",
        show_default="what suits the corpus",
        rich_help_panel=TEXT,
        autocompletion=make_completer(TOKENIZERS),
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        help="The largest vocabulary wanted.",
        show_default="what suits tokenizer and corpus",
        rich_help_panel=TEXT,
    ),
]
Files = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="GPT-2's files, BERT's vocab.txt, or a tokenizer, store or checkpoint.",
        rich_help_panel=TEXT,
    ),
]
Form = Annotated[
    str | None,
    typer.Option(
        help="How a classifier is to read texts of several fields: named or plain.",
        show_default="the tokenizer's, or named",
        rich_help_panel=TEXT,
        autocompletion=make_completer(FORMS),
    ),
]
Stores = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where stores stand.",
        show_default="SYNTH_STORES, or `stores` here",
        rich_help_panel=RESULT,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Prepare again what is there.", rich_help_panel=RESULT)]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Processes.", show_default="as many as there are cores", rich_help_panel=WORK
    ),
]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        help="local: this machine; ray: a cluster of machines that share --stores.",
        rich_help_panel=WORK,
        autocompletion=make_completer(ENGINES),
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=RESULT)]

OLD = ", prepared before; `--force` prepares it again"


def prepare_corpus(
    names: Names,
    source: Source = None,
    tokenizer: Kind = None,
    vocab_size: Size = None,
    tokenizer_files: Files = None,
    form: Form = None,
    stores: Stores = None,
    force: Force = False,
    workers: Workers = None,
    engine: EngineName = "local",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Read corpora, train or load their tokenizers, and write stores.

    Examples:

    ```
    synth prepare-corpus copy
    synth prepare-corpus multi30k --source DIR --vocab-size 8000
    ```

    Your own files are `text`, `csv`, `jsonl` or `parallel`, read as the name says (docs/own-data.md):
    `synth prepare-corpus csv:text=review,label=mood --source reviews.csv`

    Interrupted or killed, the same command goes on after the last finished shard.
    """
    from synthcli.data.corpora import find_corpus
    from synthcli.data.prepare.source_changes import describe_source
    from synthcli.data.store.store import store_path, stores_root

    if source is not None and len(names) > 1:
        raise SynthError("`--source` belongs to one corpus, and several are named", "prepare them one by one")
    wanted = {
        name: tokenizer_config(
            tokenizer or find_corpus(name).tokenizer,
            vocab_size or default_vocab_size(find_corpus(name), tokenizer),
            tokenizer_files,
            form,
        )
        for name in names
    }
    root = stores or stores_root()
    found = {
        path
        for name, config in wanted.items()
        if (path := store_path(root, name, config, source)).exists() and not force
    }
    how: HowToPrepare = {"force": force, "workers": workers or cores(), "engine": engine, "address": address}
    made = [prepare_one(name, config, root, source, how) for name, config in wanted.items()]
    if as_json:
        screen.data(json.dumps([store_to_json(store) for store in made], indent=2, ensure_ascii=False))
    else:
        for store in made:
            show_store(store)
    for store in made:
        is_old = store.path in found
        screen.say(f"{'found' if is_old else 'wrote'} `{store.path}`{OLD if is_old else ''}")
        if is_old and (gone := describe_source(store)) is not None:
            screen.say(f"note: {gone}")
    screen.say(f"next: `{training_command(made[0], source)}`")


def default_vocab_size(corpus: "Corpus", kind: str | None) -> int | None:
    """Return the vocabulary a corpus is read with, unless another tokenizer is asked for."""
    return corpus.vocab_size if kind in (None, corpus.tokenizer) else None


def tokenizer_config(
    kind: str, vocab_size: int | None, files: Path | None, form: str | None = None
) -> "TokenizerConfig":
    """Return a tokenizer's configuration from the command line's words."""
    from pydantic import ValidationError

    from synthcli.data.config import TokenizerConfig
    from synthcli.data.corpora.forms import check_form
    from synthcli.data.tokenizers import TOKENIZERS

    if kind not in TOKENIZERS:
        raise SynthError(f"unknown tokenizer `{kind}`", did_you_mean(kind, TOKENIZERS))
    values = {"kind": kind, "vocab_size": vocab_size, "files": str(files) if files else None}
    values["form"] = None if form is None else check_form(form)
    try:
        return TokenizerConfig.model_validate(values)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise SynthError(
            f"wrong options for `{kind}`: {reason[0].lower()}{reason[1:]}",
            "see `synth prepare-corpus --help`",
        ) from error


class HowToPrepare(TypedDict):
    """Options of a preparation that change nothing of the store."""

    force: bool
    workers: int
    engine: str
    address: str | None


def prepare_one(
    name: str, config: "TokenizerConfig", root: Path, source: Path | None, how: HowToPrepare
) -> "Store":
    """Prepare one corpus under a progress bar; interrupted, say how to go on."""
    from synthcli.data.prepare.prepare_store import prepare_store

    with screen.progress(is_transient=True) as bar:
        report = PreparationBar(bar, name)
        with tell_how_to_go_on(lambda: after_rows(report.finished)):
            return prepare_store(name, config, root, source, report, count=report.count, **how)


def after_rows(finished: int) -> Stopped:
    """Return how a preparation goes on of which so many rows are in finished shards."""
    if not finished:
        return begin_again()
    return Stopped(f"{finished:,} rows are done and kept", same_command(), "goes on after them")


def show_store(store: "Store") -> None:
    """Print what a store holds, beside what its publisher counts."""
    manifest, published = store.manifest, store.manifest["published_rows"]
    rows = [
        [
            split,
            f"{counts['rows']:,}",
            f"{published[split]:,}" if split in published else "",
            f"{counts['tokens']:,}",
            f"{counts['words']:,}",
            f"{counts['empty']:,}",
        ]
        for split, counts in manifest["splits"].items()
    ]
    title = f"{store.corpus} with {manifest['tokenizer']['kind']}, {store.tokenizer.vocab_size:,} ids"
    columns = ["split", "rows", "published", "tokens", "words", "blank rows"]
    screen.table(title, columns, rows, right=frozenset(range(1, len(columns))))
    for note in notes(store):
        screen.say(f"note: {note}")


def notes(store: "Store") -> list[str]:
    """Return what the user should know of a store."""
    from synthcli.data.quality import list_warnings

    said = list(store.manifest["source"]["notes"])
    tokenizer = store.manifest["tokenizer"]
    if tokenizer["vocab_size"] < tokenizer["requested"]:
        wanted = f"{tokenizer['requested']:,} were asked for"
        said.append(f"the text supports {tokenizer['vocab_size']:,} pieces; {wanted}")
    if "validation" not in store.splits:
        said.append("there is no validation split, and the store has none")
    return [*said, *list_warnings(store.quality)] if store.quality else said


def store_to_json(store: "Store") -> dict[str, object]:
    """Return a store for `--json`: its path, its hash and its manifest but for the list of files."""
    manifest = {key: value for key, value in store.manifest.items() if key != "files"}
    return {"path": str(store.path), "hash": store.hash, **manifest}
