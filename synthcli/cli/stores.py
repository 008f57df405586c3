"""`synth stores`: which corpora are prepared here, and removing them."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.asking import AsJson, Yes, remove_all, say_damaged
from synthcli.cli.completion import list_stores, make_completer
from synthcli.errors import SynthError

if TYPE_CHECKING:
    from synthcli.jobs.cleaning import ListedStore


app = typer.Typer(help="List prepared corpora, and remove what is done with.", no_args_is_help=True)

Stores = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="STORE...",
        help="Names or paths of stores; a corpus's of one.",
        autocompletion=make_completer(list_stores),
    ),
]
Leftovers = Annotated[
    bool, typer.Option("--leftovers", help="What killed and unfinished preparations left, too.")
]


@app.command()
def ls(as_json: AsJson = False) -> None:
    """List stores: of which corpus, how large, and how many runs read each; and what else lies there."""
    from synthcli.data.store.inventory import look_through_stores
    from synthcli.data.store.store import stores_root
    from synthcli.disk import format_bytes
    from synthcli.jobs.cleaning import readers, row_of_store
    from synthcli.runs import runs_root
    from synthcli.runs.inventory import look_through

    found, runs = look_through_stores(stores_root()), readers(look_through(runs_root()))
    rows = [row_of_store(one, runs) for one in found]
    if as_json:
        return screen.data(json.dumps(rows, indent=2, ensure_ascii=False))
    cells = [
        [
            one.path.name,
            row["corpus"] or "",
            count_all_rows(row),
            describe_state(row),
            format_bytes(row["bytes"]),
        ]
        for one, row in zip(found, rows, strict=True)
    ]
    screen.table(
        None, ["store", "corpus", "rows", "state", "size"], cells, right=frozenset({2, 4}), least=(1,)
    )
    say_damaged(rows)
    screen.say(f"{format_bytes(sum(row['bytes'] for row in rows))} in `{stores_root()}`")
    return screen.say("next: `synth stores rm STORE...`, `synth prepare-corpus NAME`")


def count_all_rows(row: "ListedStore") -> str:
    """Return the rows of all splits."""
    return f"{sum(row['rows'].values()):,}" if row["rows"] else ""


def describe_state(row: "ListedStore") -> str:
    """Say what a folder is, and how many runs read it."""
    runs, state = len(row["runs"]), row["state"].partition(": ")[0]  # why one is damaged stands below
    return f"{state}, of {runs} run{'s' * (runs != 1)}" if row["kind"] == "store" else str(state)


@app.command()
def rm(
    stores: Stores = None, leftovers: Leftovers = False, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Remove stores, after showing them and asking; what is in use stays, and who reads one is said.

    Examples:

    ```
    synth stores rm reverse.bytes-260
    synth stores rm --leftovers --yes
    ```
    """
    from synthcli.data.store.inventory import remove_store
    from synthcli.jobs.cleaning import plan_store_removal

    if not stores and not leftovers:
        raise SynthError("no store is named", "list them with `synth stores ls`")
    removals = plan_store_removal(stores or [], leftovers)
    remove_all(removals, "stores", lambda one: remove_store(one.found), yes, as_json)
