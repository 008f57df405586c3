"""What every tokenizer can do."""

from pathlib import Path
from typing import Protocol


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
    def hash(self) -> str:
        """The sha256 of what defines it: equal hashes encode alike."""
        ...

    def encode_batch(self, texts: list[str]) -> list[list[int]]: ...

    def decode(self, ids: list[int]) -> str:
        """Return the text of ids; pad, bos and eos leave nothing."""
        ...

    def save(self, folder: Path) -> None:
        """Write its files beside whatever the folder already holds."""
        ...
