"""How a user's own files without splits become some: options in the name of a corpus.

split=shuffled  the default: by a hash of the rows, every class alike (`held_out`)
split=kept      in the order of the files: the first 90 per cent are train
split=whole     not at all: all rows are one split, the one that the files are named after, else test
splits=none     whatever the names of the files say
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from synthcli.data.corpora.local_files.options import choose_value, with_options
from synthcli.errors import SynthError

Order = Literal["shuffled", "kept", "whole"]
ORDERS: tuple[Order, ...] = ("shuffled", "kept", "whole")
NAMES = ("named", "none")  # whether the files' names say in which split they are
OPTIONS = {"split": "|".join(ORDERS), "split_seed": "NUMBER", "splits": "|".join(NAMES)}
CUT = (
    "train, valid and test in the files' names, else they are cut 90/5/5 by a hash of the rows, every class"
    " alike: `split=kept` cuts them in their order, `split=whole` not at all, `splits=none` whatever their"
    " names say; docs/own-data.md has all options"
)


@dataclass(frozen=True)
class SplitRule:
    """How files are cut; `units` are what may stay together, the coarsest first."""

    order: Order = "shuffled"
    seed: int = 0
    units: tuple[str, ...] = ("rows",)
    is_asked: bool = False  # by the user: file names that speak of splits here and there say nothing then
    reads_names: bool = True  # file names say something at all


def read_split_rule(name: str, options: Mapping[str, str], units: tuple[str, ...] = ("rows",)) -> SplitRule:
    """Return what the options of a name say about splits."""
    order = cast(Order, choose_value(name, options, "split", ORDERS))
    seed = options.get("split_seed", "0")
    if not (seed.isascii() and seed.isdecimal() and int(seed) < 2**63):
        raise SynthError(
            f"`{name}` gives `split_seed` as `{seed}`", "expected a whole number from 0 to 2^63 - 1"
        )
    if "split_seed" in options and order != "shuffled":
        raise SynthError(
            f"`{name}` gives `split_seed`, and `split={order}` draws nothing", "leave one of them out"
        )
    reads_names = choose_value(name, options, "splits", NAMES) == "named"
    return SplitRule(order, int(seed), units, "split" in options, reads_names)


def uncut(name: str) -> str:
    """Return the name of the same corpus not cut, of one that says nothing about it."""
    return with_options(name, split="whole")
