"""Folders as publishers made them over the years, with every setting that changes how text is read.

`python -m tests.data.tokenizers.published.published_folders` compares all lines in all of them with
transformers, which takes minutes; the tests give each folder a share of the lines.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from synthcli.data.tokenizers.hugging_face import HuggingFaceTokenizer, load_published
from tests.data.tokenizers.odd_lines import odd_lines

MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
END = "<|endoftext|>"
ABSENT = "absent"
PAIRS_ENTRIES = 420


@dataclass(frozen=True)
class Case:
    """Where a vocabulary stands, which tokens are added in which file, and the options beside it."""

    family: str
    layout: str
    tokens: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        said = ",".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.family}-{self.layout}-{self.tokens}-{said}"


@cache
def bert_vocabulary() -> dict[str, int]:
    """Pieces in both cases, some of which no setting reaches, and entries of white space among them."""
    model = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    model.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    model.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    lines = _sample(7)
    bare = normalizers.BertNormalizer().normalize_str
    sample = [text for line in lines for text in (line, line.lower(), bare(line))]
    trainer = trainers.WordPieceTrainer(
        vocab_size=900, limit_alphabet=300, special_tokens=[*MARKS, "\u2028"], show_progress=False
    )
    model.train_from_iterator(sample, trainer)
    return model.get_vocab()


def _sample(step: int) -> list[str]:
    """Return every so many lines, without the words that are added to a vocabulary later."""
    return [line for line in odd_lines()[::step] if "word" not in line.lower()]


@cache
def pair_model() -> Tokenizer:
    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=PAIRS_ENTRIES,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    model.train_from_iterator(_sample(5), trainer)
    bare = json.loads(model.to_str())["model"]
    model = Tokenizer(models.BPE(bare["vocab"], [tuple(pair) for pair in bare["merges"]]))
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    return model


def _options(**values: tuple[object, ...]) -> list[dict[str, object]]:
    """Return every combination of values; one that is absent is left out."""
    rows = (dict(zip(values, row, strict=True)) for row in product(*values.values()))
    return [{key: value for key, value in row.items() if value != ABSENT} for row in rows]


BERT_OPTIONS = _options(
    do_lower_case=(ABSENT, True, False),
    strip_accents=(ABSENT, None, True, False),
    tokenize_chinese_chars=(ABSENT, False),
)
GPT2_OPTIONS = _options(add_prefix_space=(ABSENT, True, False), add_bos_token=(ABSENT, True, False))
TOKENS = ("none", "map", "added", "decoder", "extra", "described")
SHARED_OPTIONS = [{}, {"split_special_tokens": True}, {"clean_up_tokenization_spaces": True}]


OPTIONS = {"bert": BERT_OPTIONS, "gpt2": GPT2_OPTIONS, "plain-bert": [{}], "plain-gpt2": [{}]}
LAYOUTS = {
    "bert": ("bare", "json"),
    "gpt2": ("bare", "json"),
    "plain-bert": ("json",),
    "plain-gpt2": ("json",),
}
GROUPS = [
    (family, layout, tokens)
    for family, layouts in LAYOUTS.items()
    for layout, tokens in product(layouts, TOKENS)
    if tokens != "described" or layout == "json"
]


def cases(family: str, layout: str, tokens: str) -> Iterator[Case]:
    """Yield every combination of settings over one layout of the files."""
    for own, shared in product(OPTIONS[family], SHARED_OPTIONS):
        yield Case(family, layout, tokens, own | shared)


def write_case(case: Case, folder: Path) -> None:
    """Write the files of a case."""
    is_bert = case.family.endswith("bert")
    write(folder / "config.json", {"model_type": "bert" if is_bert else "gpt2"})
    size = len(bert_vocabulary()) if is_bert else PAIRS_ENTRIES
    first = max(MARKS.index("[MASK]"), 0) if is_bert else 0
    if case.layout == "bare":
        _write_bare(is_bert, folder)
    else:
        model = _described(case)
        if case.tokens == "described":
            model.add_tokens(_flagged(is_bert))
        (folder / "tokenizer.json").write_text(model.to_str(), encoding="utf-8")
    settings = dict(case.options)
    if case.family.startswith("plain"):
        settings["tokenizer_class"] = "PreTrainedTokenizerFast"
        names = {"unk": 1, "cls": 2, "sep": 3, "pad": 0, "mask": 4} if is_bert else {}
        settings |= {f"{name}_token": MARKS[place] for name, place in names.items()}
        settings |= {} if is_bert else {"bos_token": END, "eos_token": END}
    settings |= _write_tokens(case.tokens, is_bert, size, first, folder)
    if settings:
        write(folder / "tokenizer_config.json", settings)


def _write_bare(is_bert: bool, folder: Path) -> None:
    if is_bert:
        pieces = sorted(bert_vocabulary(), key=bert_vocabulary().__getitem__)
        (folder / "vocab.txt").write_bytes("".join(f"{piece}\n" for piece in pieces).encode())
        return
    model = json.loads(pair_model().to_str())["model"]
    write(folder / "vocab.json", model["vocab"])
    lines = ["#version: 0.2", *(" ".join(pair) for pair in model["merges"])]
    (folder / "merges.txt").write_bytes("".join(f"{line}\n" for line in lines).encode())


def _described(case: Case) -> Tokenizer:
    if case.family.endswith("gpt2"):
        model = Tokenizer.from_str(pair_model().to_str())
        if case.family == "plain-gpt2":
            model.normalizer = normalizers.NFC()
            model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        return model
    model = Tokenizer(models.WordPiece(bert_vocabulary(), unk_token="[UNK]"))
    model.normalizer = normalizers.BertNormalizer()
    if case.family == "plain-bert":
        model.normalizer = normalizers.BertNormalizer(lowercase=False, clean_text=False)
    model.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    model.decoder = decoders.WordPiece()
    return model


def _flagged(is_bert: bool) -> list[Any]:
    """Tokens that match with white space beside them, whole words alone, before or after normalising."""
    from tokenizers import AddedToken

    marks = [AddedToken(mark, special=True, normalized=False) for mark in (MARKS if is_bert else [END])]
    return [
        *marks,
        AddedToken("<l>", lstrip=True, special=True),
        AddedToken("<r>", rstrip=True),
        AddedToken("<w>", single_word=True, normalized=False),
        AddedToken("newword", single_word=True),
        AddedToken("Ünïword", normalized=True),
        AddedToken("<N>", normalized=True, lstrip=True, rstrip=True, special=True),
    ]


def _write_tokens(tokens: str, is_bert: bool, size: int, mask: int, folder: Path) -> dict[str, Any]:
    """Write the files that name tokens, and return what `tokenizer_config.json` says of them."""
    own = "[MASK]" if is_bert else END
    name = "mask_token" if is_bert else "eos_token"
    if tokens == "map":
        table = {"content": own, "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}
        write(
            folder / "special_tokens_map.json", {name: table, "additional_special_tokens": ["<ent>", "<w>"]}
        )
    if tokens == "added":
        write(folder / "added_tokens.json", {"<ent>": size, "newword": size + 1, "Ünïword": size + 2})
        write(
            folder / "special_tokens_map.json", {"additional_special_tokens": ["<ent>"], "pad_token": "<pad>"}
        )
    if tokens == "decoder":
        flagged = [
            token for token in _flagged(is_bert) if token.content not in MARKS and token.content != END
        ]
        numbered = dict(enumerate(flagged, start=size))
        table = {str(number): _table(token) for number, token in numbered.items()}
        table[str(mask)] = {"content": own, "lstrip": True, "special": True, "normalized": False}
        write(folder / "added_tokens.json", {"<ent>": size})  # which the newer key puts aside
        return {"added_tokens_decoder": table, "additional_special_tokens": ["<l>"]}
    if tokens == "extra":
        typed = {"__type": "AddedToken", "content": "<r>", "rstrip": True, "special": True}
        return {"extra_special_tokens": ["<ent>", typed], "image_token": "<w>", "pad_token": "<pad>"}
    return {}


def _table(token: Any) -> dict[str, Any]:
    flags = ("content", "lstrip", "rstrip", "single_word", "normalized", "special")
    return {flag: getattr(token, flag) for flag in flags}


def write(path: Path, table: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(table, ensure_ascii=False), encoding="utf-8")


def read_case(case: Case, folder: Path) -> tuple[HuggingFaceTokenizer, Any]:
    """Return what we and what transformers read in the folder of a case."""
    write_case(case, folder)
    return load_published(folder), transformers.AutoTokenizer.from_pretrained(folder)


def differing(case: Case, folder: Path, lines: list[str]) -> list[str]:
    """Return the lines whose ids or decoded texts are not those of transformers."""
    ours, theirs = read_case(case, folder)
    expected, found = theirs(lines, add_special_tokens=False)["input_ids"], ours.encode_batch(lines)
    return [
        line
        for line, ids, wanted in zip(lines, found, expected, strict=True)
        if ids != wanted or ours.decode(ids) != theirs.decode(ids, skip_special_tokens=True)
    ]


def main() -> int:
    """Compare every line in every folder, and name the cases that differ."""
    count = bad = 0
    for case in chain.from_iterable(cases(*group) for group in GROUPS):
        with TemporaryDirectory() as name:
            wrong = differing(case, Path(name), odd_lines())
        count, bad = count + 1, bad + bool(wrong)
        if wrong:
            sys.stdout.write(f"{case} {len(wrong)} {wrong[0]!r}\n")
    sys.stdout.write(f"{count} folders, {len(odd_lines())} lines each: {bad} differ\n")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
