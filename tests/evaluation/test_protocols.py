"""Each figure says how it was made: name, protocol, signature, and which way is better."""

import numpy as np
import pytest
import torch

from synthcli.errors import SynthError, WorkFailedError
from synthcli.evaluation.accuracy import accuracy, exact_match
from synthcli.evaluation.agreement import COLUMNS, agreement, mean_sample_cosine, same_neighbours
from synthcli.evaluation.bleu import bleu
from synthcli.evaluation.bootstrap import mean
from synthcli.evaluation.cider import cider
from synthcli.evaluation.confusion import f1, matthews
from synthcli.evaluation.correlation import correlate_scores
from synthcli.evaluation.perplexity import perplexity
from synthcli.evaluation.result import Figure
from synthcli.evaluation.rouge import rouge
from synthcli.evaluation.score import Score
from synthcli.evaluation.token_sampling import (
    GREEDY,
    Sampling,
    next_tokens,
    nucleus,
    refuse_bad_sampling,
    top,
)

ONE = np.ones(2)
SUMS = np.ones((2, len(COLUMNS)))
VECTORS = torch.eye(3)
UNICODE = "tokens: runs of letters, marks and digits, lower case; letters written without spaces one by one"

PROTOCOLS = {
    "accuracy": "classes that are right, in per cent",
    "exact_match": "texts equal to the reference, in per cent",
    "bleu": "corpus BLEU on detokenised text, tokenizer 13a, exponential smoothing, 0-100",
    "bleu1": "corpus BLEU-1 on detokenised text, tokenizer 13a, exponential smoothing, 0-100",
    "cider": (
        "mean CIDEr-D of n-grams of 1 to 4, tokenizer 13a, lower case, not stemmed,"
        " weights of the references, 0-1000"
    ),
    "chrf": "corpus chrF2, character 1- to 6-grams, 0-100",
    "matthews": "100 · Matthews' correlation of predicted and true classes; 0 where one of them is constant",
    "f1": "100 · F1 of class 1",
    "f1_macro": "100 · F1, the mean over the model's 3 classes; one neither true nor predicted counts as 0",
    "pearson": "100 · Pearson's r of predicted and given scores",
    "spearman": "100 · Pearson's r of their ranks, ties shared",
    "perplexity": "exp(nats / token); the end of a row counts as one",
    "perplexity_per_word": (
        "exp(nats / word); words stand between white space, the end of a row counts as one"
    ),
    "bits_per_byte": "bits / byte of UTF-8; the end of a row counts as one",
    "rougeL": "mean F1 of the longest common subsequence of the whole text, 0-100",
    "rougeLsum": "mean F1 of the union of longest common subsequences by sentence, a sentence a line, 0-100",
    "rouge1": "mean F1 of words, 0-100",
    "rouge2": "mean F1 of pairs of neighbouring words, 0-100",
    "kl": "KL(teacher‖model) of a position, in nats",
    "teacher_top1": "positions whose first choice is among the teacher's first 1, in per cent",
    "teacher_top5": "positions whose first choice is among the teacher's first 5, in per cent",
    "teacher_top10": "positions whose first choice is among the teacher's first 10, in per cent",
    "teacher_accuracy": "the same of the teacher",
    "cosine": "cosine of the last hidden states with the teacher's, mean over real positions",
    "neighbours": (
        "samples whose nearest neighbour (cosine of mean last hidden states) is the teacher's, in per cent"
    ),
}
LOWER = {"perplexity", "perplexity_per_word", "bits_per_byte", "kl"}


def test_every_figure_says_what_it_is() -> None:
    texts = ["the cat sat on the mat"]
    of_words = "positions whose first choice is the text's own word, in per cent"
    agreed = agreement(SUMS, ONE, "teacher")
    assert next(score.protocol for score in agreed if score.name == "accuracy") == of_words
    scores = [
        *(score for score in agreed if score.name != "accuracy"),
        *accuracy([1], [1]),
        *exact_match(texts, texts),
        *bleu(texts, texts),
        *matthews([1], [1], 2),
        *f1([1], [1], 2),
        *f1([1], [1], 3),
        *correlate_scores([1, 2], [1, 2]),
        *perplexity(ONE, ONE, ONE, ONE),
        *rouge(texts, texts),
        *cider(texts, texts),
        mean_sample_cosine(SUMS[:, :2]),
        same_neighbours(VECTORS, VECTORS),
    ]
    assert {score.name: score.protocol for score in scores} == PROTOCOLS
    assert {score.name for score in scores if not score.higher_is_better} == LOWER
    assert all(isinstance(score.signature, str) for score in scores)
    signed = {score.name: score.signature for score in scores if score.signature}
    assert signed.keys() == {"bleu", "bleu1", "chrf", "rougeL", "rougeLsum", "rouge1", "rouge2"}
    assert {signed["rougeL"], signed["rougeLsum"]} == {"rouge-score|stemmer:no"}
    of_text = rouge(texts, texts, "unicode")[0]
    assert of_text.signature == "rouge-score|stemmer:no|tokenizer:unicode"
    assert of_text.protocol == f"{PROTOCOLS['rougeL']}; {UNICODE}"


def test_a_reference_is_named_in_its_figures() -> None:
    scores = agreement(SUMS, ONE, "reference")
    assert [score.name for score in scores] == [
        "reference_top1",
        "reference_top5",
        "reference_top10",
        "reference_accuracy",
    ]
    assert scores[0].protocol == "positions whose first choice is among the reference's first 1, in per cent"
    assert scores[-1].protocol == "the same of the reference"


def test_figures_of_positions_are_ratios_in_per_cent() -> None:
    """Two samples of 4 and 1 positions: of every column 3 and 1 are counted, 4 of 5."""
    sums, positions = np.array([[3.0] * len(COLUMNS), [1.0] * len(COLUMNS)]), np.array([4.0, 1.0])
    values = {score.name: score.value for score in agreement(sums, positions, "teacher")}
    assert values.pop("kl") == pytest.approx(0.8)
    assert set(values.values()) == {80.0} and len(values) == 5
    assert agreement(SUMS, np.zeros(2), "teacher")[0].value == 2.0  # no position counts as one


def test_a_figure_keeps_what_its_score_says() -> None:
    score = Score("accuracy", mean([0.0, 100.0, 100.0]), "how", "sign", False)
    figure = Figure.of(score, 20, 3)
    assert figure == Figure("accuracy", 200 / 3, score.sampled.interval(20, 3), "how", "sign", False)
    low, high = figure.interval or (0, 0)
    assert str(figure) == f"accuracy 66.67 [{low:.2f}, {high:.2f}]"


def test_a_perplexity_of_nothing_is_refused() -> None:
    with pytest.raises(SynthError) as error:
        perplexity(np.zeros(1200), np.zeros(1200), None, None)
    assert str(error.value) == (
        "none of the 1,200 examples holds a token to predict: perplexity has no value\n"
        "hint: evaluate more examples, or a split with text in it"
    )


@pytest.mark.parametrize(
    ("sampling", "text"),
    [
        (Sampling(-0.5), "`--temperature -0.5` is below 0\nhint: 0 is greedy, 1 the model's own"),
        (Sampling(1.0, top_k=0), "`--top-k 0` leaves no token\nhint: give 1 or more"),
        (Sampling(1.0, top_p=1.5), "`--top-p 1.5` is no share\nhint: give one above 0, up to 1"),
    ],
)
def test_what_means_nothing_is_refused_with_what_does(sampling: Sampling, text: str) -> None:
    with pytest.raises(SynthError) as error:
        refuse_bad_sampling(sampling)
    assert str(error.value) == text


def test_what_means_something_is_not_refused() -> None:
    for sampling in (GREEDY, Sampling(0.0, 1, 1.0), Sampling(1.0, top_p=1e-9)):
        refuse_bad_sampling(sampling)


def test_the_largest_scores_and_the_fewest_that_reach_a_share_are_left() -> None:
    scores = torch.tensor([[0.2, 0.5, 0.3]]).log()
    hidden = -torch.inf
    assert top(scores, None) is scores and top(scores, 3) is scores and nucleus(scores, None) is scores
    assert top(scores, 2).tolist() == [[hidden, scores[0, 1].item(), scores[0, 2].item()]]
    assert top(scores, 1).tolist() == [[hidden, scores[0, 1].item(), hidden]]
    assert nucleus(scores, 0.4).tolist() == [[hidden, scores[0, 1].item(), hidden]]
    assert nucleus(scores, 0.7).tolist() == [[hidden, scores[0, 1].item(), scores[0, 2].item()]]
    assert nucleus(scores, 1.0).isfinite().all()


def test_greedy_leaves_the_logits_as_they_were() -> None:
    logits = torch.tensor([[1.0, 5.0, 3.0]])
    assert next_tokens(logits, (1,), GREEDY, []).tolist() == [2]
    assert logits.tolist() == [[1.0, 5.0, 3.0]]
    with pytest.raises(WorkFailedError) as error:
        next_tokens(logits * torch.inf, (), GREEDY, [])
    assert str(error.value) == "the model computes no finite numbers\nhint: take an earlier checkpoint"


def test_prompts_of_one_seed_and_seeds_of_one_prompt_draw_differently() -> None:
    def first(seed: int, number: int) -> float:
        return torch.rand(1, generator=Sampling(1.0, seed=seed).generator(number)).item()

    assert first(1, 2) == first(1, 2)
    assert len({first(seed, number) for seed in range(4) for number in range(4)}) == 16
    assert first(0, 1_000_003) == first(1, 0)  # (seed · 1,000,003 + number) mod 2^63
    assert first(2**63, 5) == first(0, 5)
