"""The sizes that Table 2 of Synthesizer prints, against models that could have them (Tay et al. 2021).

A row's size is that of the tables of words, which no other part depends on, and of the rest. Of each shape
of the rest the rows tell how large those tables may be, to rounding; a shape is as good as the most rows that
one size satisfies.

    python benchmarks/printed_sizes.py [--json FILE]
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Literal

VARIANTS = {  # dot products, and what is synthesised
    "vanilla": ("dot",),
    "random-fixed": (),
    "random": ("random",),
    "factorized-random": ("factorized-random",),
    "dense": ("dense",),
    "factorized-dense": ("factorized-dense",),
    "random-dense": ("random", "dense"),
    "dense-vanilla": ("dense", "dot"),
    "random-vanilla": ("random", "dot"),
}
PRINTED = {  # in millions, in the order of VARIANTS
    "translation": (67, 61, 67, 61, 62, 61, 67, 74, 73),
    "language model": (70, 53, 58, 53, 53, 53, 58, 70, 70),
}
HALF = 0.5e6  # a number printed in millions is rounded to half of one
Hidden = Literal["slices", "narrow", "wide", "none"]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """A Transformer without its tables of words.

    `hidden` of a dense score: heads read their slices of x (`slices`), or all of x through one layer as wide
    as a head (`narrow`), as the model (`wide`), or through none.
    """

    d_model: int = 512
    layers: int = 6  # of each stack
    d_ff: int = 2048
    heads: int = 8
    encoder: int = 256  # positions; 0: a language model
    decoder: int = 256
    hidden: Hidden = "slices"
    rank: int = 8
    learned: bool = False  # tables of positions
    biases: bool = False  # of linear maps, scores and norms
    cross: bool = False  # whether cross-attention is synthesised too

    def size(self, variant: str) -> int:
        """Return the parameters that learn of a variant."""
        stacks = [(self.encoder, False), (self.decoder, True)] if self.encoder else [(self.decoder, False)]
        return sum(self._stack(VARIANTS[variant], *stack) for stack in stacks)

    def _stack(self, scores: tuple[str, ...], length: int, has_cross: bool) -> int:
        d, bias = self.d_model, int(self.biases)
        layer = self._attention(scores, length, length) + 2 * d * self.d_ff + bias * (d + self.d_ff)
        if has_cross:
            layer += self._attention(scores if self.cross else ("dot",), length, self.encoder)
        norms = self.layers * (2 + has_cross) + 1
        return self.layers * layer + norms * d * (1 + bias) + self.learned * length * d

    def _attention(self, scores: tuple[str, ...], queries: int, keys: int) -> int:
        d, mixture = self.d_model, self.heads * len(scores) if len(scores) > 1 else 0
        count = 2 * d * d + self.biases * 2 * d + mixture  # values and output
        return count + sum(self._score(score, queries, keys) for score in scores)

    def _score(self, score: str, queries: int, keys: int) -> int:
        d, heads = self.d_model, self.heads
        if score == "dot":
            return 2 * d * d + self.biases * 2 * d
        if score == "random":
            return heads * queries * keys
        if score == "factorized-random":
            return heads * self.rank * (queries + keys)
        a = next(a for a in range(int(keys**0.5), 0, -1) if keys % a == 0)
        return self._dense(keys if score == "dense" else a + keys // a)

    def _dense(self, outputs: int) -> int:
        d, heads, bias = self.d_model, self.heads, int(self.biases)
        maps = {  # first: parameters and width; the second map has a row of scores a head
            "slices": (heads * ((d // heads) ** 2 + bias * (d // heads)), d // heads),
            "narrow": (d * (d // heads) + bias * (d // heads), d // heads),
            "wide": (d * d + bias * d, d),
            "none": (0, d),
        }
        first, width = maps[self.hidden]
        return first + heads * outputs * (width + bias)


def tables(shape: Shape, printed: Mapping[str, int]) -> dict[str, Interval]:
    """Return for each row how many parameters the tables of words may have."""
    found = {}
    for variant, millions in printed.items():
        rest = shape.size(variant)
        found[variant] = (millions * 1e6 - HALF - rest, millions * 1e6 + HALF - rest)
    return found


def best(intervals: Mapping[str, Interval]) -> tuple[tuple[str, ...], Interval]:
    """Return the most rows that one size of tables satisfies, and between which sizes it does."""
    found: tuple[tuple[str, ...], Interval] = ((), (0.0, 0.0))
    for start, _ in intervals.values():
        rows = tuple(row for row, (low, high) in intervals.items() if low <= start < high)
        if start > 0 and len(rows) > len(found[0]):
            found = rows, (start, min(intervals[row][1] for row in rows))
    return found


def shapes(kind: str) -> Iterator[Shape]:
    """Yield every shape that is looked at."""
    widths, layers, inner = (256, 512, 768, 1024), range(2, 17), (1, 2, 4, 8)
    lengths, hidden = (64, 128, 256, 512), ("slices", "narrow", "wide", "none")
    sides = product(lengths, lengths) if kind == "translation" else ((0, length) for length in lengths)
    crosses = (False, True) if kind == "translation" else (False,)
    for d, count, times, heads, (source, target), how, cross in product(
        widths, layers, inner, (4, 8, 16), tuple(sides), hidden, crosses
    ):
        yield Shape(d, count, d * times, heads, source, target, how, cross=cross)  # type: ignore[arg-type]


def searched(kind: str) -> dict[str, object]:
    """Return how many rows the best shapes satisfy, of all and of the base Transformer's width and depth."""
    printed = dict(zip(VARIANTS, PRINTED[kind], strict=True))
    results = [(shape, *best(tables(shape, printed))) for shape in shapes(kind)]
    most = max(len(rows) for _, rows, _ in results)
    base = [
        one
        for one in results
        if (one[0].d_model, one[0].layers, one[0].d_ff, one[0].heads) == (512, 6, 2048, 8)
    ]
    shape, rows, words = max(base, key=lambda one: len(one[1]))
    return {
        "shapes": len(results),
        "most": most,
        "example": asdict(next(shape for shape, rows, _ in results if len(rows) == most)),
        "most of the base": len(rows),
        "base": asdict(shape),
        "rows of the base": rows,
        "words of 512": [round(end / 512) for end in words],
    }


def differences(kind: str) -> list[tuple[str, str, Interval]]:
    """Return which differences are the same parameters, and what the print says of them, in millions.

    Whatever the model, a score adds as much to one row as to another.
    """
    size = dict(zip(VARIANTS, PRINTED[kind], strict=True))
    pairs = {
        "dot products": (("vanilla", "random-fixed"),),
        "random": (("random", "random-fixed"), ("random-dense", "dense"), ("random-vanilla", "vanilla")),
        "dense": (("dense", "random-fixed"), ("random-dense", "random"), ("dense-vanilla", "vanilla")),
        "factorized-random": (("factorized-random", "random-fixed"),),
        "factorized-dense": (("factorized-dense", "random-fixed"),),
    }
    return [
        (score, f"{more} − {less}", (size[more] - size[less] - 1, size[more] - size[less] + 1))
        for score, rows in pairs.items()
        for more, less in rows
    ]


def main() -> None:
    """Search, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = {kind: searched(kind) for kind in PRINTED}
    for kind, result in found.items():
        print(f"\n{kind}\n")
        for score, rows, (low, high) in differences(kind):
            print(f"  {score:18} {rows:36} between {low} and {high} M")
        for key, value in result.items():
            print(f"  {key:18} {value}")
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
