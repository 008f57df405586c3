"""Options that stand for settings of `[compress]`: `--heads 2` is `--set compress.heads=2`, and comes last.

An option of the four commands that compress is one line here and one field in `synthcli/compress/config.py`.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any

import typer
from typer.models import ArgumentInfo, OptionInfo

from synthcli.cli.completion import complete_runs, list_corpora, make_completer
from synthcli.cli.panels import MODEL, OPTIMIZER, SETTINGS, TEXT, TRAINING
from synthcli.cli.source_option import SOURCE_HELP
from synthcli.compress.option_values import CONDITIONED
from synthcli.errors import SynthError
from synthcli.presets.merge import Sourced, Tree
from synthcli.variables import LARGEST_SEED

Read = Callable[[Any], dict[str, object]]  # from what was given to settings
Words = Callable[[], Iterable[str]] | Iterable[str]  # what a shell offers


@dataclass(frozen=True)
class Flag:
    """An option as typer takes it, and the settings that a value of it stands for."""

    kind: type | GenericAlias
    info: OptionInfo | ArgumentInfo
    read: Read

    @property
    def names(self) -> list[str]:
        """What it is called on the command line; an argument has no name."""
        return [one for one in (self.info.default, *(self.info.param_decls or ())) if isinstance(one, str)]

    def parameter(self, name: str) -> inspect.Parameter:
        default = False if self.kind is bool else None
        kind: Any = bool if self.kind is bool else self.kind | None
        hint: Any = Annotated
        return inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint[kind, self.info]
        )

    def word(self, value: object) -> str:
        """Return how somebody gave it."""
        shown = " ".join(str(one) for one in value) if isinstance(value, list) else str(value)
        return " ".join([*self.names[:1], *([] if self.kind is bool else [shown])])


def flag(
    key: str,
    kind: type | GenericAlias,
    told: str,
    panel: str,
    *names: str,
    read: Read | None = None,
    words: Words | None = None,
    shown: str | bool = True,
    metavar: str | None = None,
    min: float | None = None,
    max: float | None = None,
) -> Flag:
    """Return the option of a setting, told in its help.

    `read` says what a value stands for where it is not just that, `words` what a shell offers, `shown` the
    default; the rest is typer's.
    """
    info = typer.Option(
        *(names or (f"--{key.replace('_', '-')}",)),
        help=told,
        rich_help_panel=panel,
        autocompletion=None if words is None else make_completer(words),
        show_default=shown,
        metavar=metavar,
        min=min,
        max=max,
    )
    return Flag(kind, info, read or (lambda value: {key: value}))


def argument(
    kind: type | GenericAlias,
    told: str,
    read: Read,
    *,
    words: Words | None = None,
    shown: str | bool = True,
    metavar: str | None = None,
) -> Flag:
    """Return a setting that is given without a name."""
    offered = None if words is None else make_completer(words)
    info = typer.Argument(help=told, autocompletion=offered, show_default=shown, metavar=metavar)
    return Flag(kind, info, read)


def takes(**flags: Flag) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options by name; its first parameter becomes what was given of them."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[1:]

        @wraps(command)
        def run_command(**values: object) -> None:
            given = {name: values.pop(name) for name in flags}
            command(settings_in(flags, given), **values)

        parameters = [*(one.parameter(name) for name, one in flags.items()), *own]
        parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
        run_command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads it
        run_command.__annotations__ = {one.name: one.annotation for one in parameters}
        del run_command.__wrapped__
        return run_command

    return decorate


def settings_in(flags: dict[str, Flag], given: Mapping[str, object]) -> Tree:
    """Return the settings that options stand for; two that say different things of one exclude each other."""
    settings: Tree = {}
    said: dict[str, str] = {}
    for name, value in given.items():
        if value is None or value is False or value == []:
            continue
        for key, one in flags[name].read(value).items():
            word = flags[name].word(value)
            before = settings.get(key)
            if isinstance(before, Sourced) and before.value != one and said[key] != word:
                raise SynthError(f"`{said[key]}` and `{word}` exclude each other", "leave one of them out")
            settings[key] = Sourced(one, f"{(flags[name].names or ['the command line'])[0]}")
            said[key] = word
    return settings


def parse_bytes(word: str) -> int:
    """Return a size such as `500MB` in bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", word.strip(), re.IGNORECASE)
    if found is None:
        raise SynthError(f"`--cache-limit {word}` is no size", "write it like `500MB` or `4GB`")
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " "))


def layers_in(words: str) -> list[int]:
    """Read `0,3` and `2-4`."""
    numbers: list[int] = []
    for word in words.split(","):
        first, dash, last = word.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise SynthError(f"`--layers {words}` is no list of layers", "write it like `0,3` or `2-4`")
        numbers += range(int(first), int(last or first) + 1)
    if not numbers:
        raise SynthError(f"`--layers {words}` names no layer", "write the lower number first")
    return sorted(set(numbers))


def blocks_in(words: list[str]) -> list[int] | str:
    """Return the layers named, or `all`."""
    if words == ["all"]:
        return "all"
    for word in words:
        if not word.isdecimal():
            raise SynthError(
                f"`--block {word}` is neither a layer nor `all`", "layers are counted from 0: `--block 2`"
            )
    return sorted(int(word) for word in words)


MODEL_HELP = "A run, id, preset, checkpoint, or a BERT or GPT-2 folder."
TEACHER = flag("teacher", str, MODEL_HELP, MODEL, shown="the newest encoder", words=complete_runs)
STEPS_SHOWN = "400"  # of every training of a student, where nobody says
BATCH_SIZE = flag("batch_size", int, "Sequences of a step.", TRAINING, min=1, shown="32")
CLOSED_FORM_ONLY = flag(
    "steps",
    bool,
    "The start alone: no gradient step.",
    TRAINING,
    "--closed-form-only",
    read=lambda _: {"steps": 0},
)
CONDITION = flag(
    "conditioned",
    str,
    "teacher: blocks apart; student or corrected: each after those before it.",
    TRAINING,
    shown="teacher",
    words=CONDITIONED,
)
SOURCE = flag("source", Path, SOURCE_HELP, TEXT, metavar="PATH", read=lambda path: {"source": str(path)})
CORPUS = flag("corpus", str, "Text to compress on.", TEXT, shown="the teacher's own", words=list_corpora)
LIMIT = flag("limit", int, "Sequences to learn from.", TEXT, min=1, shown="2,000")
MAX_LENGTH = flag("max_length", int, "Longest sequence.", TEXT, min=3)
CACHE_LIMIT = flag(
    "cache_limit",
    str,
    "Largest recording, such as 4GB.",
    TEXT,
    metavar="SIZE",
    read=lambda word: {"cache_limit": parse_bytes(word)},
)
SEED = flag("seed", int, "Of random starts and of the order of the text.", SETTINGS, min=0, max=LARGEST_SEED)
OPTIMIZER_FLAGS = {
    "warmup": flag("warmup", float, "Share of the steps.", OPTIMIZER, min=0, max=1, shown="0.04"),
    "weight_decay": flag("weight_decay", float, "Of AdamW.", OPTIMIZER, min=0, shown="0"),
    "betas": flag("betas", tuple[float, float], "Of AdamW.", OPTIMIZER, shown="0.9 0.999"),
    "dropout": flag(
        "dropout", float, "Of maps of attention, in training.", OPTIMIZER, min=0, max=1, shown="0"
    ),
}
# of what is fitted to recorded activations
FITTING_FLAGS = {
    **OPTIMIZER_FLAGS,
    "batch_size": BATCH_SIZE,
    "closed_form_only": CLOSED_FORM_ONLY,
    "conditioned": CONDITION,
    "corpus": CORPUS,
    "source": SOURCE,
    "limit": LIMIT,
    "max_length": MAX_LENGTH,
    "cache_limit": CACHE_LIMIT,
    "seed": SEED,
}
