"""`synth corpora`: which corpora there are, where each comes from, and whether it is here."""

import json
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.completion import list_corpora, make_completer
from synthcli.cli.corpora_files import fetch, pack, unpack

if TYPE_CHECKING:
    from synthcli.data.corpora import Corpus

app = typer.Typer(
    help="List corpora, show where one comes from, fetch and pack its files.", invoke_without_command=True
)
app.command()(fetch)
app.command()(pack)
app.command()(unpack)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A corpus.", autocompletion=make_completer(list_corpora))
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

TASKS = {
    "text": "language modelling",
    "pairs": "seq2seq",
    "labelled": "classification",
    "scored": "regression",
    "choices": "multiple choice",
}


@app.callback()
def default(context: typer.Context) -> None:
    """List corpora, show one, or fetch its files: `synth corpora show multi30k`."""
    if context.invoked_subcommand is None:
        ls()


@app.command()
def ls(as_json: AsJson = False) -> None:
    """List all corpora."""
    from synthcli.data.corpora import CORPORA

    if as_json:
        return screen.data(json.dumps([corpus_to_json(corpus) for corpus in CORPORA.values()], indent=2))
    rows = [
        [corpus.name, TASKS[corpus.kind], train_rows(corpus), corpus.licence, where(corpus)]
        for corpus in CORPORA.values()
    ]
    headers = ["corpus", "task", "train rows", "licence", "where"]
    screen.table(None, headers, rows, right=frozenset({2}), least=(3, 1))
    return screen.say("next: `synth corpora show NAME`, `synth prepare-corpus NAME`")


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show where a corpus comes from, which files `--source` expects, and whether they are here.

    Example:

    ```
    synth corpora show multi30k
    ```
    """
    from synthcli.data.corpora import find_corpus
    from synthcli.data.corpora.homes import find_home

    corpus = find_corpus(name)
    if as_json:
        return screen.data(json.dumps(corpus_to_json(corpus), indent=2))
    hub, files = corpus.hub, to_fetch(name)
    rows = [
        ["what", corpus.title],
        ["task", f"{TASKS[corpus.kind]} ({corpus.kind})"],
        [
            "rows",
            ", ".join(f"{split} {rows:,}" for split, rows in corpus.rows.items()) or "the files decide",
        ],
        ["classes", ", ".join(corpus.class_names)],
        ["licence", corpus.licence],
        ["from", corpus.url],
        ["cite", citation(corpus)],
        ["hub", f"{hub.id}{f' ({hub.config})' if hub.config else ''} at {hub.revision}" if hub else ""],
        ["--source", corpus.layout],
        ["to fetch", files],
        ["where", where(corpus)],
    ]
    screen.table(None, ["", corpus.name], [row for row in rows if row[1]])
    fetchable = files and find_home(name) is None
    words = ["synth", *(["corpora", "fetch"] if fetchable else ["prepare-corpus"]), name]
    is_here = corpus.builtin or hub or fetchable or find_home(name)
    return screen.say(f"next: `{shlex.join(words)}{'' if is_here else ' --source PATH'}`")


def train_rows(corpus: "Corpus") -> str:
    return f"{corpus.rows['train']:,}" if corpus.rows else "?"


def where(corpus: "Corpus") -> str:
    """Say whether a corpus is here, and else where it would be read from."""
    from synthcli.data.corpora.homes import find_home, list_homes

    if corpus.builtin:
        return "built in"
    if (home := find_home(corpus.name)) is not None:
        return f"here: {home}"
    expected = [str(home) for home in list_homes(corpus.name)[:1]]
    return ", ".join([*(["hub"] if corpus.hub else []), *expected, "--source"])


def to_fetch(name: str) -> str:
    """Say how many files `synth corpora fetch` would get, and how large they are where that is known."""
    from synthcli.data.fetch.remote_files import PUBLISHED

    remotes = PUBLISHED.get(name, ())
    if not remotes:
        return ""
    checked = sum(remote.checksum is not None for remote in remotes)
    size = sum(remote.bytes or 0 for remote in remotes) / 1e6
    known = f", {size:,.0f} MB" if all(remote.bytes for remote in remotes) else ""
    return f"{len(remotes):,} file(s){known}; checksums published for {checked:,}"


def citation(corpus: "Corpus") -> str:
    return str(getattr(corpus, "citation", ""))


def corpus_to_json(corpus: "Corpus") -> dict[str, object]:
    """Return a corpus for `--json`."""
    from synthcli.data.corpora.homes import find_home, list_homes
    from synthcli.data.fetch.remote_files import PUBLISHED

    hub, home = corpus.hub, None if corpus.builtin else find_home(corpus.name)
    return {
        "name": corpus.name,
        "kind": corpus.kind,
        "task": TASKS[corpus.kind],
        "title": corpus.title,
        "citation": citation(corpus),
        "rows": corpus.rows,
        "class_names": list(corpus.class_names),
        "licence": corpus.licence,
        "url": corpus.url,
        "layout": corpus.layout,
        "builtin": corpus.builtin,
        "hub": {"id": hub.id, "config": hub.config, "revision": hub.revision} if hub else None,
        "expected": [] if corpus.builtin else [str(home) for home in list_homes(corpus.name)],
        "present": None if home is None else str(home),
        "files": [remote.url for remote in PUBLISHED.get(corpus.name, ())],
    }
