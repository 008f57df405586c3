"""What a protocol must be told beside the texts."""

from collections.abc import Callable
from dataclasses import dataclass

from synthcli.errors import SynthError
from synthcli.evaluation.config import RougeTokenizer


class CannotScoreError(SynthError):
    """A protocol needs what is not here: it is left out, or refused where it was asked for by name."""


@dataclass(frozen=True)
class ProtocolSettings:
    """`tokens` says whose tokens those of `tokenise` are; `stem` is that of ROUGE-1.5.5 `-m`."""

    tokenise: Callable[[str], str] | None = None
    tokens: str = ""
    rouge_tokenizer: RougeTokenizer = "ascii"
    stem: Callable[[str], str] | None = None
    positive: str | None = None


def take_tokens(text: str) -> str:
    """Return a text as it is: its tokens stand between white space already."""
    return text
