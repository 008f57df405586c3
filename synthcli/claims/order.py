"""What an ordering says, as it is written: `random-vanilla > vanilla = dense`, better ones first.

`>` is *better than*, `=` *equivalent to* within a margin, and `,` stands between arms that are not held
against each other. Every arm of a group is held against every arm of the next.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

ARM = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Relation:
    """One thing that an ordering says of two arms."""

    first: str
    word: Literal["better", "equivalent"]
    second: str

    def __str__(self) -> str:
        return f"{self.first} {'>' if self.word == 'better' else '='} {self.second}"


def parse_order(text: str) -> tuple[Relation, ...]:
    """Return what an ordering says of each pair of arms; ValueError where it says nothing."""
    groups = [_parse_group(group) for group in text.split(">")]
    inside = [
        Relation(one, "equivalent", other)
        for group in groups
        for equals in group
        for one, other in pairwise(equals)
    ]
    between = [
        Relation(better, "better", worse)
        for upper, lower in pairwise(groups)
        for better in _list_arms(upper)
        for worse in _list_arms(lower)
    ]
    if not inside and not between:
        raise ValueError(f"`{text}` says nothing of two arms: write `a > b`, or `a = b`")
    return (*between, *inside)


def arms_in(text: str) -> tuple[str, ...]:
    """Return the arms that an ordering names, in order."""
    return tuple(dict.fromkeys(ARM.findall(text)))


def _parse_group(text: str) -> list[list[str]]:
    """Return the arms between two `>`: those of a list are equivalent, lists are not compared."""
    parts = [[arm.strip() for arm in part.split("=")] for part in text.split(",")]
    for arm in (arm for part in parts for arm in part):
        if not ARM.fullmatch(arm):
            raise ValueError(f"`{arm}` is no name of an arm: letters, digits, `.`, `_` and `-`")
    return parts


def _list_arms(group: list[list[str]]) -> list[str]:
    return [arm for part in group for arm in part]
