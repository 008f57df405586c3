"""Files of somebody else's: tensors come out, and nothing is run."""

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from synthcli.errors import SynthError
from synthcli.importers.safe_load import load_tensors

WEIGHTS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}
RUNS_CODE = "is a pickle of more than tensors, which could run any code: nothing of it was run"


class Runs:
    """Pickles into a call that makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.path,)


def message(path: Path) -> str:
    with pytest.raises(SynthError) as caught:
        load_tensors(path)
    assert caught.value.hint and "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        {"model_state_dict": WEIGHTS, "optimizer_state_dict": {"state": {0: {"step": 3}}}, "epoch": 7},
        {"state_dict": {f"module.{name}": tensor for name, tensor in WEIGHTS.items()}},
        {f"_orig_mod.{name}": torch.nn.Parameter(tensor) for name, tensor in WEIGHTS.items()},
    ],
)
@pytest.mark.parametrize("is_old", [False, True])
def test_a_state_dict_however_wrapped(content: Any, is_old: bool, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(content, path, _use_new_zipfile_serialization=not is_old)
    found = load_tensors(path).tensors
    assert found.keys() == WEIGHTS.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in WEIGHTS.items())


def test_safetensors_and_their_words(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "model.safetensors", metadata={"n_heads": "4"})
    found = load_tensors(tmp_path)
    assert found.words == {"n_heads": "4"} and found.tensors.keys() == WEIGHTS.keys()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_would_run_code_runs_none(protocol: int, tmp_path: Path) -> None:
    sentinel = tmp_path / "ran"
    path = tmp_path / "model.bin"
    path.write_bytes(pickle.dumps({"a": Runs(sentinel)}, protocol=protocol))
    found = message(path)
    assert found in (f"`{path}` {RUNS_CODE}", f"`{path}` is not a file that `torch.save` wrote")
    assert not sentinel.exists()


@pytest.mark.parametrize("is_old", [False, True])
def test_a_checkpoint_that_would_run_code_runs_none(is_old: bool, tmp_path: Path) -> None:
    sentinel, path = tmp_path / "ran", tmp_path / "model.pt"
    content = {"state_dict": {**WEIGHTS, "b": Runs(sentinel)}}
    torch.save(content, path, _use_new_zipfile_serialization=not is_old)
    assert message(path) == f"`{path}` {RUNS_CODE}"
    assert not sentinel.exists()


def test_more_elements_than_the_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"a": torch.zeros(1).expand(10**6, 10**6)}, path)
    assert message(path) == f"`a` of `{path}` claims more elements than the file holds"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1, 2], "holds no state dict"),
        ({}, "holds no state dict"),
        ({"a": 3}, "is no tensor but `int`"),
        ({3: torch.zeros(1)}, "names a tensor `3`, which is no text"),
        ({"a": torch.zeros(2, 2).to_sparse()}, "is no plain tensor"),
        ({"a": torch.zeros(2, dtype=torch.complex64)}, "is no plain tensor"),
    ],
)
def test_what_is_no_state_dict(content: Any, words: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "model.pt")
    assert words in message(tmp_path / "model.pt")


def test_members_that_would_leave_their_folder(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../outside", b"x")
        file.writestr("../../data.pkl", pickle.dumps({}))
    assert message(path) == f"`{path}` is not a whole file of `torch.save`"
    assert not (tmp_path.parent / "outside").exists()


def test_a_folder_must_say_which_file(tmp_path: Path) -> None:
    assert message(tmp_path) == f"`{tmp_path}` holds no weights"
    for name in ("one.pt", "two.pt"):
        torch.save(WEIGHTS, tmp_path / name)
    assert message(tmp_path) == f"`{tmp_path}` holds several files of weights: `one.pt`, `two.pt`"
    (tmp_path / "two.pt").unlink()
    (tmp_path / "trainer_states.pt").write_bytes(b"not read")
    assert load_tensors(tmp_path).path == tmp_path / "one.pt"


def test_links_lead_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    torch.save(WEIGHTS, tmp_path / "outside.pt")
    link = tmp_path / "folder" / "model.pt"
    link.symlink_to(tmp_path / "outside.pt")
    assert (
        message(tmp_path / "folder")
        == f"`{link}` is a link to `{tmp_path / 'outside.pt'}`, outside its folder"
    )
    link.unlink()
    link.symlink_to(link)
    assert message(tmp_path / "folder") == f"`{tmp_path / 'folder'}` holds no weights"
