"""Pages that add a part to the package, followed to the letter in a copy: everything works with it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"(?:`([\w/.-]+)`[^\n]*:\n\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def follow(page: str, copy: Path) -> None:
    """Apply the diffs of a page to a copy, and write the files that it shows under their names."""
    for name, language, text in FENCE.findall((ROOT / "docs" / page).read_text(encoding="utf-8")):
        if language == "diff":
            apply(text, copy)
        elif name:
            (copy / name).write_text(text)


def apply(diff: str, copy: Path) -> None:
    """Apply a diff whose hunks have no numbers: each is found by its lines."""
    head, *hunks = re.split(r"^@@.*\n", diff, flags=re.MULTILINE)
    path = copy / head.split("+++ b/")[1].strip()
    text = path.read_text()
    for hunk in hunks:
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if not line.startswith("+"))
        assert text.count(old) == 1, f"{path.name}: {text.count(old)} places are as\n{old}"
        text = text.replace(old, "".join(line[1:] for line in lines if not line.startswith("-")))
    path.write_text(text)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package, its presets and the tests of its parts."""
    for folder in ("synthcli", "presets", "tests/model", "tests/compress", "tests/data"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("tests/__init__.py", "tests/conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def run(copy: Path, *words: str, given: str | None = None) -> str:
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=copy, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


USE = """
from synthcli import distill, export, train
from synthcli.cli import app

few = ["training.steps=2"]
app(["check", "my.toml"], standalone_mode=False)
mine = train("my.toml", overrides=few)
train("my.toml", overrides=[*few, "data.layout=streams", "model.embeddings.positions=none"])
teacher = train("bert-base-wikitext-2", scale="smoke", overrides=few)
student = distill(teacher, blocks=(2,), mixer="mean", steps=2)
print(student.rows[0]["mixer"], export(mine, "hf", "taken").path)

from tests.model.combinations import tiny
from tests.model.test_contract import has_the_parameters_of_the_formula, keeps_the_contract

config = tiny("causal-lm", "pre-norm", "mean")
print(keeps_the_contract(config, is_tried_deep=True), has_the_parameters_of_the_formula(config))
"""


def test_the_mixer_of_the_page_works_everywhere(copy: Path) -> None:
    follow("adding-a-mixer.md", copy)
    assert run(copy, "-c", USE).splitlines()[-2:] == ["mean taken", "10 True"]


BLOCK = """
from synthcli import train
from synthcli.cli import app

app(["check", "my.toml"], standalone_mode=False)
train("my.toml", scale="smoke", overrides=["training.steps=2", "training.diagnostics=['gains', 'kurtosis']"])

from tests.model.combinations import tiny
from tests.model.test_contract import has_the_parameters_of_the_formula, keeps_the_contract

config = tiny("seq2seq", "sandwich", "dense")
print(keeps_the_contract(config, is_tried_deep=True), has_the_parameters_of_the_formula(config))
"""


def test_the_block_of_the_page_works_everywhere(copy: Path) -> None:
    follow("adding-a-block.md", copy)
    said = run(copy, "-c", BLOCK).splitlines()
    assert said[-1].endswith("True") and not [line for line in said if "broken" in line]


CRITERION = """
from synthcli import distill, train
from synthcli.cli import app

few = ["training.steps=2", "model.encoder.layers=4"]
teacher = train("bert-base-wikitext-2", scale="smoke", overrides=few)
words = ["distill-block", "--block", "2", "--criterion", "huber", "--steps", "2", "--limit", "16"]
app(words, standalone_mode=False)
preset = "bert-distill-block-0-heads-4-dk-16"
student = distill(preset=preset, scale="smoke", criterion="huber", steps=2, limit=16, name="mine")
print(student.path.parent.name, student.rows[0]["steps"])
"""
MERGE = """
import torch
from synthcli import load, merge, train
from synthcli.cli import app

few = ["training.steps=2", "model.encoder.layers=4"]
teacher = train("bert-base-wikitext-2", scale="smoke", overrides=few)
words = ["merge-layers", "2", "3", "--init", "best", "--closed-form-only", "--limit", "16"]
app(words, standalone_mode=False)
student = merge(teacher, layers=(2, 3), start="splice", steps=0, limit=16)
(ours, _), (theirs, _) = load(student), load(teacher)
made, first, last = ours.encoder.blocks[2], theirs.encoder.blocks[2], theirs.encoder.blocks[3]
for part, own in ((made.mixer, first.mixer), (made.feed_forward, last.feed_forward)):
    assert all(torch.equal(a, b) for a, b in zip(part.parameters(), own.parameters(), strict=True))
print(student.rows[0]["start"], len(ours.encoder.blocks))
"""


@pytest.mark.parametrize(
    ("page", "use", "said", "tests", "word"),
    [
        ("adding-a-criterion.md", CRITERION, "mine 2", "tests/compress/distill/test_criteria.py", "huber"),
        ("adding-a-merge.md", MERGE, "splice 3", "tests/compress/merge/test_merges.py", "splice or solving"),
    ],
)
def test_what_a_page_adds_to_compression_works_everywhere(
    page: str, use: str, said: str, tests: str, word: str, copy: Path
) -> None:
    follow(page, copy)
    assert run(copy, "-c", use).splitlines()[-1] == said
    run(copy, "-m", "pytest", "-q", tests, "-k", word)
    added = [line for line in (ROOT / "docs" / page).read_text().splitlines() if line.startswith("+ ")]
    assert len(added) <= 4  # lines of the registry and of tests; the rest is one file


CORPUS = """
import shlex, sys
from synthcli.cli import app

for line in ["synth corpora ls", *sys.stdin.read().splitlines()]:
    few = {"train": ["--set", "training.steps=2"], "eval": ["--limit", "8"]}
    words = shlex.split(line)[1:]
    app([*words, *few.get(words[0], [])], standalone_mode=False)
"""


def test_the_corpus_of_the_page_works_everywhere(copy: Path) -> None:
    page = (ROOT / "docs/adding-a-corpus.md").read_text(encoding="utf-8")
    follow("adding-a-corpus.md", copy)
    commands = re.findall(r"^synth .*$", page, re.MULTILINE)
    assert [line.split()[1] for line in commands] == ["corpora", "prepare-corpus", "train", "eval"]
    said = run(copy, "-c", CORPUS, given="\n".join(commands))
    assert said.count("Add two numbers") == 1 and "exact_match" in said
    assert [path.name for path in (copy / "stores").iterdir() if path.is_dir()] == ["additions.bytes-260"]
    run(copy, "-m", "pytest", "-q", "tests/data/corpora/test_corpora.py")
    assert len(re.findall(r"^\+(?:from| )", page, re.MULTILINE)) == 3  # lines beside the file
