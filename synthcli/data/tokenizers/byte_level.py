"""Bytes of UTF-8: id = byte + 4, after pad, bos, eos and unk."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from synthcli.data.tokenizers.base import Saved, special_name

OFFSET = 4


@dataclass
class ByteTokenizer(Saved):
    """Every text has one encoding, and nothing is unknown."""

    kind: str = "bytes"
    vocab_size: int = OFFSET + 256
    pad_id: int = 0
    bos_id: int = 1
    eos_id: int = 2
    unk_id: int = 3

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls()

    @property
    def hash(self) -> str:
        return hashlib.sha256(b"bytes after 4 special ids").hexdigest()

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [[byte + OFFSET for byte in text.encode()] for text in texts]

    def decode(self, ids: list[int]) -> str:
        """Return the text; bytes that are no UTF-8 become U+FFFD."""
        return bytes(i - OFFSET for i in ids if i >= OFFSET).decode(errors="replace")

    def token(self, number: int) -> str:
        """Return the character of an ASCII byte that prints, any other in hexadecimal."""
        character = chr(max(number - OFFSET, 0))
        is_shown = character.isascii() and character.isprintable()
        return special_name(self, number) or (character if is_shown else f"<0x{number - OFFSET:02X}>")

    def files(self) -> dict[str, bytes]:
        return {}
