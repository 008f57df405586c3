"""A user's mistake: one message, one hint, exit code 2, nothing written."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from synthcli.__main__ import main
from synthcli.cli import app
from synthcli.data.store.manifest import VERIFIED
from tests.data.small import ag_news
from tests.tiny_presets import LANGUAGE_MODEL, TINY, teacher_preset, write_words

from .conftest import Said, Synth
from .mistakes import EMPTY, FOLLOWED, MISTAKES
from .verbs import command_of


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a run of every kind, in which mistakes are made; none of them changes it."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("SYNTH_STORES", "SYNTH_RUNS"):
            patch.delenv(name, raising=False)
        patch.setattr("signal.signal", lambda *what: None)
        write_words(folder / "words")
        ag_news(folder / "news")
        (folder / "tiny.toml").write_text(TINY)
        (folder / "lm.toml").write_text(LANGUAGE_MODEL)
        (folder / "teacher.toml").write_text(teacher_preset("words"))
        for words in BUILD:
            patch.setattr("sys.argv", ["synth", *words.split()])
            with pytest.raises(SystemExit) as end:
                main()
            assert not end.value.code, words
        (folder / "runs" / "lm-on-ag-news").rename(folder / "runs" / "classifier")
        yield folder


BUILD = (
    "train tiny.toml",
    "train lm.toml",
    "train teacher.toml",
    "merge-layers 0 1 --teacher teacher --steps 1 --limit 16",
    "finetune lm --corpus ag-news --source news",
    "export tiny --to safetensors -o exported",
)


@pytest.mark.slow
@pytest.mark.parametrize(("words", "message", "hint"), MISTAKES, ids=[words for words, *_ in MISTAKES])
def test_a_mistake_is_one_message_with_a_hint(
    words: str,
    message: str,
    hint: str,
    synth: Synth,
    world: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(world)
    runs = {run.parent.name: run for run in world.glob("runs/*/[0-9]*")}
    places = {
        "here": world,
        "tiny": runs["tiny"],
        "teacher": runs["teacher"],
        "run": runs["tiny"].name,
        "student": runs["teacher-merge-0-1"].name,
    }
    before = contents(world)
    said = synth(*words.split())
    for name, place in places.items():
        message, hint = message.replace(f"{{{name}}}", str(place)), hint.replace(f"{{{name}}}", str(place))
    refused(said, message, hint)
    assert contents(world) == before
    assert_parses(said.err.splitlines()[-1], words.split())


@pytest.mark.parametrize(("words", "message", "hint"), EMPTY, ids=[words for words, *_ in EMPTY])
def test_an_empty_folder_is_said_to_be_one(
    words: str, message: str, hint: str, synth: Synth, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthcli.jobs.compress.teachers.in_hub_cache", lambda name: None)
    said = synth(*words.split())
    refused(said, message, hint)
    assert list(here.iterdir()) == []
    assert_parses(said.err.splitlines()[-1], words.split())


@pytest.mark.parametrize("words", FOLLOWED)
def test_hints_work_when_they_are_followed(
    words: str, synth: Synth, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    said = synth(*words.split())
    assert said.code == 0, said.err


def refused(said: Said, message: str, hint: str) -> None:
    """Assert that a command says one message and one hint, at the end, and nothing else but what it chose."""
    assert said.code == 2 and said.out == "", said
    *chosen, error, last = said.err.splitlines()
    assert all(line.startswith(("checkpoint: ", "teacher: ", "note: ")) for line in chosen), said.err
    for got, want in ((error, f"error: {message}"), (last, f"hint: {hint}")):
        assert got.startswith(want[:-1]) if want.endswith("…") else got == want


def contents(folder: Path) -> list[str]:
    """Return every file of a folder, but for what a check of stores and a lock leave."""
    ignored = (VERIFIED, ".lock")
    return sorted(str(path) for path in folder.rglob("*") if path.name not in ignored)


def assert_parses(hint: str, words: list[str]) -> None:
    """Assert that the commands of a hint exist and take their words, and its options are the command's."""
    for quoted in re.findall(r"`([^`]+)`", hint):
        if quoted.startswith("synth "):
            parse(quoted.split()[1:])
        elif re.match(r"--?[a-z]", quoted):
            command, _ = command_of(words)
            known = {option for one in command.params for option in one.opts}
            assert {word for word in quoted.split() if re.match(r"--?[a-z]", word)} <= known, quoted


def parse(words: list[str]) -> None:
    """Parse the words of a command, without carrying it out."""
    command, rest = command_of(words)
    assert rest in ([], ["--help"]) or command is not get_command(app), words
    if "--help" not in rest:
        command.make_context(command.name, rest).close()


def test_no_such_scale_of_the_whole_s_corpora(synth: Synth, here: Path) -> None:
    said = synth("reproduce", "--scale", "hour", "--data", "data")
    message = "`data` holds no folder for the corpus `wmt14-en-de`"
    refused(said, message, "make `data/wmt14-en-de` with …")


def test_a_key_within_keys(synth: Synth, here: Path) -> None:
    said = synth("train", "wmt14-dense", "--set", "a." * 101 + "b=1")
    refused(said, f"`--set {'a.' * 101}b=1` names 102 keys within each other", "no key is so deep")


def test_all_errors_of_a_preset_come_at_once(synth: Synth, here: Path) -> None:
    said = synth("train", "wmt14-dense", "--set", "model.d_modle=3", "--set", "training.clip=-1")
    assert said.code == 2
    assert "`wmt14-dense` has 2 problems" in said.err
    assert "did you mean `d_model`" in said.err and "training.clip" in said.err
    assert list(here.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "word"),
    [(lambda b: b[: len(b) // 2], "cut"), (lambda b: b[:-1] + bytes([b[-1] ^ 1]), "flipped")],
)
def test_a_damaged_checkpoint_is_refused_by_name(
    damage, word: str, synth: Synth, tiny: str, here: Path
) -> None:
    assert synth("train", tiny).code == 0
    (weights,) = here.glob("runs/tiny/*/checkpoints/step-00000006/model.safetensors")
    weights.write_bytes(damage(weights.read_bytes()))
    said = synth("eval", "bleu")
    assert said.code == 2, word
    assert "model.safetensors" in said.err.splitlines()[1] and said.err.splitlines()[2].startswith("hint: ")


def test_a_damaged_store_is_refused_by_name(synth: Synth, tiny: str, here: Path) -> None:
    assert synth("prepare-corpus", "reverse").code == 0
    shard = next(here.glob("stores/reverse.*/train/*.arrow"))
    shard.write_bytes(shard.read_bytes()[:-1])
    said = synth("train", tiny)
    assert said.code == 2 and shard.name in said.err
    assert not (here / "runs").exists()


def test_a_metric_that_does_not_fit_is_refused_before_training(synth: Synth, tiny: str, here: Path) -> None:
    said = synth("train", tiny, "--set", 'evaluation.metrics=["rouge"]', "--set", "data.corpus=stdlib-topics")
    assert said.code == 2
    assert not (here / "runs").exists() and not (here / "stores").exists()


def test_a_resume_on_changed_data_is_refused(synth: Synth, tiny: str, here: Path) -> None:
    assert synth("train", tiny).code == 0
    (run,) = (here / "runs" / "tiny").iterdir()
    (run / "finished.json").unlink()
    environment = run / "environment.json"
    (store,) = here.glob("stores/reverse.*")
    from synthcli.data.store.store import open_store

    environment.write_text(environment.read_text().replace(open_store(store).hash, "0" * 64))
    said = synth("train", tiny, "--resume")
    assert said.code == 2 and "was trained on another store than" in said.err
