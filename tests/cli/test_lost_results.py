"""What was computed is shown where it cannot be written; where that is foreseen, nothing is computed."""

import errno
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from synthcli import atomic_files, disk
from synthcli.jobs.evaluate import evaluate
from synthcli.jobs.reproduce import reproduce
from synthcli.reproduce.tasks import Task
from tests.faults.verbs import ENCODER, SEQ2SEQ, TOY

from .conftest import Said, Synth

pytestmark = pytest.mark.slow

QUICK = ("--steps", "1", "--limit", "16")
Refuse = Callable[..., None]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Have files whose path matches a pattern find a full disk, after so many that do not."""
    write = atomic_files.write_bytes

    def refuse_names(pattern: str, after: int = 0) -> None:
        seen: list[Path] = []

        def write_bytes(path: Path, content: bytes) -> None:
            if re.search(pattern, str(path)):
                seen.append(path)
                if len(seen) > after:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write(path, content)

        monkeypatch.setattr(atomic_files, "write_bytes", write_bytes)
        monkeypatch.setattr(disk, "free", lambda folder: 7 * 2**20)

    return refuse_names


@pytest.fixture
def no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every place be one that can only be read."""

    def refused(**where: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(disk, "TemporaryFile", refused)


@pytest.fixture
def encoder(synth: Synth, here: Path) -> str:
    """The run of a small BERT."""
    words = here / "words"
    words.mkdir()
    for split, rows in (("train", 40), ("valid", 16), ("test", 8)):
        lines = [f"the word {row} reads {row % 7} and writes {row % 3} again" for row in range(rows)]
        (words / f"{split}.txt").write_text("\n".join(lines) + "\n")
    (here / "encoder.toml").write_text(ENCODER.replace("SOURCE", str(words)))
    said = synth("train", "encoder.toml")
    assert said.code == 0, said.err
    return run_of(here, "encoder")


@pytest.fixture
def seq2seq(synth: Synth, here: Path) -> str:
    (here / "seq2seq.toml").write_text(SEQ2SEQ)
    assert synth("train", "seq2seq.toml").code == 0
    return run_of(here, "seq2seq")


@pytest.fixture
def student(synth: Synth, encoder: str, here: Path) -> str:
    assert synth("merge-layers", "0", "1", "--teacher", encoder, *QUICK).code == 0
    return run_of(here, "encoder-merge-*")


def run_of(here: Path, name: str) -> str:
    (run,) = here.glob(f"runs/{name}/[0-9]*")
    return str(run.relative_to(here))


def refusal(said: Said) -> str:
    """Return the one message of a command that could not write its result."""
    assert said.code == 1 and said.err.count("error: ") == said.err.count("hint: ") == 1, said.err
    return said.err[said.err.index("error: ") :]


def test_figures_are_shown_before_the_message(synth: Synth, seq2seq: str, here: Path, refuse: Refuse) -> None:
    words = ("eval", "accuracy", seq2seq, seq2seq, "--limit", "8")
    whole = synth(*words, "--json")
    figures = [one["figures"] for one in json.loads(whole.out)]
    # the first one's outputs, its samples, its result, then the second one's
    for after, shown, ending in (
        (0, 1, "outputs.jsonl"),
        (1, 1, "samples.jsonl"),
        (2, 1, "json"),
        (3, 2, "outputs.jsonl"),
        (4, 2, "samples.jsonl"),
        (5, 2, "json"),
    ):
        refuse(r"results/accuracy\.", after)
        said = synth(*words, "--json")
        run = here / seq2seq
        path = run / "results" / f"accuracy.reverse.test.step-00000004.limit-8.{ending}"
        assert refusal(said) == (
            f"error: `{path}` could not be written: the disk of `{run}` is full, 7.0 MiB free\n"
            "hint: free space there, then give the same command again\n"
        )
        assert [one["figures"] for one in json.loads(said.out)] == figures[:shown]
    refuse(r"results/accuracy\.")
    assert "exact_match" in synth(*words).out


def test_a_run_that_cannot_be_written_is_not_evaluated(
    synth: Synth, seq2seq: str, here: Path, no_place: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "evaluate_model", None)  # nothing is computed
    said = synth("eval", "accuracy", seq2seq)
    path = here / seq2seq / "results" / "result.json"
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"error: `{path}` cannot be written: the disk of `{here / seq2seq}` can only be read\n"
        "hint: mount it to be written, or evaluate a copy of its checkpoint\n"
    )


def test_a_probe_is_shown_though_neither_report_nor_picture_can_be_written(
    synth: Synth, encoder: str, here: Path, refuse: Refuse
) -> None:
    words = ("probe", encoder, "--limit", "16", "-r", "none", "-o", "probed")
    for name in ("probe.png", "probe.json"):
        refuse(name)
        said = synth(*words, "--json")
        assert refusal(said).startswith(f"error: `probed/{name}` could not be written: the disk of `")
        assert len(json.loads(said.out)["findings"]) == 2
        shown = synth(*words)
        assert "NMSE of what is replaced" in shown.out and "KL of the whole model" in shown.out
    assert not list(here.glob("probed/.*"))


@pytest.mark.parametrize(
    ("words", "key"),
    [(("distill-block", "--block", "1"), "blocks"), (("merge-layers", "0", "1"), "merges")],
    ids=["distill-block", "merge-layers"],
)
def test_a_student_that_cannot_be_saved_has_its_figures_shown(
    synth: Synth, encoder: str, here: Path, refuse: Refuse, words: tuple[str, ...], key: str
) -> None:
    refuse(r"results/compress\.json")
    said = synth(*words, "--teacher", encoder, *QUICK, "--json")
    assert "results/compress.json` could not be written: the disk of `" in refusal(said)
    found = json.loads(said.out)
    assert len(found[key]) == 1 and found["model"]["positions"] > 0
    assert [str(path.relative_to(here)) for path in here.glob("runs/*/[0-9]*")] == [encoder]  # no half run
    shown = synth(*words, "--teacher", encoder, *QUICK)
    assert "NMSE on held-out text" in shown.out and "whole model: " in shown.err


def test_how_a_healing_ended_is_shown(synth: Synth, student: str, refuse: Refuse) -> None:
    refuse(r"results/compress\.json", after=2)  # whose student it is, and how near before
    said = synth("heal", student, "--steps", "1", "--json")
    assert "results/compress.json` could not be written: the disk of `" in refusal(said)
    assert json.loads(said.out)["after"]["positions"] > 0


@pytest.mark.parametrize("pattern", [r"\.png", r"results/teacher-agreement"])
def test_agreement_is_shown_though_it_cannot_be_written(
    synth: Synth, encoder: str, student: str, refuse: Refuse, pattern: str
) -> None:
    refuse(pattern)
    said = synth("eval", "teacher-agreement", student, "--teacher", encoder, "--json")
    assert "could not be written: the disk of `" in refusal(said)
    assert len(json.loads(said.out)["students"]) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("train", "seq2seq.toml"),
        ("distill-block", "--block", "1"),
        ("merge-layers", "0", "1"),
        ("heal", "runs/none"),
        ("reproduce",),
    ],
    ids=lambda words: words[0],
)
def test_nothing_is_begun_where_no_run_can_be_made(
    synth: Synth, here: Path, no_place: None, words: tuple[str, ...]
) -> None:
    (here / "seq2seq.toml").write_text(SEQ2SEQ)
    said = synth(*words)
    assert said.code == 2 and f"cannot be written: the disk of `{here}` can only be read\n" in said.err
    assert [path.name for path in here.iterdir()] == ["seq2seq.toml"]


@pytest.mark.parametrize(
    ("pattern", "shown"),
    [("results/accuracy", "exact_match"), ("results/untrained", "exact_match"), ("reports/", "Reproduction")],
    ids=["a run's", "an untrained model's", "the report"],
)
def test_a_reproduction_shows_what_it_cannot_write(
    synth: Synth, here: Path, refuse: Refuse, monkeypatch: pytest.MonkeyPatch, pattern: str, shown: str
) -> None:
    task = Task("translation", {"dense": "wmt14-dense"}, "accuracy", ("smoke",), "copy")
    monkeypatch.setattr(reproduce, "TASKS", (task,))
    refuse(pattern)
    said = synth("reproduce", *TOY)
    assert "could not be written: the disk of `" in refusal(said)
    assert shown in said.out
