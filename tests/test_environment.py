"""What a run notes of where it ran: the command, the commit, the machine; no secret, no place."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import synthcli
from synthcli.runs.environment import LONGEST, command_line, commit, environment, read_versions


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit."""
    (tmp_path / "synthcli").mkdir()
    (tmp_path / "synthcli" / "model.py").write_text("d_model = 8\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        git(tmp_path, *words)
    return tmp_path


def git(folder: Path, *words: str) -> str:
    named = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    plain = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return subprocess.check_output(["git", "-C", folder, *named, *words], text=True, env=plain).strip()


def test_a_checkout_has_its_commit(checkout: Path) -> None:
    (checkout / "notes.txt").write_text("nothing the package is made of")
    assert commit(checkout) == git(checkout, "rev-parse", "HEAD")


@pytest.mark.parametrize("name", ["model.py", "new_mixer.py"])
def test_a_checkout_that_was_edited_is_dirty(checkout: Path, name: str) -> None:
    (checkout / "synthcli" / name).write_text("d_model = 9\n")
    assert commit(checkout) == f"{git(checkout, 'rev-parse', 'HEAD')} (dirty)"


def test_an_install_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commit(tmp_path) is None
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".git").touch()
    assert commit(tmp_path / "empty") is None
    (tmp_path / "other" / ".git").mkdir(parents=True)
    monkeypatch.setenv("PATH", "")
    assert commit(tmp_path / "other") is None


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["/home/me/.venv/bin/synth", "train", "a b.toml"], "synth train 'a b.toml'"),
        (["/x/synthcli/__main__.py", "heal"], "synth heal"),
        (["/x/synthcli/cli/rank.py", "train", "tiny"], "synth train tiny --processes 2"),
        (["/home/me/ipykernel_launcher.py", "-f", "/home/me/kernel.json"], None),
        ([""], None),
        (["synth", "train", "x" * LONGEST], f"synth train {'x' * (LONGEST - 12)}…"),
    ],
)
def test_the_command_line_is_ours_alone(
    words: list[str], command: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert command_line() == command


def test_no_variable_and_no_place_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/home/me/.venv/bin/synth", "train", "tiny"])
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    noted = environment()
    assert noted["command"] == "synth train tiny"
    assert noted["processor"] and noted["processors"] == os.cpu_count()
    text = json.dumps(noted)
    assert "hf_secret" not in text and str(Path.home()) + "/" not in text and "/home/me" not in text


def test_a_checkout_that_is_not_installed_has_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", refuse)
    assert read_versions(["synthcli", "torch"]) == {
        "synthcli": synthcli.__version__,
        "torch": "not installed",
    }
