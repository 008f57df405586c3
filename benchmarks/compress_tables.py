"""The tables of docs/compress.md: what one block, one merged pair and a whole model come to, by commands.

`block`: students of one block's mixer, from formulas and by training.  `merge`: every start of a merged pair,
before and after training.  `conditioned`: all blocks at half their size without a gradient step, by what
each is fitted on.  Errors are NMSE on held-out text, 0 the teacher and 1 the mean.

    python benchmarks/compress_tables.py --teacher RUN --heads 6 --d-head 32 [--block 3] [--steps 400]
        [--fresh-steps 1000] [--corpus NAME --source DIR] [--only block merge conditioned]
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

Row = list[str]
MERGES = ("random", "mean", "copy-first", "copy-last", "linear", "ridge-first", "ridge-last", "pooled")


def synth(*words: str) -> dict[str, Any]:
    """Run a command of `synth` and return what its `--json` prints."""
    command = [sys.executable, "-m", "synthcli", *words, "--json"]
    sys.stderr.write(f"synth {' '.join(words)}\n")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    table: dict[str, Any] = json.loads(done.stdout)
    return table


def of_block(args: argparse.Namespace) -> Iterator[Row]:
    """Yield a row a student of one block's mixer."""
    half_heads = ("--heads", str(args.heads // 2), "--d-k", str(args.d_head))
    half_width = ("--heads", str(args.heads), "--d-k", str(args.d_head // 2))
    whole, steps = ("--heads", str(args.heads), "--d-k", str(args.d_head)), ("--steps", str(args.steps))
    students = {
        "as large, by chance": (*whole, "--start", "random", "--steps", str(args.fresh_steps)),
        "half the heads, greedy": (*half_heads, "--start", "greedy-heads", "--closed-form-only"),
        "half the width, whitened SVD": (*half_width, "--start", "whitened-svd", "--closed-form-only"),
        "half the width, whitened SVD, trained": (*half_width, "--start", "whitened-svd", *steps),
        **{name: ("--mixer", name, *steps) for name in ("dense", "random", "srupp", "sru", "linear", "none")},
    }
    for name, words in students.items():
        found = synth("distill-block", "--block", str(args.block), *args.text, *words)
        one, model = found["blocks"][0], found["model"]
        share = one["parameters_after"] / one["parameters_before"]
        yield [name, one["start"], f"{share:.0%}", *errors(one), f"{one['seconds']:.0f}", *nearness(model)]


def of_merge(args: argparse.Namespace) -> Iterator[Row]:
    """Yield a row a start of two merged layers."""
    pair = (str(args.block), str(args.block + 1))
    for start in (
        "random",
        "mean",
        "copy-first",
        "copy-last",
        "linear",
        "ridge-first",
        "ridge-last",
        "pooled",
    ):
        found = synth("merge-layers", *pair, *args.text, "--init", start, "--steps", str(args.steps))
        one = found["merges"][0]
        yield [start, *errors(one), f"{one['seconds']:.0f}", *nearness(found["model"])]


def of_conditioned(args: argparse.Namespace) -> Iterator[Row]:
    """Yield a row a whole model of blocks at half their size."""
    sizes = {
        "half the heads": ("--heads", str(args.heads // 2), "--d-k", str(args.d_head)),
        "half the width": ("--heads", str(args.heads), "--d-k", str(args.d_head // 2)),
    }
    for name, size in sizes.items():
        for conditioned in ("teacher", "student", "corrected"):
            words = ("--block", "all", *size, "--closed-form-only", "--conditioned", conditioned)
            found = synth("distill-block", *args.text, *words)
            mean = sum(one["nmse_after"] for one in found["blocks"]) / len(found["blocks"])
            yield [name, conditioned, f"{mean:.3f}", *nearness(found["model"])]


def errors(one: dict[str, Any]) -> Row:
    return [f"{one['nmse_before']:.3f}", f"{one['nmse_after']:.3f}"]


def nearness(model: dict[str, Any]) -> Row:
    """Return how near a model is: of one without a head by hidden states."""
    if "cosine" in model:
        return [f"{model['cosine']:.4f}", f"{model['neighbours']:.1%}"]
    return [f"{model['divergence']:.4f}", f"{model['agreement']:.1%}"]


NEAR = ["KL, nats, or cosine", "same top-1 token, or neighbour"]
TABLES = {
    "block": (of_block, ["student", "start", "parameters", "NMSE before", "after", "seconds", *NEAR]),
    "merge": (of_merge, ["start", "NMSE before", "after", "seconds", *NEAR]),
    "conditioned": (of_conditioned, ["student", "fitted on", "mean NMSE", *NEAR]),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--heads", type=int, required=True, help="of a layer of the teacher")
    parser.add_argument("--d-head", type=int, required=True, help="columns of one of them")
    parser.add_argument("--block", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--fresh-steps", type=int, default=1000)
    parser.add_argument("--corpus")
    parser.add_argument("--source")
    parser.add_argument("--limit")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES))
    args = parser.parse_args()
    named = {
        "--teacher": args.teacher,
        "--corpus": args.corpus,
        "--source": args.source,
        "--limit": args.limit,
    }
    args.text = [word for key, value in named.items() if value is not None for word in (key, value)]
    for name in args.only:
        rows, columns = TABLES[name]
        sys.stdout.write(f"\n{name}\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n")
        for row in rows(args):
            sys.stdout.write(f"| {' | '.join(row)} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
