"""Byte-level BPE: bytes are characters, and the pairs of a list are joined, best first (Radford et al. 2019).

A vocabulary is json, its entries written in characters that stand for bytes one by one; merges are text, one
pair a line. Nothing is unknown, and decoding gives the text back.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tokenizers


def read_merges(merges: bytes) -> list[tuple[str, str]]:
    """Return the merges of a file, best first; a line may end in CR LF.

    ValueError names a line that is no pair.
    """
    lines = [line.removesuffix("\r") for line in merges.decode().split("\n")]
    pairs = []
    for number, line in enumerate(lines, start=1):
        if line and not line.startswith("#version"):
            left, _, right = line.partition(" ")
            if not left or not right or " " in right:
                raise ValueError(f"line {number} of the merges is no pair")
            pairs.append((left, right))
    return pairs


def byte_pair_model(vocabulary: dict[str, int], pairs: list[tuple[str, str]]) -> "tokenizers.Tokenizer":
    """Return what encodes and decodes; words are cut as GPT-2's."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    model = Tokenizer(models.BPE(vocabulary, pairs))
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    return model


def entry_text(entry: str) -> str:
    """Return the text of an entry of a vocabulary; bytes that are no UTF-8 by themselves in hexadecimal."""
    return bytes(BYTES[character] for character in entry).decode(errors="backslashreplace")


def characters() -> dict[str, int]:
    """Return the byte of each character: those that print are themselves, U+0100 and on are the others."""
    printing = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    others = [byte for byte in range(256) if byte not in printing]
    return {chr(byte): byte for byte in printing} | {
        chr(256 + place): byte for place, byte in enumerate(others)
    }


BYTES = characters()
