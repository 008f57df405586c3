"""Files and folders that are whole, absent, or swept by the next who comes."""

import subprocess
import sys
from pathlib import Path

import pytest

from synthcli.durable import passing_folder

HOLD = """
import sys, time
from pathlib import Path
from synthcli.durable import passing_folder
with passing_folder(Path(sys.argv[1]), ".passing-") as folder:
    (folder / "large").write_text("x")
    print(folder, flush=True)
    time.sleep(60)
"""


def test_a_passing_folder_is_gone_afterwards_whatever_happens(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), passing_folder(tmp_path, ".passing-") as folder:
        assert folder.is_dir() and folder.parent == tmp_path
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        left = Path(other.stdout.readline().strip())
        with passing_folder(tmp_path, ".passing-"):
            assert left.is_dir()
        other.kill()
    assert (left / "large").exists()
    with passing_folder(tmp_path, ".passing-") as own:
        assert list(tmp_path.iterdir()) == [own]
