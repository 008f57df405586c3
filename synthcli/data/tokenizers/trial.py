"""What a tokenizer does to a text."""

from dataclasses import dataclass

from synthcli.data.tokenizers.base import Tokenizer


@dataclass(frozen=True)
class RoundTrip:
    """Ids and pieces of a text, and what decoding gives back."""

    ids: list[int]
    pieces: list[str]
    decoded: str
    bytes_per_token: float | None  # none where there are no ids
    unknown: int
    is_round_trip: bool


def try_text(tokenizer: Tokenizer, text: str) -> RoundTrip:
    """Encode a text and decode it again."""
    (ids,) = tokenizer.encode_batch([text])
    decoded = tokenizer.decode(ids)
    return RoundTrip(
        ids=list(ids),
        pieces=[tokenizer.token(number) for number in ids],
        decoded=decoded,
        bytes_per_token=round(len(text.encode()) / len(ids), 3) if ids else None,
        unknown=ids.count(tokenizer.unk_id),
        is_round_trip=decoded == text,
    )
