"""Tokens per second of greedy decoding, 8 × 64 tokens: with the mixers' state, and recomputing the prefix.

Both in turn, round after round, on the models of `train_step.py`; medians, and their ratio.

    python benchmarks/decoding.py [--rounds 3] [--threads 2]
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as `synth` itself sets it

import torch
from torch import Tensor, nn
from train_step import BATCH, LENGTH, VOCAB, ours

from synthcli.allocator import keep_freed_memory
from synthcli.evaluation.beam_search import SearchOptions
from synthcli.evaluation.decoding import translate

PAD, BEGIN, END = 0, 1, 2


def with_state(model: nn.Module, source: Tensor) -> None:
    """Decode 64 tokens a sentence; the end is banned, so that none stops early."""
    options = SearchOptions(BEGIN, END, beam=1, max_length=LENGTH, banned=(PAD, BEGIN, END))
    assert all(len(found.tokens) == LENGTH for found in translate(model, source, None, options))


@torch.inference_mode()
def recomputing(model: nn.Module, source: Tensor) -> None:
    """Decode the same way, running decoder and head over the whole prefix for every token, as is usual."""
    memory, tokens = model.encode(source), torch.full((BATCH, 1), BEGIN)
    for _ in range(LENGTH):
        logits = model.decode(tokens, memory)[0][:, -1]
        logits[:, [PAD, BEGIN, END]] = -torch.inf
        tokens = torch.cat((tokens, logits.argmax(-1, keepdim=True)), dim=1)


def main() -> None:
    keep_freed_memory()  # as `synth` itself does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    source = torch.randint(3, VOCAB, (BATCH, LENGTH))
    print(f"{'model':12} {'with state':>12} {'recomputing':>12} {'ratio':>6}   (tokens/s)")
    for kind in ("dot-product", "random", "dense"):
        model = ours(kind).eval()
        seconds: dict[str, list[float]] = {"state": [], "prefix": []}
        with_state(model, source)
        for _ in range(options.rounds):
            for name, decode in (("state", with_state), ("prefix", recomputing)):
                began = time.perf_counter()
                decode(model, source)
                seconds[name].append(time.perf_counter() - began)
        state, prefix = (BATCH * LENGTH / statistics.median(s) for s in seconds.values())
        print(f"{kind:12} {state:12.0f} {prefix:12.0f} {state / prefix:6.1f}")


if __name__ == "__main__":
    main()
