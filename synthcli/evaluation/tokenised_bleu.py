"""BLEU of tokens as papers before sacreBLEU counted it: multi-bleu.perl of Moses, compounds split or not.

    BP · exp(Σ_n log p_n / 4),  BP = min(1, exp(1 − r / c)),  no smoothing  (Papineni et al. 2002)

Tokens are what stands between white space of ASCII, bytes being compared as bytes: a space that Unicode alone
calls one, such as U+00A0, is part of a token there, and parts two in sacreBLEU.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np

from synthcli.evaluation.bleu import CORRECT, LENGTHS, TOTAL, sum_up
from synthcli.evaluation.bootstrap import Array, Sampled
from synthcli.evaluation.score import Score

HYPHEN = re.compile(rb"(\S)-(\S)")
SPLIT, MARK = rb"\1 ##AT##-##AT## \2", "##AT##-##AT##"
NOTHING = -9_999_999_999.0  # what the script takes for the logarithm of 0

Tokenise = Callable[[str], str]


def bleu_of_tokens(
    name: str, hypotheses: Sequence[str], references: Sequence[Sequence[str]], tokens: str, splits: bool
) -> Score:
    """Return BLEU of texts whose tokens stand between white space; `tokens` says whose they are."""
    from sacrebleu.metrics.bleu import BLEU

    numbers: dict[bytes, str] = {}
    streams = [
        [_number_tokens(text, numbers, splits) for text in stream] for stream in (hypotheses, *references)
    ]
    statistics = sum_up(BLEU(force=True, tokenize="none"), streams[0], streams[1:])
    compounds = "split" if splits else "whole"
    protocol = f"corpus BLEU of tokens as multi-bleu.perl counts it, compounds {compounds}, case kept, 0-100"
    signature = (
        f"multi-bleu|nrefs:{len(references)}|case:mixed|tok:{tokens}|compounds:{compounds}|smooth:none"
    )
    return Score(name, Sampled(statistics, multi_bleu_of), protocol, signature)


def _number_tokens(text: str, numbers: dict[bytes, str], splits: bool) -> str:
    """Return a text with a number for each token, so that whoever counts sees the same tokens."""
    tokens = (split_compounds(text.encode()) if splits else text.encode()).split()
    return " ".join(numbers.setdefault(token, str(len(numbers))) for token in tokens)


def split_compounds(text: bytes) -> bytes:
    """Put `##AT##-##AT##` in place of a hyphen between two characters, from left to right.

    As in get_ende_bleu.sh of tensor2tensor; of `a-b-c`, whose `b` was taken already, the second stays.
    """
    return HYPHEN.sub(SPLIT, text)


def multi_bleu_of(sums: Array) -> Array:
    """BLEU from summed (system length, reference length, matches, n-grams); 0 where an order has no match."""
    correct, total = sums[..., CORRECT], sums[..., TOTAL]
    precision = correct / np.maximum(total, 1)
    logs = np.where(correct > 0, np.log(np.where(correct > 0, precision, 1)), NOTHING)
    return 100 * brevity_of(sums) * np.exp(logs.sum(axis=-1) / 4)


def brevity_of(sums: Array) -> Array:
    """BP of summed lengths; 0 where nothing was written."""
    system, reference = np.moveaxis(sums[..., LENGTHS], -1, 0)
    short = np.exp(1 - reference / np.maximum(system, 1e-9))
    return np.where(system < reference, short, 1.0)


def classical_line(sums: Array) -> str:
    """Return the line that multi-bleu.perl prints."""
    system, reference = sums[LENGTHS]
    if reference == 0:
        return "BLEU = 0, 0/0/0/0 (BP=0, ratio=0, hyp_len=0, ref_len=0)"
    precisions = "/".join(f"{100 * p:.1f}" for p in sums[CORRECT] / np.maximum(sums[TOTAL], 1))
    lengths = f"ratio={system / reference:.3f}, hyp_len={system:.0f}, ref_len={reference:.0f}"
    return f"BLEU = {multi_bleu_of(sums):.2f}, {precisions} (BP={brevity_of(sums):.3f}, {lengths})"
