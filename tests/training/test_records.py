"""What a journal holds after a resume, and what is said of one that was damaged in between."""

import errno
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest

from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.errors import WorkFailedError
from synthcli.runs import Run, create_run
from synthcli.training.checkpoints import newest_checkpoint
from synthcli.training.events import Step
from synthcli.training.metrics_log import append_record
from synthcli.training.records import keep, read_whole_records
from synthcli.training.trainer import Callback, Trainer
from tests.training.toys import ToyText, toy_config, toy_model, toy_train

STEPS, EVERY = 12, 3
EXPECTED = {
    "loss": lambda step: step in (1, STEPS) or step % 2 == 0,
    "validation_loss": lambda step: step % EVERY == 0,
}


def line(step: int, kind: str = "loss") -> str:
    return json.dumps({"step": step, kind: step / 7}) + "\n"


def whole(until: int = STEPS) -> list[str]:
    lines = []
    for step in range(1, until + 1):
        lines += [line(step, kind) for kind, is_due in EXPECTED.items() if is_due(step)]
    return lines


def kept(folder: Path, text: str, step: int) -> tuple[str, tuple[str, ...]]:
    path = folder / "journal.jsonl"
    path.write_text(text)
    found = keep(path, step, EXPECTED)
    return found.text, found.faults


@pytest.mark.slow
@pytest.mark.parametrize("step", range(STEPS + 1))
def test_what_a_kill_leaves_is_cut_in_silence(tmp_path: Path, step: int) -> None:
    """At any byte behind the records of a checkpoint's step."""
    text, saved = "".join(whole()), "".join(whole(step))
    for cut in range(len(saved), len(text) + 1, 5):
        assert kept(tmp_path, text[:cut], step) == (saved, ())


def test_every_hole_is_said(tmp_path: Path) -> None:
    """Whichever records up to the step are gone, they are what is named."""
    draw = random.Random(0)
    names = {"loss": "record", "validation_loss": "validation"}
    for _ in range(40):
        step = draw.randint(4, STEPS)
        lines = whole(step)
        gone = sorted(draw.sample(range(len(lines)), draw.randint(1, 3)))
        rest = [one for number, one in enumerate(lines) if number not in gone]
        text, faults = kept(tmp_path, "".join(rest), step)
        assert text == "".join(rest)
        lost = [json.loads(lines[number]) for number in gone]
        said = []
        for kind, name in names.items():
            steps = [str(record["step"]) for record in lost if kind in record]
            if steps:
                said.append(f"no {name} of step{'s' * (len(steps) > 1)} {', '.join(steps)}")
        assert faults == tuple(said)


FAULTS = [
    (lambda lines: [*lines[:3], lines[3][:9] + "\n", *lines[4:]],
     ("no record of step 4", "line 4 not whole, and left out"), whole()[:3] + whole()[4:]),
    (lambda lines: [*lines[:2], "\0\0\0\n", "[1]\n", *lines[2:]],
     ("lines 3, 4 not whole, and left out",), whole()),
    (lambda lines: [*lines, *lines[2:4]], ("steps 3, 4 twice, the first counts",), whole()),
    (lambda lines: lines[::-1], ("out of order, now in order",), None),
    (lambda lines: lines[:1], ("no record of steps 2 to 12 (6 of them)",
                               "no validation of steps 3 to 12 (4 of them)"), whole()[:1]),
    (lambda lines: [], ("no record of steps 1 to 12 (7 of them)",
                        "no validation of steps 3 to 12 (4 of them)"), []),
    (lambda lines: [line(99), *lines], ("out of order, now in order",), whole()),
    (lambda lines: ["9" * 5000 + "\n", '{"step": true}\n', *lines], ("lines 1, 2 not whole, and left out",),
     whole()),
]  # fmt: skip


@pytest.mark.parametrize("damage", FAULTS)
def test_damage_is_said_and_what_is_whole_is_kept(tmp_path: Path, damage) -> None:
    change, faults, rest = damage
    text, said = kept(tmp_path, "".join(change(whole())), STEPS)
    assert said == faults
    if rest is None:  # the order within a step is that of the file
        assert [json.loads(one)["step"] for one in text.splitlines()] == sorted(
            json.loads(one)["step"] for one in whole()
        )
    else:
        assert text == "".join(rest)


class StopAt(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, training: Trainer, step: Step) -> None:
        training.is_interrupted = step.step == self.step


def go_on(run: Run, until: int, said: list[str], **config: int) -> None:
    written = run.callbacks(ByteTokenizer(), ToyText(rows=5), "f00d", say=said.append)
    settings = {"steps": STEPS, "save_every": 2, "log_every": 2, "evaluate_every": EVERY} | config
    with run.lock():
        toy_train(
            toy_model(),
            toy_config(**settings),
            callbacks=[*written, StopAt(until)],
            resume=newest_checkpoint(run.checkpoints),
        )


@pytest.mark.slow
def test_a_run_that_is_resumed_says_what_its_journal_lost(tmp_path: Path) -> None:
    run, said = create_run("toy", 'name = "toy"\n', tmp_path), []
    go_on(run, 4, said)
    go_on(run, 8, said, log_every=4, evaluate_every=8)
    assert said == []
    journal = run.journal.read_text().splitlines(keepends=True)
    steps = [(json.loads(one)["step"], "loss" in json.loads(one)) for one in journal]
    assert steps == [(1, True), (2, True), (3, False), (4, True), (8, True), (8, False)]
    run.journal.write_text("".join(journal[:2] + journal[4:]))
    timings = run.timings.read_text().splitlines(keepends=True)
    run.timings.write_text("".join([timings[0], "half a li\n", *timings[2:]]))
    go_on(run, STEPS, said)
    assert said == [
        f"`{run.journal}` is not as it was written: no record of step 4; no validation of step 3",
        f"`{run.timings}` is not as it was written: no record of step 2; line 2 not whole, and left out",
    ]
    assert [record.step for record in read_whole_records(run.timings)[0]] == [
        1,
        4,
        6,
        8,
        10,
        12,
    ]  # 6 was saved


@pytest.mark.slow
def test_the_clock_counts_every_token_of_an_interrupted_run(tmp_path: Path) -> None:
    """Those between the last record and a checkpoint, too."""
    counts = []
    for number, stops in enumerate([(STEPS,), (5, 7, STEPS)]):
        run = create_run("toy", 'name = "toy"\n', tmp_path / str(number))
        for stop in stops:
            go_on(run, stop, [], log_every=4, save_every=100)
        counts.append(sum(record.values["tokens"] for record in read_whole_records(run.timings)[0]))
    assert counts[0] == counts[1] > 0


@pytest.mark.slow
def test_sessions_of_before_noted_no_rhythm(tmp_path: Path) -> None:
    run, said = create_run("toy", 'name = "toy"\n', tmp_path), []
    go_on(run, 6, said)
    record = json.loads((run.path / "environment.json").read_text())
    for session in record["sessions"]:
        del session["log_every"], session["evaluate_every"]
    (run.path / "environment.json").write_text(json.dumps({"sessions": record["sessions"]}))
    go_on(run, 8, said)
    assert said == []
    journal = run.journal.read_text().splitlines(keepends=True)
    run.journal.write_text("".join(journal[1:]))
    go_on(run, STEPS, said)
    assert said == [f"`{run.journal}` is not as it was written: no record of step 1"]


@pytest.mark.parametrize("taken", [0, 7])
def test_a_line_that_is_refused_in_its_midst_is_gone(
    taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    append_record(path, {"step": 1})

    class Broken(io.FileIO):
        def write(self, content: Any) -> int:
            super().write(bytes(content)[:taken])
            raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda self, mode, buffering: Broken(self, mode.replace("b", "")))
        with pytest.raises(WorkFailedError):
            append_record(path, {"step": 2})
    append_record(path, {"step": 3})
    assert [json.loads(line) for line in path.read_text().splitlines()] == [{"step": 1}, {"step": 3}]


def test_a_disk_may_take_a_line_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(io.FileIO):
        def write(self, content: Any) -> int:
            return super().write(bytes(content)[:5])

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda self, mode, buffering: Slow(self, mode.replace("b", "")))
        append_record(tmp_path / "journal.jsonl", {"step": 1, "loss": 2.5})
    assert (tmp_path / "journal.jsonl").read_bytes() == b'{"step": 1, "loss": 2.5}\n'
