"""BLEU of tokens: equal to multi-bleu.perl, to its own definition, and to what the script does to hyphens."""

import math
from collections import Counter

import numpy as np
import pytest

from synthcli.evaluation.tokenised_bleu import bleu_of_tokens, classical_line, split_compounds

from .written_texts import OTHERS, OUTPUTS, REFERENCES

# what multi-bleu.perl of mosesdecoder prints of these texts, compounds split by get_ende_bleu.sh or not
RECORDED = {
    (1, False): "BLEU = 43.97, 82.3/58.9/44.7/33.2 (BP=0.849, ratio=0.859, hyp_len=440, ref_len=512)",
    (1, True): "BLEU = 50.80, 83.2/64.6/52.7/42.8 (BP=0.861, ratio=0.870, hyp_len=548, ref_len=630)",
    (2, False): "BLEU = 50.13, 83.2/59.2/44.7/33.2 (BP=0.964, ratio=0.965, hyp_len=440, ref_len=456)",
    (2, True): "BLEU = 54.87, 84.3/64.8/52.7/42.8 (BP=0.926, ratio=0.929, hyp_len=548, ref_len=590)",
}
HYPHENS = [
    ("rich-text format", "rich ##AT##-##AT## text format"),
    ("a-b-c", "a ##AT##-##AT## b-c"),  # b is taken by the first
    ("ein-zwei-drei", "ein ##AT##-##AT## zwei ##AT##-##AT## drei"),
    ("a - b -c d-", "a - b -c d-"),
    ("--", "--"),
    ("a--b", "a ##AT##-##AT## -b"),
    ("grün-weiß", "grün ##AT##-##AT## weiß"),
    ("a\u00a0-b", "a\u00a0 ##AT##-##AT## b"),  # its last byte is no space of ASCII
]


@pytest.mark.parametrize(("text", "split"), HYPHENS)
def test_hyphens_are_split_as_the_script_splits_bytes(text: str, split: str) -> None:
    assert split_compounds(text.encode()).decode() == split


@pytest.mark.parametrize(("references", "splits"), RECORDED)
def test_the_line_is_that_of_the_script(references: int, splits: bool) -> None:
    streams = [REFERENCES, OTHERS][:references]
    score = bleu_of_tokens("bleu-compound", OUTPUTS, streams, "given", splits)
    line = RECORDED[references, splits]
    assert classical_line(score.sampled.statistics.sum(axis=0)) == line
    assert f"{score.value:.2f}" == line.split()[2].strip(",")
    compounds = "split" if splits else "whole"
    assert score.signature == (
        f"multi-bleu|nrefs:{references}|case:mixed|tok:given|compounds:{compounds}|smooth:none"
    )


def count_grams(tokens: list[bytes], order: int) -> Counter[tuple[bytes, ...]]:
    return Counter(zip(*(tokens[first:] for first in range(order)), strict=False))


def count_bleu(outputs: list[str], *streams: list[str]) -> float:
    """BLEU by its definition  (Papineni et al. 2002), of tokens between spaces of ASCII."""
    right, total, lengths = [0] * 4, [0] * 4, [0, 0]
    for output, *references in zip(outputs, *streams, strict=True):
        tokens, others = output.encode().split(), [text.encode().split() for text in references]
        lengths[0] += len(tokens)
        lengths[1] += min((len(other) for other in others), key=lambda n: (abs(n - len(tokens)), n))
        for n in range(4):
            grams = [
                Counter(zip(*(one[k:] for k in range(n + 1)), strict=False)) for one in (tokens, *others)
            ]
            best = {gram: max(other[gram] for other in grams[1:]) for gram in grams[0]}
            right[n] += sum(min(count, best[gram]) for gram, count in grams[0].items())
            total[n] += grams[0].total()
    if 0 in right:
        return 0.0
    precision = sum(math.log(r / t) for r, t in zip(right, total, strict=True)) / 4
    return 100 * math.exp(min(0, 1 - lengths[1] / lengths[0]) + precision)


@pytest.mark.parametrize("streams", [[REFERENCES], [REFERENCES, OTHERS]])
def test_it_is_bleu_by_its_definition(streams: list[list[str]]) -> None:
    score = bleu_of_tokens("bleu-tokenised", OUTPUTS, streams, "given", False)
    assert score.value == pytest.approx(count_bleu(OUTPUTS, *streams), abs=1e-10)


def test_a_space_of_unicode_parts_no_token() -> None:
    whole = bleu_of_tokens("x", ["a\u00a0b c d e f"], [["a\u00a0b c d e f"]], "given", False)
    assert whole.sampled.statistics.tolist() == [[5, 5, 5, 4, 3, 2, 5, 4, 3, 2]]


def test_without_a_4_gram_in_common_it_is_0() -> None:
    score = bleu_of_tokens("x", ["a b c d", "a"], [["a b c e", "a"]], "given", False)
    assert score.value == 0
    assert classical_line(score.sampled.statistics.sum(axis=0)) == (
        "BLEU = 0.00, 80.0/66.7/50.0/0.0 (BP=1.000, ratio=1.000, hyp_len=5, ref_len=5)"
    )
    nothing = classical_line(np.zeros(10))
    assert nothing == "BLEU = 0, 0/0/0/0 (BP=0, ratio=0, hyp_len=0, ref_len=0)"
