"""Standard output and error that take nothing more: one message, or none, and never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest


def run(shell: str, here: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell in which `synth` is this one."""
    line = shell.replace("synth", f"{sys.executable} -m synthcli")
    return subprocess.run(["bash", "-c", line], cwd=here, capture_output=True, text=True, check=False)


def test_a_full_disk_behind_standard_output_is_one_message(tmp_path: Path) -> None:
    done = run("synth presets ls --names > /dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        (
            "error: the result could not be written to standard output: No space left on device\n"
            "hint: see where it is sent to; what the command wrote besides is whole\n"
        ),
    )


@pytest.mark.slow
def test_a_reader_who_has_seen_enough_ends_a_command_quietly(tmp_path: Path) -> None:
    done = run("(sleep 1; synth presets ls --names; echo $? >&2) | exec 0<&-", tmp_path)
    assert (done.stdout, done.stderr) == ("", "1\n")


def test_a_full_disk_behind_messages_ends_no_work(tmp_path: Path) -> None:
    done = run("synth presets cp wmt14-dense -o mine.toml 2> /dev/full", tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "mine.toml").read_text().startswith("# Say only what differs")
