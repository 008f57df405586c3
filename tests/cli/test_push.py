"""`synth push`: what would be sent is shown and judged without a network; what fails is one message."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from .conftest import Synth


@pytest.fixture
def folder(here: Path) -> Path:
    """An export, with what must stay at home."""
    path = here / "model"
    (path / "onnx").mkdir(parents=True)
    (path / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
    (path / "model.safetensors").write_bytes(b"0" * 1234567)
    (path / "onnx" / "extra.json").write_text("{}")
    (path / ".secret").write_text("token")
    (path / "__pycache__").mkdir()
    (path / "__pycache__" / "x.pyc").write_text("")
    return path


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
        ["onnx/extra.json", "2", "B"],
    ]
    assert said.err == "3 files, 1.23 MB, would go to `me/a-model` (private); nothing was sent\n"


def test_only_what_was_shown_is_sent(
    folder: Path, token: None, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    said = synth("push", "model", "--to", "me/a-model", "--private", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["address"] == "https://huggingface.co/me/a-model"
    assert Hub.said[0] == ("token", {"token": "hf_of_a_test"})
    assert Hub.said[1] == ("create", {"name": "me/a-model", "private": True, "exist_ok": True})
    assert Hub.said[2][1]["allow_patterns"] == ["README.md", "model.safetensors", "onnx/extra.json"]
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

    (here / "passwords").write_text("secret")
    (folder / "vocab.txt").symlink_to(here / "passwords")
    assert error().startswith("error: `model/vocab.txt` is a link to ")
    (folder / "vocab.txt").unlink()
    (folder / "old.bin").write_bytes(b"\x80")
    assert error() == "error: `model` holds the pickle `old.bin`, which can run any code"
    (folder / "old.bin").unlink()
    (folder / "PARITY.json").write_text('{"holds": false}')
    assert error() == "error: `model/PARITY.json` says that this export is not its checkpoint"
    (folder / "PARITY.json").write_text("{")
    assert error() == "error: `model/PARITY.json` cannot be read as JSON"
    (folder / "PARITY.json").unlink()
    (folder / "model.safetensors").unlink()
    assert error() == "error: `model` holds no weights"
    (folder / "README.md").write_text("# A model")
    assert error().startswith("error: `model/README.md` does not begin with `---`")
    (folder / "README.md").unlink()
    assert error() == "error: `model` has no model card `README.md`"


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
