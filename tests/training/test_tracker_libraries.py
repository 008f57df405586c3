"""Each tracker's own library writes on this machine, and reads back what stands in the run's files."""

import importlib.util
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from synthcli.runs import Run
from synthcli.runs.trackers import TRACKERS, _title_run
from synthcli.training.metrics_log import read_journal

from .test_tracking import toy_run, tracked

Told = dict[int, dict[str, float]]
LOSS, SPEED, VALIDATION = "train/loss", "speed/tokens_per_second", "validation/loss"
BLOCK, HEAD = 32768, 7  # bytes of a block of LevelDB's log, in which wandb writes, and of a record's head


def of_tensorboard(run: Run, root: Path) -> Told:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    told: Told = {}
    for name in events.Tags()["scalars"]:
        for one in events.Scalars(name):
            told.setdefault(one.step, {})[name] = one.value
    return told


def of_trackio(run: Run, root: Path) -> Told:
    told: Told = {}
    with sqlite3.connect(root / "trackio" / "synth.db") as database:
        rows = database.execute("SELECT step, metrics FROM metrics WHERE run_name = ?", (_title_run(run),))
        for step, metrics in rows:
            told.setdefault(step, {}).update(json.loads(metrics))
        assert database.execute("SELECT count(*) FROM configs").fetchone() == (1,)
    database.close()
    return told


def of_wandb(run: Run, root: Path) -> Told:
    from wandb.proto.wandb_internal_pb2 import Record

    told: Told = {}
    files = sorted(run.path.glob("wandb/offline-run-*/run-*.wandb"))
    assert all(file.name == f"run-{run.id}.wandb" for file in files)
    for file in files:
        for content in records_in(file):
            record = Record()
            record.ParseFromString(content)
            items = {one.key or ".".join(one.nested_key): one.value_json for one in record.history.item}
            if items:
                step = int(items["_step"])
                told.setdefault(step, {}).update({key: json.loads(text) for key, text in items.items()})
    return told


def records_in(file: Path) -> Iterator[bytes]:
    """Yield the records of a LevelDB log, after wandb's own head."""
    content, at, parts = file.read_bytes(), HEAD, b""
    while at + HEAD <= len(content):
        if BLOCK - at % BLOCK < HEAD:  # padding
            at += BLOCK - at % BLOCK
            continue
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        parts += content[at + HEAD : at + HEAD + length]
        at += HEAD + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def of_mlflow(run: Run, root: Path) -> Told:
    import mlflow

    client = mlflow.MlflowClient((root / "mlflow").as_uri())
    experiment = client.get_experiment_by_name("synth")
    (own,) = client.search_runs([experiment.experiment_id])
    assert own.info.status == "FINISHED" and own.data.params["training.steps"] == "6"
    told: Told = {}
    for name in own.data.metrics:
        for one in client.get_metric_history(own.info.run_id, name):
            told.setdefault(one.step, {})[name] = one.value
    return told


READ = {"tensorboard": of_tensorboard, "trackio": of_trackio, "wandb": of_wandb, "mlflow": of_mlflow}


def test_every_tracker_is_tried() -> None:
    assert READ.keys() == TRACKERS.keys()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs; no library is told where else to write."""
    for name in [name for name in os.environ if name.startswith(("WANDB", "MLFLOW", "TRACKIO"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("SYNTH_RUNS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", TRACKERS)
def test_a_library_reads_back_what_a_run_and_its_resumption_told(
    root: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"`{name}` is not installed")
    run = toy_run(root)
    tracked(run, (name,), stop=3)
    tracked(run, (name,))
    assert capsys.readouterr().out == ""  # nothing of the library's, and no failure
    told = READ[name](run, root)
    journal = {one["step"]: one for one in read_journal(run.journal) if "loss" in one}
    clock = {one["step"]: one for one in read_journal(run.timings)}
    assert {step for step, one in told.items() if LOSS in one} == journal.keys() == {1, 2, 4, 6}
    for step, record in journal.items():
        assert told[step][LOSS] == pytest.approx(record["loss"], rel=1e-6)
        assert told[step][SPEED] == pytest.approx(clock[step]["tokens_per_second"], rel=1e-6)
    assert {step for step, one in told.items() if VALIDATION in one} == {3, 6}
    assert told[6]["result/loss"] == 0.5 and told[6]["result/inner.kl"] == 1
    assert any(key.startswith("diagnostics/mixtures/") for key in told[6])
