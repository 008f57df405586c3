"""Tokenizers that leave: transformers reads hundreds of lines and odd strings into the same ids."""

import sysconfig
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
import transformers

from synthcli.data.config import TokenizerConfig
from synthcli.data.tokenizers import TOKENIZERS, Tokenizer, train_or_load_tokenizer
from synthcli.data.tokenizers.hugging_face import HuggingFaceTokenizer
from synthcli.data.tokenizers.word_level import WordTokenizer
from synthcli.exporters.hugging_face.tokenizer_files import FRAMES, write_tokenizer
from synthcli.exporters.hugging_face.tokenizers_by_kind import CONVERTERS, names_beside
from tests.exporters.tiny_models import STACKS, config_of

LINES = 600
TRAINED = {
    "sentencepiece-unigram": 900,
    "sentencepiece-bpe": 900,
    "byte-level-bpe": 900,
    "wordpiece": 900,
    "words": 300,
}
KINDS = [*TRAINED, "bytes", "huggingface"]
ODD = [
    "",
    " ",
    "  two  spaces at both ends  ",
    "\ttab\tand\nline\r\nends\n",
    "naïve café — “quotes” … ½ ﬁ Å ΑΒΓ",
    "日本語のテキスト, 中文",
    "👩‍👩‍👧 \u200bno width\u200d",
    "a\u2581mark\u2581of a space",
    "\x1c control \x1f white\x85space\u2028\u00a0\u3000",
    "a" * 50,
    "<|endoftext|> and <s>, </s>, <pad>, <unk>",
    "<s> </s> <pad> <unk> words alone",
]
MARKS = "[CLS] [SEP] [MASK] [PAD] [UNK]"


@cache
def lines() -> tuple[list[str], list[str]]:
    """Return lines to train on, and others; both of Python's own library."""
    found = islice(_lines(), 5000 + LINES)
    every = list(found)
    return every[:5000], every[5000:]


def _lines() -> Iterator[str]:
    folder = Path(sysconfig.get_paths()["stdlib"])
    for name in ("argparse.py", "typing.py", "ast.py", "datetime.py", "turtle.py"):
        yield from (folder / name).read_text(encoding="utf-8").split("\n")


@cache
def tokenizer_of(kind: str) -> Tokenizer:
    if kind == "huggingface":
        return published()
    size = TRAINED.get(kind, 260)
    found = train_or_load_tokenizer(TokenizerConfig(kind=kind, vocab_size=size), lines()[0])  # type: ignore[arg-type]
    if isinstance(found, WordTokenizer):
        return WordTokenizer([*found.words, "<s>"])  # a word that has the name of a mark
    return found


def published() -> HuggingFaceTokenizer:
    """Return a tokenizer like that of a published decoder: one mark for all."""
    pairs = tokenizer_of("byte-level-bpe")
    model = type(pairs._bpe).from_str(pairs._bpe.to_str())  # type: ignore[attr-defined]
    model.add_special_tokens(["<|endoftext|>"])
    end = model.token_to_id("<|endoftext|>")
    return HuggingFaceTokenizer(model.to_str(), dict.fromkeys(("pad", "bos", "eos", "unk"), end))


def loaded(kind: str, task: str, folder: Path) -> transformers.PreTrainedTokenizerBase:
    write_tokenizer(tokenizer_of(kind), config_of(task, {}), folder)
    return transformers.AutoTokenizer.from_pretrained(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_lines_have_the_same_ids_and_come_back_the_same(kind: str, tmp_path: Path) -> None:
    ours, theirs = tokenizer_of(kind), loaded(kind, "causal-lm", tmp_path)
    texts = [*lines()[1], *ODD]
    assert len(texts) > LINES
    expected = ours.encode_batch(texts)
    found = theirs(texts, add_special_tokens=False)["input_ids"]
    differing = [(ids, other) for ids, other in zip(expected, found, strict=True) if ids != other]
    if kind == "sentencepiece-unigram":
        assert len(differing) < 0.01 * len(texts)
        for ids, other in differing:  # two ways to cut that are equally likely
            assert score(ours, ids) == pytest.approx(score(ours, other), rel=1e-5)
    else:
        assert differing == []
    read = [theirs.decode(ids, skip_special_tokens=True) for ids in found]
    assert read == [ours.decode(ids) for ids in expected]


def score(tokenizer: Tokenizer, ids: list[int]) -> float:
    """Return the log-probability of a way to cut a text; a byte is as unlikely as can be."""
    processor = tokenizer._processor  # type: ignore[attr-defined]
    return sum(processor.get_score(number) for number in ids)


@pytest.mark.parametrize("alphabet", ["<>/apdsunkbeo", "[]pabdoseunk", "padboseunk", "日本"])
def test_marks_of_the_unigram_are_of_known_characters_and_no_pieces(alphabet: str) -> None:
    pieces = {*alphabet, "\u2581", "pad", "日" * 16}
    names = set(names_beside(pieces).values())
    assert len(names) == 4 and not names & pieces
    assert all(set(name) <= set(alphabet) | {"\u2581"} for name in names)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", STACKS)
def test_a_text_is_framed_as_the_task_was_trained(kind: str, task: str, tmp_path: Path) -> None:
    ours, theirs = tokenizer_of(kind), loaded(kind, task, tmp_path)
    begins, ends = FRAMES[task]
    (ids,) = ours.encode_batch(["def main"])
    wanted = [*[ours.bos_id] * begins, *ids, *[ours.eos_id] * ends]
    assert theirs("def main")["input_ids"] == wanted
    marks = (theirs.pad_token_id, theirs.bos_token_id, theirs.eos_token_id, theirs.unk_token_id)
    assert marks == (ours.pad_id, ours.bos_id, ours.eos_id, ours.unk_id)
    assert theirs.mask_token_id == ours.mask_id
    assert theirs.padding_side == ("left" if task == "causal-lm" else "right")
    assert theirs.model_max_length == 80


def test_berts_marks_are_read_as_marks_and_the_card_says_so(tmp_path: Path) -> None:
    ours, config = tokenizer_of("wordpiece"), config_of("masked-lm", {})
    (note,) = write_tokenizer(ours, config, tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert theirs(MARKS, add_special_tokens=False)["input_ids"] == [2, 3, 4, 0, 1]
    assert "`[MASK]`" in note and theirs.cls_token_id == ours.bos_id and theirs.sep_token_id == ours.eos_id


def test_ties_of_the_unigram_are_named(tmp_path: Path) -> None:
    notes = write_tokenizer(tokenizer_of("sentencepiece-unigram"), config_of("seq2seq", {}), tmp_path)
    assert len(notes) == 1 and "equally likely" in notes[0]


def test_every_kind_has_a_translation() -> None:
    assert CONVERTERS.keys() == TOKENIZERS.keys()
