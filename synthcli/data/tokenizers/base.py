"""What every tokenizer can do."""

import json
from pathlib import Path
from typing import Protocol

DESCRIPTION = "tokenizer.synth.json"  # names the kind; stands beside the tokenizer's own files


class Tokenizer(Protocol):
    """Text to ids and back; `encode_batch` adds neither bos nor eos."""

    @property
    def kind(self) -> str: ...

    @property
    def vocab_size(self) -> int: ...

    @property
    def pad_id(self) -> int: ...

    @property
    def bos_id(self) -> int: ...

    @property
    def eos_id(self) -> int: ...

    @property
    def unk_id(self) -> int: ...

    @property
    def mask_id(self) -> int | None:
        """What hides a token from a masked language model, if there is such an id."""
        ...

    @property
    def hash(self) -> str:
        """The sha256 of what defines it: equal hashes encode alike."""
        ...

    def encode_batch(self, texts: list[str]) -> list[list[int]]: ...

    def decode(self, ids: list[int]) -> str:
        """Return the text of ids; pad, bos, eos and unk leave nothing."""
        ...

    def files(self) -> dict[str, bytes]:
        """Return its own files by name."""
        ...

    def save(self, folder: Path) -> None:
        """Write its files and their description beside whatever the folder holds."""
        ...


class Saved:
    """How every tokenizer is written."""

    mask_id: int | None = None

    def save(self: Tokenizer, folder: Path) -> None:
        description = {"kind": self.kind, "vocab_size": self.vocab_size, "hash": self.hash}
        (folder / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")
        for name, content in self.files().items():
            (folder / name).write_bytes(content)
