"""ROUGE-1, -2, -L and -Lsum  (Lin 2004), by rouge-score."""

import re
import unicodedata
from collections.abc import Callable, Sequence

from synthcli.errors import SynthError
from synthcli.evaluation.bootstrap import mean
from synthcli.evaluation.config import RougeTokenizer
from synthcli.evaluation.score import Score

PROTOCOLS = {
    "rouge1": "mean F1 of words, 0-100",
    "rouge2": "mean F1 of pairs of neighbouring words, 0-100",
    "rougeL": "mean F1 of the longest common subsequence of the whole text, 0-100",
    "rougeLsum": "mean F1 of the union of longest common subsequences by sentence, a sentence a line, 0-100",
}
EVALUATED = ("rougeL", "rougeLsum", "rouge1", "rouge2")
UNICODE = "tokens: runs of letters, marks and digits, lower case; letters written without spaces one by one"
WORTH_SAYING = 0.01  # of all letters

# scripts whose words no space parts, by the names of their characters
UNSPACED = re.compile(r"^(CJK|HIRAGANA|KATAKANA|THAI|LAO|KHMER|MYANMAR|TIBETAN|JAVANESE|TAI) ")


def rouge(
    hypotheses: Sequence[str], references: Sequence[str], tokenizer: RougeTokenizer = "ascii"
) -> list[Score]:
    """Return rougeL, rougeLsum, rouge1 and rouge2; sentences of a text are its lines."""
    refuse_unread_letters(references, tokenizer)
    return [rouge_of(kind, hypotheses, references, tokenizer) for kind in EVALUATED]


def rouge_of(
    kind: str,
    hypotheses: Sequence[str],
    references: Sequence[str],
    tokenizer: RougeTokenizer = "ascii",
    stems: bool = False,
) -> Score:
    """Return one of `PROTOCOLS`, of words or, with rouge-score's own tokenizer alone, of their stems.

    `ascii` is that tokenizer, which drops every letter but a to z.
    """
    from rouge_score.rouge_scorer import RougeScorer  # takes long to import, and training would

    scorer = RougeScorer([kind], use_stemmer=stems, tokenizer=TOKENIZERS[tokenizer]())
    texts = zip(hypotheses, references, strict=True)
    found = [100 * scorer.score(reference, text)[kind].fmeasure for text, reference in texts]
    how = (f"; {UNICODE}" if tokenizer == "unicode" else "") + ("; words as their stems" if stems else "")
    letters = "|tokenizer:unicode" if tokenizer == "unicode" else ""
    signature = f"rouge-score|stemmer:{'yes' if stems else 'no'}{letters}"
    return Score(kind, mean(found), PROTOCOLS[kind] + how, signature)


class UnicodeTokenizer:
    """Runs of letters, marks and digits of any script, in lower case; unspaced scripts letter by letter."""

    def tokenize(self, text: str) -> list[str]:
        tokens: list[str] = []
        before = " "  # the character before, a mark taken with its letter
        for character in text.lower():
            kind = unicodedata.category(character)[0]
            if kind == "M" and before != " ":
                tokens[-1] += character
            elif kind not in "LN":
                before = " "
            else:
                if before == " " or is_unspaced(before) or is_unspaced(character):
                    tokens.append(character)
                else:
                    tokens[-1] += character
                before = character
        return tokens


def _own_tokenizer() -> None:
    return None  # rouge-score then takes its own


TOKENIZERS: dict[str, Callable[[], UnicodeTokenizer | None]] = {
    "ascii": _own_tokenizer,
    "unicode": UnicodeTokenizer,
}


def is_unspaced(character: str) -> bool:
    """Return whether a letter is of a script that parts no words, such as Han or Thai."""
    return UNSPACED.match(unicodedata.name(character, "")) is not None


def count_dropped(texts: Sequence[str]) -> tuple[int, int]:
    """Return how many letters rouge-score's own tokenizer drops, and of how many."""
    letters = [character for text in texts for character in text.lower() if character.isalpha()]
    return sum(not character.isascii() for character in letters), len(letters)


def refuse_unread_letters(references: Sequence[str], tokenizer: RougeTokenizer) -> None:
    """Raise where every letter of the references would be dropped."""
    dropped, letters = count_dropped(references) if tokenizer == "ascii" else (0, 0)
    if letters and dropped == letters:
        raise SynthError(
            f"rouge-score's tokenizer drops all {letters:,} letters of the references: it keeps a to z",
            "`--rouge-tokenizer unicode` keeps the letters of every script",
        )
