"""What pages leave to their readers: their files, what a placeholder stands for, how long a line may take."""

import json
from collections import ChainMap, Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from tests.data.corpora.reader_fixtures import reviews, turns
from tests.data.small import ag_news, multi30k, wikitext, write
from tests.importers.fuzz_files import bert_blocks_file
from tests.importers.hub_folders import bert_folder
from tests.importers.originals import simplified, srupp, synthesizer

Run = Callable[..., None]  # of the words after `synth`; it must end well

NOT_HERE = {  # and why
    "synth kernels build": "it compiles for minutes: make install-check",
    "synth kernels test": "its checks are tests of their own: tests/kernels",
    "synth claims run --scale smoke": "it takes minutes: make reproduce",
    "synth claims report --records docs/results/records -o docs/results": "tests/cli/test_results.py",
    "synth compare lm1b-vanilla lm1b-dense --seeds 5 --engine ray --address HEAD:6379": "a cluster",
    "synth prepare-corpus c4 --engine ray --address HEAD:6379 --stores /shared/stores": "a cluster",
    "synth prepare-corpus c4 --workers 8": "the hub",
    "synth push translator --to me/translator --private": "the hub",
    "synth corpora fetch enwik8": "a publisher's server",
    "synth corpora fetch imdb --to /big/imdb": "a publisher's server",
    "synth corpora fetch imdb": "a publisher's server",
}
FEW = (
    *("training.steps=4", "training.evaluate_every=4", "training.save_every=4"),
    *("training.schedule.warmup_steps=1", "training.validation_examples=8"),
)
SHORT = [word for setting in FEW for word in ("--set", setting)]
SHORTER = {"--scale": "smoke", "--seeds": "2", "--trials": "2", "--steps": "2"}
TEACHER = "bert-base-wikitext-2"
TEXT = [f" the word {n} reads {n % 7} again " for n in range(120)]
RUNS = {"RUN": "*", "OTHER": "*", "TEACHER": TEACHER, "LARGER": TEACHER}  # names of the runs that they may be
STANDS_FOR: dict[str, dict[str, str]] = {  # on a page, or in its lines that begin so
    "README.md: export": {"DIR": "taken-away"},
    "README.md: import": {"DIR": "taken-away"},
    "README.md: push": {"DIR": "taken-away"},
    "README.md: generate": {"RUN": "wmt14-dense", "…": "abc"},
    "docs/compress.md: probe": {"RUN": TEACHER},
    "docs/export.md: export RUN --to hf --benchmark": {"RUN": "agnews-vanilla"},
    "docs/import.md: import BERTLM-latest.pth": {"12": "4"},
    "docs/runs.md": {"RUN": "spare"},
    "docs/corpora.md": {"~/wikitext-2": "wikitext-2"},
}
LIMITS = {"eval": ("--limit", "8"), "probe": ("--limit", "8"), "tune": ("--trials", "2")}
LIMITS |= dict.fromkeys(("distill-block", "merge-layers"), ("--limit", "32"))
LIMITS |= {"claims run": ("--plan",), "runs rm": ("--yes",), "stores rm": ("--yes",)}
COMPRESS = ("distill-block", "merge-layers", "heal")


def shorten(words: Sequence[str]) -> list[str]:
    """Return a command that does in seconds what a line does: at the scale smoke, few steps, few seeds."""
    verb, *rest = words
    for at, word in enumerate(rest):
        if word in SHORTER:
            rest[at + 1] = SHORTER[word]
        elif word.startswith("steps="):
            rest[at] = "steps=2,4,6"
    for beginning, limit in LIMITS.items():
        rest += limit if " ".join(words).startswith(beginning) else ()
    if verb == "train" and "--scale" not in rest:
        rest += ["--scale", "smoke"]
    if verb in ("train", "finetune", "tune") or (verb == "compare" and "--scale" in rest):
        rest += SHORT
    if verb in COMPRESS and not {"--steps", "--resume", "--closed-form-only"} & {*rest}:
        rest += ["--steps", "2"]
    return [verb, *rest]


def fill(words: Sequence[str], page: str, here: Path) -> list[str]:
    """Return the words of a line with what stands for its placeholders now; two RUNs are the newest two."""
    line = f"{page}: {' '.join(words)}"
    of_line = [names for beginning, names in STANDS_FOR.items() if line.startswith(beginning)]
    stands_for = ChainMap(*of_line, RUNS)
    seen: Counter[str] = Counter()
    filled = []
    for word in words:
        stand_in = stands_for.get(word, word)
        filled.append(find_run(here, stand_in, seen[word]) if word in RUNS else stand_in)
        seen[word] += 1
    return filled


def find_run(here: Path, name: str, back: int = 0) -> str:
    """Return the id of the newest run of a name, or of one before it."""
    runs = sorted((here / "runs").glob(f"{name}/*"), key=lambda run: run.stat().st_mtime_ns)
    return runs[-1 - back].name


def write_reviews(here: Path) -> None:
    rows = [f"the film number {row} was {row % 9},{'good' if row % 2 else 'bad'}\n" for row in range(80)]
    for name in ("reviews.csv", "new-reviews.csv"):
        (here / name).write_text("".join(["review,mood\n", *rows]))


def prepare_readme(here: Path, run: Run) -> None:
    multi30k(here / "DIR")
    write_reviews(here)
    ag_news(here / "data" / "ag-news")
    turns(here / "data" / "personachat")
    run("train", "lm1b-dense", "--scale", "smoke", *SHORT)


def prepare_compress(here: Path, run: Run) -> None:
    wikitext(here / "FILES", TEXT)
    bert_folder(here / "DIR")
    run("train", "bert-base-wikitext-2", "--scale", "smoke", *SHORT)


def prepare_compare(here: Path, run: Run) -> None:
    row = {"doc_hash": "0", "target_hash": "0", "prompt_hash": "0", "filter": "none", "metrics": ["acc"]}
    for arm in "AB":
        rows = [row | {"doc_id": n, "acc": arm == "B" or n % 3 == 0} for n in range(9)]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (here / f"samples_arc_easy_{arm}.jsonl").write_text(text)


def prepare_corpora(here: Path, run: Run) -> None:
    reviews(here / "data" / "imdb")
    wikitext(here / "wikitext-2", TEXT)


def prepare_export(here: Path, run: Run) -> None:
    write_reviews(here)
    corpus = ("--source", "reviews.csv", "--set", "data.corpus=csv:text=review,label=mood")
    run("train", "agnews-vanilla", "--scale", "smoke", *corpus, *SHORT)
    run("eval", "accuracy", "--limit", "8")
    run("train", "wmt14-dense", "--scale", "smoke", *SHORT)


def prepare_import(here: Path, run: Run) -> None:
    run("train", "wmt14-dense", "--scale", "smoke", *SHORT)
    run("export", "--to", "hf", "-o", "translator-trained-further")
    bert_folder(here / "bert-base-uncased")
    (here / "out" / "best").mkdir(parents=True)
    heads_hidden = synthesizer.options_of("lm, untied")
    torch.save(synthesizer.drawn(heads_hidden), here / "out" / "best" / "pytorch_model.bin")
    torch.save(simplified.drawn(simplified.options_of("skipless"))[0], here / "model.pt")
    torch.save(srupp.drawn(srupp.DEFAULT), here / "enwik8.pt")
    bert_blocks_file(here / "bert")
    (here / "bert" / "BERTLM-latest.pth").rename(here / "BERTLM-latest.pth")


def prepare_runs(here: Path, run: Run) -> None:
    run("train", "wmt14-dense", "--scale", "smoke", "--name", "spare", *SHORT)


def prepare_score(here: Path, run: Run) -> None:
    texts = [f"the word {row} reads again" for row in range(8)]
    for name in ("OUTPUTS", "REFERENCES", "FIRST", "SECOND", "SUMMARIES", "TEXT"):
        write(here / name, texts)
    for name in ("GUESSES", "LABELS"):
        write(here / name, ["spam", "ham"] * 4)
    write(here / "LOG-PROBABILITIES", ["-1.5 -0.25 -3"] * 8)
    row = json.dumps({"references": texts[:1], "hypothesis": texts[1]}) + "\n"
    (here / "RESULT.outputs.jsonl").write_text(row * 4)


PREPARED: Mapping[str, Callable[[Path, Run], None]] = {
    "README.md": prepare_readme,
    "docs/compress.md": prepare_compress,
    "docs/compare.md": prepare_compare,
    "docs/corpora.md": prepare_corpora,
    "docs/export.md": prepare_export,
    "docs/import.md": prepare_import,
    "docs/own-data.md": lambda here, run: write_reviews(here),
    "docs/runs.md": prepare_runs,
    "docs/score.md": prepare_score,
}
