"""`synth corpora`: which corpora there are, and where each comes from."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthcli.cli import screen

if TYPE_CHECKING:
    from synthcli.data.corpora import Corpus

app = typer.Typer(help="List corpora, and show where one comes from.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A corpus.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def default(context: typer.Context) -> None:
    """List corpora, or show one: `synth corpora`, `synth corpora show multi30k`."""
    if context.invoked_subcommand is None:
        ls()


@app.command()
def ls(as_json: AsJson = False) -> None:
    """List all corpora."""
    from synthcli.data.corpora import CORPORA

    if as_json:
        return screen.data(json.dumps([as_data(corpus) for corpus in CORPORA.values()], indent=2))
    rows = [
        [corpus.name, corpus.kind, train_rows(corpus), origin(corpus), corpus.title]
        for corpus in CORPORA.values()
    ]
    screen.table(None, ["corpus", "kind", "train rows", "from", "what"], rows, right=frozenset({2}))
    return screen.say("next: `synth corpora show NAME`, `synth prepare-corpus NAME`")


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show where a corpus comes from and which files `--source` expects."""
    from synthcli.data.corpora import find_corpus

    corpus = find_corpus(name)
    if as_json:
        return screen.data(json.dumps(as_data(corpus), indent=2))
    hub = corpus.hub
    rows = [
        ["what", corpus.title],
        ["kind", corpus.kind],
        [
            "rows",
            ", ".join(f"{split} {rows:,}" for split, rows in corpus.rows.items()) or "this Python decides",
        ],
        ["classes", ", ".join(corpus.class_names)],
        ["licence", corpus.licence],
        ["from", corpus.url],
        ["hub", f"{hub.id}{f' ({hub.config})' if hub.config else ''} at {hub.revision}" if hub else ""],
        ["--source", corpus.layout],
    ]
    screen.table(None, ["", corpus.name], [row for row in rows if row[1]])
    return screen.say(f"next: `synth prepare-corpus {name}`")


def train_rows(corpus: "Corpus") -> str:
    return f"{corpus.rows['train']:,}" if corpus.rows else "?"


def origin(corpus: "Corpus") -> str:
    return "built in" if corpus.builtin else "hub, --source"


def as_data(corpus: "Corpus") -> dict[str, Any]:
    """Return a corpus for `--json`."""
    hub = corpus.hub
    return {
        "name": corpus.name,
        "kind": corpus.kind,
        "title": corpus.title,
        "rows": corpus.rows,
        "class_names": list(corpus.class_names),
        "licence": corpus.licence,
        "url": corpus.url,
        "layout": corpus.layout,
        "builtin": corpus.builtin,
        "hub": {"id": hub.id, "config": hub.config, "revision": hub.revision} if hub else None,
    }
