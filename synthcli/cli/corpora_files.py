"""`synth corpora fetch`, `pack` and `unpack`: publishers' files, for machines with and without network."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.completion import list_corpora, list_stores, make_completer
from synthcli.cli.going_on import same_command, tell_how_to_go_on
from synthcli.cli.next_training import training_command
from synthcli.errors import Stopped, SynthError, did_you_mean

if TYPE_CHECKING:
    from synthcli.data.fetch.pack import Contents
    from synthcli.progress import Progress

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        help="Corpora: `synth corpora` lists them.",
        autocompletion=make_completer(list_corpora),
    ),
]
To = Annotated[
    Path | None,
    typer.Option(
        "--to", metavar="DIR", help="Put the files here.", show_default="under `data`, or SYNTH_DATA"
    ),
]
What = Annotated[
    str,
    typer.Argument(
        metavar="NAME|STORE",
        help="A corpus, or a store, by name or path.",
        autocompletion=make_completer(list_corpora, list_stores),
    ),
]
Source = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The corpus's files, where they are not under `data`.")
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Ends in .tar, .tar.gz, .tgz or .tar.zst.")
]
Pack = Annotated[Path, typer.Argument(metavar="FILE", help="What `synth corpora pack` wrote.")]
UnpackTo = Annotated[
    Path | None,
    typer.Option(
        "--to",
        metavar="DIR",
        help="Put it here.",
        show_default="a corpus under `data`, a store under `stores`",
    ),
]

MEGABYTE = 1_000_000
DOWNLOADED = "what was downloaded is kept"


def fetch(names: Names, to: To = None) -> None:
    """Download the publisher's files of corpora, go on where it stopped, compare checksums, unpack.

    Examples:

    ```
    synth corpora fetch enwik8
    synth corpora fetch imdb --to /data/imdb
    ```
    """
    from synthcli.data.corpora import find_corpus
    from synthcli.data.fetch.fetch_corpus import fetch_corpus as fetch_files
    from synthcli.data.fetch.fetch_corpus import list_remote_files

    if to is not None and len(names) > 1:
        raise SynthError("`--to` belongs to one corpus, and several are named", "fetch them one by one")
    corpora = [find_corpus(name) for name in names]
    for corpus in corpora:
        list_remote_files(corpus)  # refuses before anything is fetched
    for corpus in corpora:
        with (
            tell_how_to_go_on(lambda: Stopped(DOWNLOADED, same_command(), "goes on there")),
            show_downloads() as report,
        ):
            fetched = fetch_files(corpus, to, report)
        old = ", fetched before; remove it to fetch it again" if fetched.is_old else ""
        screen.say(f"{'found' if fetched.is_old else 'wrote'} `{fetched.home}`{old}")
    source = ["--source", str(to)] if to is not None else []
    screen.say(f"next: `{shlex.join(['synth', 'prepare-corpus', names[0], *source])}`")


def pack(what: What, output: Output, source: Source = None) -> None:
    """Pack a corpus's files or a store into one checksummed file that another machine can unpack.

    Examples:

    ```
    synth corpora pack enwik8 -o enwik8.tar
    synth corpora pack copy.bytes-260 -o copy.tar.zst
    ```
    """
    from synthcli.data.fetch.pack import pack_folder as pack_files

    contents = contents_of(what, source)
    with show_downloads() as report:
        count = pack_files(contents, output, report)
    size = output.stat().st_size / MEGABYTE
    screen.say(f"wrote `{output}`: {count:,} files of the {contents.kind} `{contents.name}`, {size:,.1f} MB")
    command = shlex.join(["synth", "corpora", "unpack", output.name])
    screen.say(f"next: copy it, and there `{command}`")


def unpack(file: Pack, to: UnpackTo = None) -> None:
    """Unpack what `pack` wrote, once every file in it is found to be as it was packed.

    Example:

    ```
    synth corpora unpack enwik8.tar
    ```
    """
    from synthcli.data.corpora.homes import list_homes
    from synthcli.data.fetch.unpack import unpack_pack

    with show_downloads() as report:
        listed, target = unpack_pack(file, to, report)
    screen.say(f"wrote `{target}`: {len(listed.files):,} files of the {listed.kind} `{listed.name}`")
    if listed.kind == "store":
        from synthcli.data.store.manifest import read_store_manifest
        from synthcli.data.store.store import Store, stores_root

        if target.name != listed.name:
            move = shlex.join(["mv", str(target), str(stores_root() / listed.name)])
            return screen.say(f"next: `{move}`: a store is found by its name")
        return screen.say(f"next: `{training_command(Store(target, read_store_manifest(target)))}`")
    is_found = to is None and target in list_homes(listed.name)
    source = [] if is_found else ["--source", str(target)]
    return screen.say(f"next: `{shlex.join(['synth', 'prepare-corpus', listed.name, *source])}`")


def contents_of(what: str, source: Path | None) -> "Contents":
    """Return what to pack: a corpus's files, or a store, which must be whole."""
    from synthcli.data.corpora import CORPORA
    from synthcli.data.corpora.homes import data_root, find_home, list_homes
    from synthcli.data.fetch.pack import Contents
    from synthcli.data.store.store import open_store, stores_in, stores_root

    if what not in CORPORA:
        path = next((path for path in (Path(what), stores_root() / what) if path.is_dir()), None)
        if path is None:
            known = [*CORPORA, *(store.name for store in stores_in(stores_root()))]
            raise SynthError(f"`{what}` is neither a corpus nor a store", did_you_mean(what, known))
        open_store(path)
        return Contents("store", path.resolve().name, path.resolve().name, path)
    if CORPORA[what].builtin:
        raise SynthError(f"`{what}` is built in and has no files", "prepare it, and pack its store")
    root = source or find_home(what)
    if root is None or not root.is_dir():
        raise SynthError(
            f"the files of `{what}` are not here" if source is None else f"`{source}` is no folder",
            f"`synth corpora fetch {what}`, or name their folder with `--source`",
        )
    CORPORA[what].open(root)
    home = next((home.relative_to(data_root()).as_posix() for home in list_homes(what)), what)
    return Contents("corpus", what, home, root)


@contextmanager
def show_downloads() -> "Iterator[Progress]":
    """Show megabytes done, of how many, and how many a second."""
    with screen.progress(is_transient=True) as bar:
        task = bar.add_task("", total=None, rate="MB")
        shown = ""

        def report(what: str, done: int, total: int | None, note: str = "") -> None:
            nonlocal shown
            if what != shown:
                shown = what
                bar.reset(task)
            megabytes = None if total is None else total / MEGABYTE
            bar.update(task, description=what, completed=done / MEGABYTE, total=megabytes)
            speed = bar.tasks[0].speed or 0.0
            bar.update(task, rate=f"MB, {speed:,.1f} MB/s")

        yield report
