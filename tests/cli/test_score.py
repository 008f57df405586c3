"""`synth score`: a file of outputs by every protocol, its mistakes, and what it says beside its figures."""

import gzip
import json
import math
from pathlib import Path

import pytest

import synthcli
from synthcli.cli.completion import LOG_BASES, SCORE_TASKS
from synthcli.cli.score import digits
from synthcli.evaluation.log_probabilities import BASES
from synthcli.evaluation.protocols import list_protocols
from synthcli.evaluation.protocols.counts import NEEDS
from synthcli.evaluation.protocols.papers import USES
from synthcli.jobs.score.inputs import ONLY
from tests.evaluation.written_texts import OTHERS, OUTPUTS, REFERENCES
from tests.tiny_presets import LANGUAGE_MODEL, write_words

from .conftest import Synth
from .test_completion import offered

TEXTS = {"out.txt": OUTPUTS, "ref.txt": REFERENCES, "other.txt": OTHERS}
TRANSLATION = ("--task", "translation")


@pytest.fixture(autouse=True)
def texts(here: Path) -> Path:
    """Outputs and two references, a text a line, and the same as lines of JSON."""
    for name, lines in TEXTS.items():
        (here / name).write_text("".join(f"{line}\n" for line in lines))
    rows = zip(OUTPUTS, REFERENCES, OTHERS, strict=True)
    lines = [json.dumps({"hypothesis": text, "references": list(others)}) for text, *others in rows]
    (here / "both.jsonl").write_text("\n".join(lines) + "\n")
    (here / "labels.txt").write_text("a\nb\na\n")
    return here


def figures(out: str) -> dict[str, float]:
    return {one["name"]: one["value"] for one in json.loads(out)["figures"]}


def test_lines_of_text_and_of_json_score_alike(synth: Synth) -> None:
    of_json = synth("score", "both.jsonl", *TRANSLATION, "--tokenised", "--json")
    references = ("--references", "ref.txt", "--references", "other.txt")
    of_text = synth("score", "out.txt", *references, *TRANSLATION, "--tokenised", "--json")
    assert of_json.code == of_text.code == 0
    assert figures(of_json.out) == figures(of_text.out)
    assert list(figures(of_text.out)) == [
        name for name in list_protocols()["translation"] if "flores" not in name
    ]
    with gzip.open("out.txt.gz", "wb") as packed:
        packed.write(Path("out.txt").read_bytes().replace(b"\n", b"\r\n"))
    of_packed = synth("score", "out.txt.gz", *references, *TRANSLATION, "--tokenised", "--json")
    assert figures(of_packed.out) == figures(of_text.out)


def test_a_table_says_signatures_papers_and_what_is_left_out(synth: Synth) -> None:
    said = synth("score", "out.txt", "--references", "ref.txt", *TRANSLATION)
    assert said.code == 0
    rows = {line.split()[0]: line.rstrip() for line in said.out.splitlines()[2:]}
    assert rows["bleu-13a"].endswith("TaraSPande/synthesizer") and "tok:13a" in rows["bleu-13a"]
    assert "bleu-compound" not in rows
    assert said.out.splitlines()[0].strip() == "translation: 60 samples of out.txt"
    assert said.err.splitlines()[-1] == (
        "not known by which protocol: Vaswani et al. 2017 (BLEU, WMT14 en-fr); Tay et al. 2021, Synthesizer"
        " (BLEU, WMT14 en-de and en-fr); Tay et al. 2021, Synthesizer (BLEU-1, PersonaChat); Lei 2021, SRU++"
        " (BLEU, IWSLT14 de-en)"
    )
    assert (
        "left out: `bleu-compound`: it is of tokens, and nothing says how the texts become some;"
        " `--tokenised`: they stand between white space; `--language de`: as Moses makes them of German\n"
    ) in said.err
    empty = sum(not text.strip() for text in OUTPUTS)
    assert empty and f"note: {empty} of 60 outputs are empty\n" in said.err


def test_tokens_score_by_the_line_of_the_script(synth: Synth) -> None:
    words = ("score", "out.txt", "--references", "ref.txt", *TRANSLATION, "--tokenised")
    said = synth(*words, "--protocol", "bleu-compound")
    line = "BLEU = 50.80, 83.2/64.6/52.7/42.8 (BP=0.861, ratio=0.870, hyp_len=548, ref_len=630)"
    assert f"`bleu-compound` as multi-bleu.perl prints it: {line}\n" in said.err
    assert "Vaswani et al. 2017; Wu et al. 2016, GNMT; Gehring et al. 2017, ConvS2S" in said.out
    assert "note: the texts are tokens: sacreBLEU's figures are of detokenised text" in said.err


def test_texts_that_look_tokenised_are_noted(synth: Synth) -> None:
    for name in ("out.txt", "ref.txt"):
        Path(name).write_text("a b c d .\n" * 3)
    said = synth("score", "out.txt", "--references", "ref.txt", *TRANSLATION)
    assert "note: 3 of 3 outputs end in a full stop that stands alone: they look tokenised" in said.err


def test_moses_makes_tokens_where_sacremoses_is(synth: Synth) -> None:
    sacremoses = pytest.importorskip("sacremoses")
    Path("out.txt").write_text("Er sagte: „Ein-Mann-Zelt“, am 3. Mai.\n")
    Path("ref.txt").write_text("Er sagte: „Ein-Mann-Zelt“, am 3. Mai .\n")
    words = ("score", "out.txt", "--references", "ref.txt", *TRANSLATION, "--language", "de")
    said = synth(*words, "--protocol", "bleu-compound", "--json")
    (figure,) = json.loads(said.out)["figures"]
    tokens = f"tok:moses-de-sacremoses-{sacremoses.__version__}"
    assert figure["signature"] == f"multi-bleu|nrefs:1|case:mixed|{tokens}|compounds:split|smooth:none"
    assert figure["value"] == pytest.approx(100)
    # 9 tokens: Er sagte : „ Ein-Mann-Zelt “ , am 3. Mai . and two compounds split
    assert "hyp_len=15, ref_len=15" in figure["line"]


def test_without_sacremoses_a_language_is_refused(synth: Synth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sacremoses", None)
    said = synth("score", "out.txt", "--references", "ref.txt", *TRANSLATION, "--language", "de")
    assert said.code == 2 and said.err == (
        "error: `--language` makes tokens by sacremoses, which is not installed\n"
        "hint: `pip install 'synthcli[moses]'`, or `--tokenised`\n"
    )


def test_sentences_of_a_line_are_parted(synth: Synth) -> None:
    Path("out.txt").write_text("the cat sat. <q> a dog ran .\n")
    Path("ref.txt").write_text("a dog ran. <q> the cat sat.\n")
    words = ("score", "out.txt", "--references", "ref.txt", "--task", "summarisation", "--json")
    whole, parted = figures(synth(*words).out), figures(synth(*words, "--separator", "<q>").out)
    assert whole["rougeLsum"] == whole["rougeL"] < parted["rougeLsum"] == parted["rougeL-perl"] == 100
    assert "rouge1-perl-m" not in whole
    noted = synth(*words[:-1])
    assert "note: every reference is one line, so that `rougeLsum` is `rougeL`" in noted.err


def test_classes_score(synth: Synth) -> None:
    Path("out.txt").write_text("a\nb\nb\n")
    words = ("score", "out.txt", "--references", "labels.txt", "--task", "classification", "--json")
    found = figures(synth(*words, "--positive", "a").out)
    assert found["accuracy"] == found["f1_micro"] == pytest.approx(200 / 3)
    assert found["f1"] == found["f1_macro"] == pytest.approx(200 / 3)
    report = json.loads(synth(*words).out)
    assert report["left_out"] == {"f1": "it is of one class, and none is named; name it: `--positive CLASS`"}


def test_log_probabilities_and_counts_score_alike(synth: Synth) -> None:
    Path("text.txt").write_text("one two\nthrée \n")
    Path("rows.txt").write_text("-1 -0.5 -2\n[-1.5, 0]\n")
    rows = figures(synth("score", "rows.txt", "--text", "text.txt", "--task", "language-model", "--json").out)
    counts = ("--nats", "5", "--tokens", "5", "--words", "3", "--bytes", "14", "--ends", "2")
    assert figures(synth("score", *counts, "--task", "language-model", "--json").out) == rows
    assert rows == pytest.approx(
        {
            "loss": 1,
            "perplexity": math.e,
            "perplexity_per_word": math.e,
            "perplexity_per_word_no_end": math.exp(5 / 3),
            "bits_per_byte": 5 / 16 / math.log(2),
            "bits_per_byte_no_end": 5 / 14 / math.log(2),
        }
    )
    Path("twos.txt").write_text(f'{{"logprobs": [{-5 / math.log(2)}]}}\n')
    (loss,) = figures(
        synth("score", "twos.txt", "--log-base", "2", "--protocol", "loss", *LANGUAGE, "--json").out
    ).values()
    assert loss == pytest.approx(5)
    from_text = ("--nats", "5", "--tokens", "5", "--text", "text.txt")
    assert figures(synth("score", *from_text, *LANGUAGE, "--json").out) == rows


LANGUAGE = ("--task", "language-model")
FORM = "a line is a row of text: the log probabilities of its tokens, as `-1.5 -0.25 -3` or a list of JSON"
ONE_A_LINE = "one text a line, in the same order; of an empty output an empty line"
BAD = {
    "latin.txt": "für\n".encode("latin-1"),
    "empty.txt": b"",
    "blank.txt": b"\n\n",
    "short.txt": b"a\n",
    "word.txt": b"-1 x\n",
    "odds.txt": b"-1\n0.5\n",
    "inf.txt": b"-inf\n",
    "broken.txt.gz": b"\x1f\x8b\x08broken",
    "bad.jsonl": b'{"hypothesis": "a"}\n',
}
MISTAKES = [
    ("out.txt --task translaton", "`--task translaton` is unknown", "did you mean `translation`?"),
    (
        "out.txt --task translation",
        "nothing says what the lines of `out.txt` are compared with",
        "`--references FILE` does; a file of JSON with both in a line ends in `.jsonl`",
    ),
    (
        "out.txt --references short.txt --task translation",
        "`out.txt` has 60 lines and `short.txt` 1 line",
        f"a line of each is the same sample: {ONE_A_LINE}",
    ),
    ("out.txt --references empty.txt --task translation", "`empty.txt` holds no text", ONE_A_LINE),
    ("blank.txt --references ref.txt --task translation", "`blank.txt` holds no text", ONE_A_LINE),
    (
        "latin.txt --references ref.txt --task translation",
        "`latin.txt` is not UTF-8: byte 0xfc in line 1",
        "`iconv -f LATIN1 -t UTF-8` converts a file that is Latin-1",
    ),
    (
        "nowhere --references ref.txt --task translation",
        "`nowhere` cannot be read: no such file or directory",
        "check the path and its permissions",
    ),
    (
        "broken.txt.gz --references ref.txt --task translation",
        "`broken.txt.gz` is no whole file of gzip",
        "copy it again",
    ),
    (
        "both.jsonl --references ref.txt --task translation",
        "`both.jsonl` holds its references, and `--references` names others",
        "leave `--references` out, or give the outputs as lines of text",
    ),
    (
        "bad.jsonl --task translation",
        "`bad.jsonl` cannot be scored: line 1: `references` is no list of texts",
        'a line is `{"references": [TEXT], "hypothesis": TEXT}`, as `synth eval` writes it',
    ),
    (
        "both.jsonl --task translation --protocol bleu13a",
        "`bleu13a` is no protocol of `translation`",
        "did you mean `bleu-13a`?",
    ),
    (
        "both.jsonl --task translation --protocol bleu-tokenised",
        "`bleu-tokenised` cannot be computed: it is of tokens, and nothing says how the texts become some",
        "`--tokenised`: they stand between white space; `--language de`: as Moses makes them of German",
    ),
    (
        "both.jsonl --task translation --tokenised --language de",
        "`--language` has texts made into tokens, and `--tokenised` says that they are",
        "leave one out",
    ),
    (
        "both.jsonl --task summarisation",
        "`rouge` compares with one reference, and there are 2",
        "`synth eval bleu` takes several",
    ),
    (
        "both.jsonl --task translation --positive a",
        "`--positive` has no meaning for `translation`",
        "it is of `--task classification`",
    ),
    (
        "both.jsonl --task summarisation --separator x",
        "`--separator` is of lines of text, and JSON holds lines",
        "leave it out",
    ),
    (
        "out.txt --references ref.txt --task summarisation --rouge-data .",
        "`.` holds no `adj.exc`: it is not the folder `data` of ROUGE-1.5.5",
        "name the folder that holds `WordNet-2.0-Exceptions` of that release",
    ),
    (
        "out.txt --references ref.txt --task summarisation --protocol rouge1-perl-m",
        "`rouge1-perl-m` cannot be computed: it needs the exceptions of WordNet that come with the script",
        "name the script's folder: `--rouge-data ROUGE-1.5.5/data`",
    ),
    (
        "out.txt --references ref.txt --task summarisation --rouge-tokenizer unicod",
        "`--rouge-tokenizer unicod` is unknown",
        "did you mean `unicode`?",
    ),
    ("--task translation", "no file of outputs is named", "`synth score OUTPUTS --task translation`"),
    ("--task language-model", "no file of outputs is named", "`synth score OUTPUTS --task language-model`"),
    (
        "--task language-model --words 3",
        "`--words` counts units of the nats, and no `--nats` are given",
        "`--nats N`: the sum of −log p over the whole text",
    ),
    (
        "--task language-model --nats 3",
        f"nothing can be computed; of `loss`: a count is not given; {NEEDS['token']}",
        "give what one protocol needs",
    ),
    (
        "out.txt --task language-model --nats 3",
        "`--nats` is a sum, and `out.txt` would give another",
        "leave one out",
    ),
    (
        "out.txt --task language-model --references ref.txt",
        "`--references` has no meaning for `language-model`",
        "leave it out",
    ),
    (
        "--task language-model --tokens 3 --nats inf",
        "`--nats inf` is no sum of nats",
        "give a finite one, 0 or more",
    ),
    ("word.txt --task language-model", "`word.txt` line 1 is no row of numbers", FORM),
    (
        "odds.txt --task language-model",
        "`odds.txt` line 2: 0.5 is no log probability",
        "logarithms of probabilities are 0 or less, and finite; turn the sign of losses",
    ),
    (
        "inf.txt --task language-model",
        "`inf.txt` line 1: -inf is no log probability",
        "logarithms of probabilities are 0 or less, and finite; turn the sign of losses",
    ),
    ("word.txt --task language-model --log-base 3", "`--log-base 3` is unknown", "known: `10`, `2`, `e`"),
    (
        "short.txt --task language-model --text ref.txt",
        "`short.txt` line 1 is no row of numbers",
        FORM,
    ),
    (
        "--task language-model --nats 3 --words 7 --text short.txt",
        "`--words 7`: `short.txt` has 1",
        "leave the count out, or the text",
    ),
    (
        "result.json --task language-model",
        "there is no `result.samples.jsonl`, which holds the sums of a result",
        "evaluate again: `synth eval perplexity` keeps them",
    ),
]


@pytest.mark.parametrize(("words", "message", "hint"), MISTAKES, ids=[words for words, _, _ in MISTAKES])
def test_a_mistake_is_one_message(words: str, message: str, hint: str, synth: Synth, here: Path) -> None:
    for name, data in BAD.items():
        (here / name).write_bytes(data)
    said = synth("score", *words.split())
    assert (said.code, said.out, said.err) == (2, "", f"error: {message}\nhint: {hint}\n")


def test_texts_of_other_letters_are_read_as_the_hint_says(synth: Synth) -> None:
    for name in ("out.txt", "ref.txt"):
        Path(name).write_text("我喜欢\n")
    words = ("score", "out.txt", "--references", "ref.txt", "--task", "summarisation")
    said = synth(*words)
    assert said.code == 2 and "hint: `--rouge-tokenizer unicode` keeps the letters" in said.err
    found = figures(synth(*words, "--rouge-tokenizer", "unicode", "--json").out)
    assert found == {"rouge1": 100, "rouge2": 100, "rougeL": 100, "rougeLsum": 100}


def test_a_result_of_ours_is_converted(synth: Synth, here: Path) -> None:
    """The sums that `synth eval perplexity` keeps give its figures again."""
    write_words(here / "words")
    Path("lm.toml").write_text(LANGUAGE_MODEL)
    assert synth("train", "lm.toml").code == 0
    result = json.loads(synth("eval", "perplexity", "--json").out)[0]
    (path,) = Path("runs").rglob("results/perplexity*.json")
    report = json.loads(synth("score", str(path), *LANGUAGE, "--json").out)
    assert report["samples"] == result["samples"]
    of_score = {one["name"]: one["value"] for one in report["figures"]}
    of_eval = {one["name"]: one["value"] for one in result["figures"]}
    assert of_eval and {name: of_score[name] for name in of_eval} == pytest.approx(of_eval, rel=1e-5)
    assert of_score["loss"] == pytest.approx(math.log(of_eval["perplexity"]), rel=1e-5)


def test_python_scores_as_the_command_does(synth: Synth) -> None:
    said = synth("score", "both.jsonl", *TRANSLATION, "--tokenised", "--json")
    report = synthcli.score("both.jsonl", tokenised=True)
    assert json.loads(json.dumps(report.to_json()))["figures"] == json.loads(said.out)["figures"]
    few = synthcli.score("out.txt", references=["ref.txt"], protocols=["chrf2", "bleu-13a"])
    assert list(few.to_pandas()["name"]) == ["chrf2", "bleu-13a"]
    text = Path("text.txt")
    text.write_text("one two\n")
    counted = synthcli.score(task="language-model", nats=3.0, tokens=3, text=str(text))
    assert [one.figure.name for one in counted.figures][2:4] == [
        "perplexity_per_word",
        "perplexity_per_word_no_end",
    ]
    with pytest.raises(
        synthcli.SynthError, match=r"unknown option `tokenized`\nhint: did you mean `tokenised`"
    ):
        synthcli.score("both.jsonl", tokenized=True)
    with pytest.raises(synthcli.SynthError, match="`--tokenised` has no meaning for `summarisation`"):
        synthcli.score("both.jsonl", "summarisation", tokenised=True)


def test_closed_sets_are_those_of_the_protocols() -> None:
    assert set(SCORE_TASKS) == set(list_protocols()) == set(ONLY) == {use.task for use in USES}
    assert set(LOG_BASES) == set(BASES)
    assert offered("score", "--task", "c") == ["classification"]
    assert offered("score", "--protocol", "chr") == ["chrf2", "chrf2++"]


def test_figures_have_the_digits_of_papers_and_scripts() -> None:
    assert [digits(name, 26.7641) for name in ("bleu-13a", "rouge1-perl", "loss")] == [
        "26.76",
        "26.764",
        "26.7641",
    ]
    assert digits("perplexity", 2.5e7) == "2.50e+07"
