"""`synth push`: what would be sent is shown and looked at without a network; what fails is one message."""

import io
import json
import os
import pickle
import struct
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from synthcli.jobs.export.push_files import sort_out

from .conftest import Synth


@pytest.fixture
def folder(here: Path) -> Path:
    """An export, with what must stay at home."""
    path = here / "model"
    (path / "onnx").mkdir(parents=True)
    (path / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
    (path / "model.safetensors").write_bytes(weights(1234567))
    (path / "onnx" / "config.json").write_text("{}")
    (path / ".secret").write_text("token")
    (path / "__pycache__").mkdir()
    (path / "__pycache__" / "x.pyc").write_text("")
    return path


def weights(size: int) -> bytes:
    """A file of safetensors of so many bytes."""
    for length in range(40, 120):
        end = size - 8 - length
        header = json.dumps({"a": {"dtype": "U8", "shape": [end], "data_offsets": [0, end]}}).encode()
        if len(header) <= length:
            return struct.pack("<Q", length) + header.ljust(length) + bytes(end)
    raise AssertionError(size)


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("HF_DATASETS_OFFLINE", raising=False)


class Hub:
    """Stands in for the hub's client and remembers what it was told."""

    said: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def __init__(self, endpoint: str | None = None, token: str | None = None) -> None:
        self.endpoint = endpoint or "https://huggingface.co"
        Hub.said = [("token", {"token": token})]

    def create_repo(self, name: str, **words: Any) -> None:
        Hub.said.append(("create", {"name": name, **words}))

    def upload_folder(self, **words: Any) -> None:
        Hub.said.append(("upload", words))


def test_a_dry_run_shows_the_files_and_needs_nothing(
    folder: Path, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said = synth("push", "model", "--to", "me/a-model", "--dry-run", "--private")
    assert said.code == 0, said.err
    assert [line.split() for line in said.out.splitlines()] == [
        ["file", "size"],
        ["README.md", "31", "B"],
        ["model.safetensors", "1.23", "MB"],
        ["onnx/config.json", "2", "B"],
    ]
    assert said.err == (
        "left out: `.secret`: hidden\n"
        "left out: `__pycache__/`: hidden, or a cache\n"
        "3 files, 1.23 MB, would go to `me/a-model` (private); nothing was sent\n"
    )


def test_only_what_was_shown_is_sent(
    folder: Path, token: None, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    said = synth("push", "model", "--to", "me/a-model", "--private", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["address"] == "https://huggingface.co/me/a-model"
    assert json.loads(said.out)["left_out"] == [
        {"name": ".secret", "why": "hidden"},
        {"name": "__pycache__/", "why": "hidden, or a cache"},
    ]
    assert Hub.said[0] == ("token", {"token": "hf_of_a_test"})
    assert Hub.said[1] == ("create", {"name": "me/a-model", "private": True, "exist_ok": True})
    assert Hub.said[2][1]["allow_patterns"] == ["README.md", "model.safetensors", "onnx/config.json"]
    assert "hf_of_a_test" not in said.out + said.err


@pytest.mark.parametrize(
    "name", ["model", "a/b/c", "../x", "me/..", "me/a model", "me/x.git", "/x", "me/a--b"]
)
def test_names_that_are_none(name: str, folder: Path, synth: Synth) -> None:
    said = synth("push", "model", "--to", name, "--dry-run")
    assert said.code == 2
    assert said.err.startswith(f"error: `--to {name}` is not a name on the hub\n")


def test_what_must_not_leave(folder: Path, here: Path, synth: Synth) -> None:
    def error() -> str:
        said = synth("push", "model", "--to", "me/x", "--dry-run")
        assert said.code == 2
        return said.err.splitlines()[0]

    (folder / "PARITY.json").write_text('{"holds": false}')
    assert error() == "error: `model/PARITY.json` says that this export is not its checkpoint"
    (folder / "PARITY.json").write_text("{")
    assert error() == "error: `model/PARITY.json` cannot be read: it is not what its name says"
    (folder / "PARITY.json").unlink()
    (folder / "PARITY.json").symlink_to("nowhere")
    assert error() == "error: `model/PARITY.json` cannot be read: it is a link to nowhere"
    (folder / "PARITY.json").unlink()
    (folder / "model.safetensors").write_bytes(pickle.dumps({"a": 1}))
    assert (
        error() == "error: `model` holds no weights: `model.safetensors` is a pickle, which can run any code"
    )
    (folder / "model.safetensors").unlink()
    assert error() == "error: `model` holds no weights"
    (folder / "README.md").write_text("# A model")
    assert error().startswith("error: `model/README.md` does not begin with `---`")
    (folder / "README.md").unlink()
    assert error() == "error: `model` has no model card `README.md`"
    (here / "card").write_text("---\n---\n")
    (folder / "README.md").symlink_to(here / "card")
    assert error() == (
        "error: `model` has no model card `README.md`, but it is a link that leads out of the folder"
    )


def torch_archive() -> bytes:
    """What `torch.save` writes, by hand: a zip with a pickle in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps({}))
    return out.getvalue()


SECRETS = [b"hf_" + b"a1" * 17, b"ghp_" + b"a1" * 18, b"AKIA" + b"A1" * 8, b"-----BEGIN RSA PRIVATE KEY-----"]
A_PICKLE, AN_ARCHIVE = "a pickle, which can run any code", "an archive, which may hold a pickle"
NO_KIND, NOT_SO = "of no kind that a model's folder needs", "not what its name says"
STAYS: dict[str, tuple[str, bytes, str]] = {
    **{
        f"protocol {protocol} as {name}": (name, pickle.dumps([b"x", 1.5], protocol), A_PICKLE)
        for protocol in range(6)
        for name in ("vocab.txt", "config.json", "other.safetensors", "model.onnx", "x.dat", "spiece.model")
    },
    **{
        f"an archive as {name}": (name, torch_archive(), AN_ARCHIVE)
        for name in ("pytorch_model.bin", "a.safetensors", "tokenizer.model", "config.json", "x", "m.onnx")
    },
    "a program with a pickle": ("m.pt2", torch_archive(), NOT_SO),
    **{
        f"a key {n}": ("merges.txt", b"a b\n" + key, "it holds what looks like a key or a token")
        for n, key in enumerate(SECRETS)
    },
    **{
        f"named {name}": (name, b"x", NO_KIND)
        for name in (
            "id_rsa",
            "key.pem",
            "prod.env",
            "env",
            "credentials.json",
            "notes.txt",
            "train.py",
            "imported.json",
        )
    },
    "hidden": (".env", b"A=1", "hidden"),
    "no JSON": ("tokenizer.json", b"{", NOT_SO),
    "deep JSON": ("tokenizer.json", b"[" * 100_000, NOT_SO),
    "no text": ("vocab.txt", b"\xff", NOT_SO),
    "no tensors": ("other.safetensors", b"\xff" * 100, NOT_SO),
    "more than tensors": ("other.safetensors", weights(1_000) + b"x", NOT_SO),
    "no ONNX": ("model.onnx", b"PE", NOT_SO),
    "numbers of no model": ("model.onnx.data", b"1234", NOT_SO),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STAYS)
def test_what_stays_at_home_is_named(name: str, folder: Path, synth: Synth) -> None:
    file, content, why = STAYS[name]
    (folder / file).write_bytes(content)
    said = synth("push", "model", "--to", "me/x", "--dry-run")
    assert said.code == 0, said.err
    assert f"left out: `{file}`: {why}\n" in said.err
    assert file not in {line.split()[0] for line in said.out.splitlines()}
    assert said.err.endswith("3 files, 1.23 MB, would go to `me/x` (public); nothing was sent\n")


def test_links_and_odd_files_stay(folder: Path, here: Path, synth: Synth) -> None:
    (here / "passwords").write_text("secret")
    (here / "keys").mkdir()
    (here / "keys" / "vocab.txt").write_text("secret")
    (folder / "vocab.txt").symlink_to(here / "passwords")
    (folder / "merges.txt").symlink_to("merges.txt")
    (folder / "keys").symlink_to(here / "keys")
    (folder / "spiece.model").symlink_to("nowhere")
    (folder / "generation_config.json").symlink_to("onnx/config.json")  # within: it is a copy
    os.mkfifo(folder / "tokenizer.json")
    said = synth("push", "model", "--to", "me/x", "--dry-run", "--json")
    found = json.loads(said.out)
    assert [file["name"] for file in found["files"]] == [
        "README.md",
        "generation_config.json",
        "model.safetensors",
        "onnx/config.json",
    ]
    assert {one["name"]: one["why"] for one in found["left_out"]} == {
        ".secret": "hidden",
        "__pycache__/": "hidden, or a cache",
        "keys/": "a link to a folder",
        "merges.txt": "a link that leads out of the folder",
        "spiece.model": "a link to nowhere",
        "tokenizer.json": "no plain file",
        "vocab.txt": "a link that leads out of the folder",
    }


def test_a_name_that_is_not_utf_8_stays(folder: Path, synth: Synth) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.safetensors")).write_bytes(weights(200))
    said = synth("push", "model", "--to", "me/x", "--dry-run")
    assert (said.code, "left out: `\\udcff.safetensors`: its name is not UTF-8\n" in said.err) == (0, True)


def test_a_program_of_torch_holds_no_pickle(tmp_path: Path) -> None:
    """As `synth export --to torch` writes it: without its sample inputs; with them it stays at home."""
    module = torch.nn.Linear(2, 3)
    program = torch.export.export(module, (torch.zeros(1, 2),))
    torch.export.save(program, tmp_path / "with.pt2")
    program.example_inputs = None
    torch.export.save(program, tmp_path / "without.pt2")
    assert torch.export.load(tmp_path / "without.pt2").module()(torch.ones(1, 2)).shape == (1, 3)
    files, left = sort_out(tmp_path)
    assert [file.name for file in files] == ["without.pt2"]
    assert [(one.name, one.why) for one in left] == [
        ("with.pt2", "a program with a pickle in it, of its sample inputs perhaps")
    ]


def test_without_a_token_or_network(
    folder: Path, token: None, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said = synth("push", "model", "--to", "me/x")
    assert (said.code, said.err.splitlines()[0]) == (2, "error: the environment says to stay offline")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    said = synth("push", "model", "--to", "me/x")
    assert said.code == 2
    assert said.err == (
        "error: there is no token for the hub: `HF_TOKEN` is not set\nhint: set it, or `hf auth login`\n"
    )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[BaseHTTPRequestHandler]]:
    """A hub that answers every request with the number in `status`."""

    class Handler(BaseHTTPRequestHandler):
        status = 401

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(self.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *what: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{http.server_port}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "127.0.0.1")
        yield Handler
        http.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (401, 2, "the hub does not accept the token"),
        (403, 2, "the token may not write `me/x`"),
        (404, 2, "the hub does not know `me`"),
        (400, 1, "the hub answered with 400"),
    ],
)
def test_answers_of_the_hub(
    status: int, code: int, message: str, server: Any, folder: Path, token: None, synth: Synth
) -> None:
    server.status = status
    said = synth("push", "model", "--to", "me/x")
    assert said.code == code
    assert said.err.splitlines()[0] == f"error: {message}"
    assert "Traceback" not in said.err and "hf_of_a_test" not in said.err


def test_nobody_there(folder: Path, token: None, synth: Synth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    said = synth("push", "model", "--to", "me/x")
    assert said.code == 1
    assert said.err.startswith("error: the hub could not be reached: ")
