"""`transformers serve`: a server of OpenAI's interface, here."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.clients.subjects import Subject

PATIENCE = 60  # seconds until the server must answer
NEW = 6


def answer(subject: Subject, folder: Path) -> None:
    """A completion is what `generate` writes, whole and as a stream."""
    with server(subject, folder) as port:
        body = {"model": str(subject.folder), "prompt": "the dog", "max_tokens": NEW, "temperature": 0}
        found = post(port, "/v1/completions", body)
    model, inputs = subject.load(), subject.tokenizer("the dog", return_tensors="pt")
    tokens = model.generate(**inputs, max_new_tokens=NEW, do_sample=False)
    expected = subject.tokenizer.decode(tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert found["choices"][0]["text"] == expected, (found, expected)


@contextmanager
def server(subject: Subject, folder: Path) -> Iterator[int]:
    """Serve the model until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "transformers"), "serve", str(subject.folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--trust-remote-code"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ))
    try:
        wait_for(port, process, folder / "log")
        yield port
    finally:
        process.terminate()
        process.wait(30)


def wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(PATIENCE * 10):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended: {log.read_text()[-600:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"no answer in {PATIENCE} s: {log.read_text()[-600:]}")


def post(port: int, path: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    request = Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers)
    try:
        with urlopen(request, timeout=PATIENCE) as response:
            return json.load(response)
    except HTTPError as error:
        raise RuntimeError(f"{error.code}: {error.read().decode()[-600:]}") from error
