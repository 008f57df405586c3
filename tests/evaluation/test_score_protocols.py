"""Every protocol of `synth score` equals the program it is named for, or its definition."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer

from synthcli.errors import SynthError
from synthcli.evaluation.outputs import Outputs
from synthcli.evaluation.protocols import COUNT_PROTOCOLS, TEXT_PROTOCOLS, list_protocols
from synthcli.evaluation.protocols.counts import TextCounts
from synthcli.evaluation.protocols.papers import USES, papers_of, unknown_of
from synthcli.evaluation.protocols.settings import CannotScoreError, ProtocolSettings
from synthcli.evaluation.score import Score

from .written_texts import OTHERS, OUTPUTS, REFERENCES

ONE = Outputs([None] * 60, [(text,) for text in REFERENCES], OUTPUTS)
TWO = Outputs([None] * 60, list(zip(REFERENCES, OTHERS, strict=True)), OUTPUTS)
# protocol: the options of sacreBLEU's command line
OPTIONS = {
    **{f"bleu-{name}": ("-m", "bleu", "-tok", name) for name in ("13a", "intl", "char", "none")},
    "chrf2": ("-m", "chrf"),
    "chrf2++": ("-m", "chrf", "--chrf-word-order", "2"),
    "ter": ("-m", "ter"),
}


def run_sacrebleu(folder: Path, options: tuple[str, ...], streams: list[list[str]]) -> dict[str, str]:
    """Return what sacreBLEU's command line prints of texts: a figure with two digits, and a signature."""
    for number, stream in enumerate((OUTPUTS, *streams)):
        (folder / f"{number}.txt").write_text("".join(f"{line}\n" for line in stream))
    references = [f"{number + 1}.txt" for number in range(len(streams))]
    words = [sys.executable, "-m", "sacrebleu", *references, "-i", "0.txt", *options, "-w", "2", "-f", "json"]
    said = subprocess.run([*words, "--force"], cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(said.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [ONE, TWO], ids=["one reference", "two"])
@pytest.mark.parametrize("name", OPTIONS)
def test_figures_and_signatures_are_those_of_sacrebleu(name: str, outputs: Outputs, tmp_path: Path) -> None:
    said = run_sacrebleu(tmp_path, OPTIONS[name], outputs.streams())
    score = TEXT_PROTOCOLS["translation"][name](outputs, ProtocolSettings())
    assert f"{score.value:.2f}" == f"{said['score']:.2f}"
    assert score.signature == said["signature"]
    assert score.higher_is_better == (name != "ter")


@pytest.mark.parametrize("stems", [False, True])
@pytest.mark.parametrize("kind", ["rouge1", "rouge2", "rougeL", "rougeLsum"])
def test_figures_are_those_of_rouge_score(kind: str, stems: bool) -> None:
    lines = Outputs(
        [None] * 60,
        [(text.replace(" , ", "\n"),) for text in REFERENCES],
        [text.replace(" , ", "\n") for text in OUTPUTS],
    )
    scorer = RougeScorer([kind], use_stemmer=stems)
    pairs = zip(lines.references, lines.hypotheses, strict=True)
    want = [scorer.score(reference, text)[kind].fmeasure for (reference,), text in pairs]
    name = f"{kind}-stemmed" if stems else kind
    score = TEXT_PROTOCOLS["summarisation"][name](lines, ProtocolSettings())
    assert score.name == name and score.value == pytest.approx(100 * sum(want) / 60, abs=1e-10)
    assert score.signature == f"rouge-score|stemmer:{'yes' if stems else 'no'}"


def test_another_tokenizer_is_in_the_signature_and_has_no_stems() -> None:
    summaries, settings = TEXT_PROTOCOLS["summarisation"], ProtocolSettings(rouge_tokenizer="unicode")
    assert summaries["rouge1"](ONE, settings).signature == "rouge-score|stemmer:no|tokenizer:unicode"
    for name in ("rouge1-stemmed", "rouge1-perl"):
        with pytest.raises(CannotScoreError, match="it reads a to z alone"):
            summaries[name](ONE, settings)


GUESSES = ["a", "b ", "b", "c", "a", "d"]
LABELS = ["a", "b", "a", "c", "b", "c"]


def score_classes(name: str, positive: str | None = None) -> Score:
    outputs = Outputs([None] * 6, [(label,) for label in LABELS], GUESSES)
    return TEXT_PROTOCOLS["classification"][name](outputs, ProtocolSettings(positive=positive))


def test_figures_of_classes_by_hand() -> None:
    """Right: a, b, c once each; a: 2 said, 2 true; b: 2, 2; c: 1, 2; d: 1, 0."""
    assert score_classes("accuracy").value == score_classes("f1_micro").value == pytest.approx(50)
    assert score_classes("f1_macro").value == pytest.approx(100 * (1 / 2 + 1 / 2 + 2 / 3 + 0) / 4)
    assert score_classes("f1", "c").value == pytest.approx(100 * 2 / 3)
    assert score_classes("f1", "a").value == pytest.approx(50)
    # (s c − Σ p t) / √((s² − Σ p²)(s² − Σ t²)): s 6, c 3, p 2 2 1 1, t 2 2 2 0
    assert score_classes("matthews").value == pytest.approx(100 * (18 - 10) / math.sqrt(26 * 24))
    assert score_classes("f1", "c").signature == "classes:4|average:binary|positive:c"
    assert score_classes("f1_macro").signature == "classes:4|average:macro"


def test_a_class_must_be_one_of_these() -> None:
    with pytest.raises(SynthError) as refused:
        score_classes("f1", "e")
    assert str(refused.value).startswith("`--positive e` is no class of these\nhint: ")
    texts = [f"sentence {number}" for number in range(400)]
    outputs = Outputs([None] * 400, [(text,) for text in texts], texts)
    with pytest.raises(CannotScoreError, match="400 different classes: their table has no room"):
        TEXT_PROTOCOLS["classification"]["matthews"](outputs, ProtocolSettings())
    assert TEXT_PROTOCOLS["classification"]["accuracy"](outputs, ProtocolSettings()).value == 100


NATS, TOKENS = np.array([10.0, 20.0]), np.array([4.0, 6.0])
WORDS, BYTES, ENDS = np.array([2.0, 3.0]), np.array([9.0, 15.0]), np.ones(2)


def test_units_are_converted_by_their_counts() -> None:
    counts = TextCounts.of(NATS, TOKENS, WORDS, BYTES, ENDS)
    figures = {name: protocol(counts) for name, protocol in COUNT_PROTOCOLS.items()}
    assert {name: score.value for name, score in figures.items()} == pytest.approx(
        {
            "loss": 3.0,
            "perplexity": math.exp(3),
            "perplexity_per_word": math.exp(30 / 7),
            "perplexity_per_word_no_end": math.exp(30 / 5),
            "bits_per_byte": 30 / 26 / math.log(2),
            "bits_per_byte_no_end": 30 / 24 / math.log(2),
        }
    )
    perplexity = figures["perplexity"].value
    assert figures["perplexity_per_word"].value == pytest.approx(perplexity ** (10 / 7))
    assert figures["bits_per_byte"].value == pytest.approx(math.log2(perplexity) * 10 / 26)
    assert {score.signature for score in figures.values()} == {
        "unit:token|ends:as-given",
        "unit:word|ends:counted",
        "unit:word|ends:not-counted",
        "unit:byte|ends:counted",
        "unit:byte|ends:not-counted",
    }
    assert not any(score.higher_is_better for score in figures.values())


def test_a_figure_without_its_count_says_what_it_needs() -> None:
    counts = TextCounts.of(NATS, TOKENS, WORDS)
    assert list(counts.units) == ["token", "word_no_end"]
    with pytest.raises(CannotScoreError) as refused:
        COUNT_PROTOCOLS["perplexity_per_word"](counts)
    assert str(refused.value) == (
        "a count is not given\nhint: `--words N` and `--ends N`, or the text: `--text FILE`"
    )


def test_every_use_names_protocols_that_there_are() -> None:
    known = list_protocols()
    assert USES and all(set(use.protocols) <= set(known[use.task]) for use in USES)
    assert all(use.protocols or use.source.startswith("not known") for use in USES)
    assert papers_of("bleu-compound")[0] == "Vaswani et al. 2017" and papers_of("bleu-none") == ()
    assert "Tay et al. 2021, Synthesizer (perplexity, LM1B)" in unknown_of("language-model")


@pytest.mark.parametrize("name", ["bleu-tokenised", "bleu-compound"])
def test_tokens_must_be_known(name: str) -> None:
    with pytest.raises(CannotScoreError, match="nothing says how the texts become some"):
        TEXT_PROTOCOLS["translation"][name](ONE, ProtocolSettings())


def test_compounds_are_not_split_twice() -> None:
    split = Outputs([None], [("rich ##AT##-##AT## text",)], ["rich text"])
    settings = ProtocolSettings(tokenise=str, tokens="given")
    with pytest.raises(CannotScoreError, match="the texts hold `##AT##-##AT##`"):
        TEXT_PROTOCOLS["translation"]["bleu-compound"](split, settings)
    assert TEXT_PROTOCOLS["translation"]["bleu-tokenised"](split, settings).value == 0
