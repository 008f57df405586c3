"""The words a shell offers after TAB: names in the library and on this disk, and the closed sets of options.

Nothing here imports torch. What cannot be told is not offered: a shell shows no message.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout

DEVICES = ("auto", "cpu", "cuda", "cuda:0")
SCALES = ("smoke", "hour", "day", "paper")
METRICS = ("bleu", "rouge", "cider", "perplexity", "accuracy", "f1", "matthews", "correlation")
EQUAL = ("steps", "tokens", "flops", "time", "parameters")
AGREEMENT = "teacher-agreement"
SPLITS = ("train", "validation", "test")
TASKS = ("causal-lm", "masked-lm", "seq2seq", "classification")
FORMATS = ("hf", "onnx", "torch", "safetensors")
FORMS = ("named", "plain")
ORIGINS = ("hf", "srupp", "simplified-blocks", "synthesizer", "bert-blocks")
TOKENIZERS = (
    "sentencepiece-unigram",
    "sentencepiece-bpe",
    "byte-level-bpe",
    "wordpiece",
    "words",
    "gpt2",
    "bytes",
    "huggingface",
)
ENGINES = ("local", "ray")
BUILDS = ("cpu", "auto", "require")
TRACKERS = ("tensorboard", "trackio", "wandb", "mlflow")
ROUGE_TOKENIZERS = ("ascii", "unicode")
SCORE_TASKS = ("translation", "summarisation", "classification", "language-model")
LOG_BASES = ("e", "2", "10")
PAPERS = ("synthesizer", "simplified-blocks", "srupp", "bert-blocks")

Completer = Callable[[str], list[str]]


def make_completer(*sources: Callable[[], Iterable[str]] | Iterable[str]) -> Completer:
    """Return what offers the words of lists, and of functions called when a shell asks."""

    def words(incomplete: str) -> list[str]:
        found: dict[str, None] = {}
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            for source in sources:
                try:
                    found |= dict.fromkeys(source() if callable(source) else source)
                except Exception:
                    continue
        return [word for word in found if word.startswith(incomplete) and word.isprintable()]

    return words


def join_or(words: Sequence[str]) -> str:
    """Return `a, b or c`."""
    return f"{', '.join(words[:-1])} or {words[-1]}"


def complete_protocols() -> list[str]:
    """Return what `--protocol` may be."""
    from synthcli.evaluation.protocols import list_protocols as find_protocols

    return [name for names in find_protocols().values() for name in names]


def list_mixers() -> list[str]:
    """Return what `--mixer` may be: of every mixer its own names."""
    from synthcli.compress.distill.students import STUDENTS

    return list(STUDENTS)


def list_replacements() -> list[str]:
    """Return what `synth probe` tries; none of it is loaded."""
    mixers = [name for name in list_mixers() if name not in ("attention", "srupp")]
    return ["heads-halved", "whitened-svd", *mixers, "merge-next"]


def list_quantities() -> list[str]:
    """Return what a comparison is of."""
    from synthcli.compare.figures import QUANTITIES

    return [*QUANTITIES]


def list_presets() -> list[str]:
    """Return the names of the library."""
    from synthcli.presets.files import preset_names

    return preset_names()


def list_claims() -> list[str]:
    """Return the ids of claims, and their families."""
    from synthcli.claims.files import all_claims

    found = all_claims()
    return [*dict.fromkeys(one.family for one in found.values()), *found]


def complete_runs() -> list[str]:
    """Return the names of runs, each once, and all ids, the newest first."""
    from synthcli.runs.finding import list_runs as find_runs

    found = find_runs()
    return [*dict.fromkeys(run.name for run in found), *(run.id for run in found)]


def list_corpora() -> list[str]:
    """Return the names of corpora."""
    from synthcli.data.corpora import CORPORA

    return [*CORPORA]


def list_stores() -> list[str]:
    """Return the names of prepared corpora."""
    from synthcli.data.store.origin import stores_root

    return sorted(path.parent.name for path in stores_root().glob("[!.]*/manifest.json"))
