"""Three systems on real data: a model of ours on Multi30k, newstest2014 copied, lead-3 on CNN/Daily Mail.

Each figure is that of sacreBLEU's command line, of rouge-score, or of the perl scripts, to the last digit
that they print, and that of the records in docs/results/protocols.
"""

import csv
import gzip
import io
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rouge_score.rouge_scorer import RougeScorer

from synthcli.evaluation.tokenised_bleu import bleu_of_tokens, classical_line
from synthcli.jobs.score.inputs import ScoreRequest
from synthcli.jobs.score.score import ScoreReport, score_outputs
from tests.score_page import RECORDS, read_record

from .test_score_protocols import OPTIONS

pytestmark = pytest.mark.slow

MULTI30K, NEWS, CNN = "multi30k", "newstest2014-copied-source", "cnn-dailymail-lead-3"
# what multi-bleu.perl prints of the same texts, after the hyphens of get_ende_bleu.sh or not;
# those of Multi30k are made into tokens by tokenizer.perl of before November 2018
LINES = {
    (MULTI30K, "bleu-tokenised"): (
        "BLEU = 27.93, 62.9/36.5/23.6/15.3 (BP=0.926, ratio=0.929, hyp_len=11237, ref_len=12102)"
    ),
    (MULTI30K, "bleu-compound"): (
        "BLEU = 27.99, 62.8/36.5/23.7/15.4 (BP=0.925, ratio=0.928, hyp_len=11357, ref_len=12240)"
    ),
    (NEWS, "bleu-tokenised"): (
        "BLEU = 2.41, 15.0/3.1/1.3/0.6 (BP=1.000, ratio=1.064, hyp_len=61376, ref_len=57659)"
    ),
    (NEWS, "bleu-compound"): (
        "BLEU = 2.66, 15.7/3.4/1.4/0.7 (BP=1.000, ratio=1.061, hyp_len=62574, ref_len=58973)"
    ),
}
# of texts as they are, tokens between white space
SPLIT_AT_SPACES = {
    False: "BLEU = 26.66, 57.0/35.8/23.5/15.4 (BP=0.909, ratio=0.913, hyp_len=9960, ref_len=10905)",
    True: "BLEU = 26.72, 56.9/35.8/23.6/15.5 (BP=0.910, ratio=0.914, hyp_len=10092, ref_len=11043)",
}
# what ROUGE-1.5.5.pl -n 2 [-m] -z SPL prints
AVERAGES = {
    "rouge1-perl": "0.26764 (95%-conf.int. 0.24376 - 0.29264)",
    "rouge2-perl": "0.10725 (95%-conf.int. 0.09071 - 0.12593)",
    "rougeL-perl": "0.24396 (95%-conf.int. 0.22194 - 0.26602)",
    "rouge1-perl-m": "0.28112 (95%-conf.int. 0.25565 - 0.30660)",
    "rouge2-perl-m": "0.11164 (95%-conf.int. 0.09454 - 0.13033)",
    "rougeL-perl-m": "0.25431 (95%-conf.int. 0.23065 - 0.27854)",
}


def read(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().split("\n")[:-1]


def find_texts(name: str, shared: Path) -> tuple[Path, Path]:
    """Return the files of outputs and references of a system."""
    if name == MULTI30K:
        references = shared / "data/multi30k/test_2016_flickr.de.gz"
        return RECORDS / "multi30k.hypotheses.de.gz", references
    news = shared / "data/wmt14_en_de"
    return news / "test.newstest2014.en.gz", news / "test.newstest2014.de.gz"


def write_lead_3(shared: Path, folder: Path) -> Path:
    """Write the first three sentences of each article beside its summary, as `synth eval` would."""
    packed = (shared / "data/cnn_dailymail/cnn_dailymail_200.csv.gz").read_bytes()
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode(), newline="")))
    leads = ["\n".join(re.split(r"(?<=[.!?])\s+", row["text"].strip())[:3]) for row in rows]
    lines = [
        json.dumps({"references": [row["y"]], "hypothesis": lead}, ensure_ascii=False)
        for row, lead in zip(rows, leads, strict=True)
    ]
    path = folder / f"{CNN}.outputs.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@cache
def score_translation(name: str, shared: Path, protocols: tuple[str, ...]) -> ScoreReport:
    outputs, references = find_texts(name, shared)
    makes_tokens = name == MULTI30K and protocols[0] in ("bleu-tokenised", "bleu-compound")
    how: dict[str, Any] = {"language": "de"} if makes_tokens else {"is_tokenised": name == NEWS}
    return score_outputs(ScoreRequest("translation", outputs, (references,), protocols, **how))


def compare_with_record(report: ScoreReport, name: str) -> None:
    """The record holds the same figures, signatures and lines, and of the same file."""
    recorded = {one["name"]: one for one in read_record(name)["figures"]}
    assert report.figures and report.sha256 == read_record(name)["sha256"]
    for one in report.figures:
        known = recorded[one.figure.name]
        assert one.figure.value == pytest.approx(known["value"], abs=1e-9)
        assert one.line == known.get("line")


@pytest.mark.parametrize("protocol", OPTIONS)
@pytest.mark.parametrize("name", [MULTI30K, NEWS])
def test_figures_are_those_of_sacrebleu(name: str, protocol: str, shared: Path) -> None:
    outputs, references = find_texts(name, shared)
    options = [*OPTIONS[protocol], "-w", "2", "-f", "json", "--force"]
    words = [sys.executable, "-m", "sacrebleu", str(references), "-i", str(outputs), *options]
    said = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    report = score_translation(name, shared, (protocol,))
    figure = report.figures[0].figure
    assert f"{figure.value:.2f}" == f"{said['score']:.2f}" and figure.signature == said["signature"]
    compare_with_record(report, name)


@pytest.mark.parametrize(("name", "protocol"), LINES)
def test_lines_are_those_of_multi_bleu(name: str, protocol: str, shared: Path) -> None:
    if name == MULTI30K:
        pytest.importorskip("sacremoses")
    report = score_translation(name, shared, (protocol,))
    assert report.figures[0].line == LINES[name, protocol]
    compare_with_record(report, name)


@pytest.mark.parametrize("splits", [False, True])
def test_lines_of_our_translations_at_spaces_are_those_of_multi_bleu(splits: bool, shared: Path) -> None:
    outputs, references = map(read, find_texts(MULTI30K, shared))
    score = bleu_of_tokens("x", outputs, [references], "given", splits)
    assert classical_line(score.sampled.statistics.sum(axis=0)) == SPLIT_AT_SPACES[splits]


def test_figures_of_summaries_are_those_of_rouge_score_and_of_the_script(
    shared: Path, tmp_path: Path
) -> None:
    path = write_lead_3(shared, tmp_path)
    report = score_outputs(ScoreRequest("summarisation", path))
    compare_with_record(report, CNN)
    figures = {one.figure.name: one.figure for one in report.figures}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for stems, ending in ((False, ""), (True, "-stemmed")):
        kinds = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
        scorer = RougeScorer(kinds, use_stemmer=stems)
        scores = [scorer.score(row["references"][0], row["hypothesis"]) for row in rows]
        for kind in kinds:
            mean = 100 * sum(score[kind].fmeasure for score in scores) / len(scores)
            assert f"{figures[kind + ending].value:.4f}" == f"{mean:.4f}"
    for name in ("rouge1-perl", "rouge2-perl", "rougeL-perl"):
        assert print_average(figures[name].value, figures[name].interval) == AVERAGES[name]


def print_average(value: float, interval: Any) -> str:
    """Return a figure as the script prints it."""
    low, high = interval
    return f"{value / 100:.5f} (95%-conf.int. {low / 100:.5f} - {high / 100:.5f})"


def test_the_record_of_summaries_holds_the_figures_of_the_script() -> None:
    recorded = {one["name"]: one for one in read_record(CNN)["figures"]}
    printed = {name: print_average(recorded[name]["value"], recorded[name]["interval"]) for name in AVERAGES}
    assert printed == AVERAGES
