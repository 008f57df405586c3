"""What `synth score` is given: texts and their references, classes, or sums of log probabilities."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast, get_args

import numpy as np

from synthcli.errors import SynthError, did_you_mean
from synthcli.evaluation.config import RougeTokenizer
from synthcli.evaluation.log_probabilities import BASES, count_text, read_kept, read_log_probabilities
from synthcli.evaluation.outputs import Outputs, read_outputs
from synthcli.evaluation.perl_stems import read_stems
from synthcli.evaluation.protocols.counts import TextCounts
from synthcli.evaluation.protocols.settings import ProtocolSettings, take_tokens
from synthcli.evaluation.text_lines import pair_lines
from synthcli.safe_read import refuse_irregular

# what means something for one task alone
ONLY = {
    "translation": ("language", "is_tokenised"),
    "summarisation": ("separator", "rouge_tokenizer", "rouge_data"),
    "classification": ("positive",),
    "language-model": ("nats", "tokens", "words", "bytes", "ends", "text", "log_base"),
}
JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class ScoreRequest:
    """The options of `synth score`; counts are of the whole text, `nats` the sum of −log p of its tokens."""

    task: str
    outputs: Path | None = None
    references: tuple[Path, ...] = ()
    protocols: tuple[str, ...] = ()
    separator: str | None = None
    language: str | None = None
    is_tokenised: bool = False
    rouge_tokenizer: str = "ascii"
    rouge_data: Path | None = None
    positive: str | None = None
    nats: float | None = None
    tokens: int | None = None
    words: int | None = None
    bytes: int | None = None
    ends: int | None = None
    text: Path | None = None
    log_base: str = "e"

    def refuse_others(self) -> None:
        """Raise for an option that belongs to another task."""
        for owner, names in ONLY.items():
            for name in names if owner != self.task else ():
                if getattr(self, name) != getattr(ScoreRequest, name):
                    option = f"--{name.removeprefix('is_').replace('_', '-')}"
                    message = f"`{option}` has no meaning for `{self.task}`"
                    raise SynthError(message, f"it is of `--task {owner}`")
        if self.references and self.task == "language-model":
            raise SynthError("`--references` has no meaning for `language-model`", "leave it out")


def read_texts(request: ScoreRequest) -> Outputs:
    """Return outputs and references: of lines of text, or of lines of JSON that hold both."""
    path = _name_outputs(request)
    is_json = path.suffix in JSON_LINES
    if request.references and is_json:
        message = f"`{path}` holds its references, and `--references` names others"
        raise SynthError(message, "leave `--references` out, or give the outputs as lines of text")
    if request.references:
        return pair_lines(path, list(request.references), request.separator)
    if not is_json:
        message = f"nothing says what the lines of `{path}` are compared with"
        hint = "`--references FILE` does; a file of JSON with both in a line ends in `.jsonl`"
        raise SynthError(message, hint)
    if request.separator is not None:
        raise SynthError("`--separator` is of lines of text, and JSON holds lines", "leave it out")
    return read_outputs(path)[0]


def _name_outputs(request: ScoreRequest) -> Path:
    if request.outputs is None:
        raise SynthError("no file of outputs is named", f"`synth score OUTPUTS --task {request.task}`")
    refuse_irregular(request.outputs)
    return request.outputs


def read_settings(request: ScoreRequest) -> ProtocolSettings:
    """Return what protocols must know beside the texts; raises where it cannot be had."""
    tokenizer = find_rouge_tokenizer(request.rouge_tokenizer)
    tokenise, tokens = read_tokenise(request)
    stem = None if request.rouge_data is None else read_stems(request.rouge_data)
    return ProtocolSettings(tokenise, tokens, tokenizer, stem, request.positive)


def find_rouge_tokenizer(name: str) -> RougeTokenizer:
    """Return a tokenizer of rouge-score by its name."""
    for known in get_args(RougeTokenizer):
        if name == known:
            return cast(RougeTokenizer, name)
    message = f"`--rouge-tokenizer {name}` is unknown"
    raise SynthError(message, did_you_mean(name, get_args(RougeTokenizer)))


def read_tokenise(request: ScoreRequest) -> tuple[Callable[[str], str] | None, str]:
    """Return what makes tokens of texts, and its name in signatures."""
    if request.is_tokenised:
        if request.language is not None:
            message = "`--language` has texts made into tokens, and `--tokenised` says that they are"
            raise SynthError(message, "leave one out")
        return take_tokens, "given"
    if request.language is None:
        return None, ""
    return make_moses(request.language)


def make_moses(language: str) -> tuple[Callable[[str], str], str]:
    """Return the tokenizer of Moses for a language, as it was until November 2018, by sacremoses."""
    try:
        import sacremoses
    except ImportError as error:
        message = "`--language` makes tokens by sacremoses, which is not installed"
        raise SynthError(message, "`pip install 'synthcli[moses]'`, or `--tokenised`") from error
    if len(language) != 2 or not language.isascii() or not language.isalpha():
        raise SynthError(f"`--language {language}` is no code of a language", "such as `de`, `en` or `fr`")
    moses = sacremoses.MosesTokenizer(lang=language.lower())
    name = f"moses-{language.lower()}-sacremoses-{sacremoses.__version__}"
    return cache(lambda text: moses.tokenize(text, return_str=True)), name


def read_counts(request: ScoreRequest) -> TextCounts:
    """Return nats and counts: as given, of log probabilities, or of a result of ours."""
    if request.nats is not None:
        return _sum_counts(request)
    for name in ("tokens", "words", "bytes", "ends"):
        if getattr(request, name) is not None:
            message = f"`--{name}` counts units of the nats, and no `--nats` are given"
            raise SynthError(message, "`--nats N`: the sum of −log p over the whole text")
    path = _name_outputs(request)
    if path.suffix == ".json" or path.name.endswith(".samples.jsonl"):
        if request.text is not None:
            raise SynthError("`--text` counts words, and a result has counted them", "leave it out")
        return read_kept(path)
    if request.log_base not in BASES:
        message = f"`--log-base {request.log_base}` is unknown"
        raise SynthError(message, did_you_mean(request.log_base, BASES))
    return read_log_probabilities(path, request.log_base, request.text)


def _sum_counts(request: ScoreRequest) -> TextCounts:
    if not math.isfinite(request.nats or 0):
        raise SynthError(f"`--nats {request.nats}` is no sum of nats", "give a finite one, 0 or more")
    if request.outputs is not None:
        message = f"`--nats` is a sum, and `{request.outputs}` would give another"
        raise SynthError(message, "leave one out")
    given = {name: getattr(request, name) for name in ("words", "bytes", "ends")}
    if request.text is not None:
        counted = dict(zip(given, (int(count.sum()) for count in count_text(request.text)), strict=True))
        twice = [name for name, count in given.items() if count is not None and count != counted[name]]
        if twice:
            message = f"`--{twice[0]} {given[twice[0]]}`: `{request.text}` has {counted[twice[0]]}"
            raise SynthError(message, "leave the count out, or the text")
        given = counted
    arrays = [
        None if count is None else np.array([float(count)]) for count in (request.tokens, *given.values())
    ]
    return TextCounts.of(np.array([request.nats]), *arrays)
