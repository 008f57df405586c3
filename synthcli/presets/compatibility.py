"""Whether the parts of an experiment fit each other: the corpus the task, the task its rows."""

from collections.abc import Mapping

from synthcli.data.corpora import CORPORA, find_corpus
from synthcli.errors import SynthError
from synthcli.presets.merge import tables

KINDS_OF_TASK: dict[str, tuple[str, ...]] = {
    "causal-lm": ("text", "pairs"),
    "masked-lm": ("text",),
    "seq2seq": ("pairs",),
    "classification": ("labelled", "scored", "choices"),
}
KIND_OF_OUTPUT = {"classes": "labelled", "regression": "scored", "choice": "choices"}


def misfits(table: Mapping[str, object], origin: str) -> list[str]:
    """Return what is wrong with the corpus: it is unknown, or its rows are not what the task reads."""
    data, model = tables(table, "data", "model")
    name = data.get("corpus")
    if not isinstance(name, str):
        return []  # the schema has said so
    key = f'`data.corpus` = "{name}"{origin}'
    try:
        corpus = find_corpus(name)
    except SynthError as error:
        return [f"{key} is no corpus; {suggest_corpus(name, error)}"]
    task = model.get("task")
    if not isinstance(task, str) or task not in KINDS_OF_TASK:
        return []  # likewise
    kind, wanted = corpus.kind, KINDS_OF_TASK[task]
    reader = f"`{task}`"
    if task == "seq2seq" and "denoising" in data:
        wanted = ("text",)  # the pairs are made from it
    if task == "classification" and kind in wanted:
        output = head_output(model)
        reader, wanted = f'`model.head.output = "{output}"`', (KIND_OF_OUTPUT.get(output, kind),)
    if kind in wanted:
        return unfit_layout(data, key) if kind == "pairs" else []
    fitting = ", ".join(f"`{one.name}`" for one in CORPORA.values() if one.kind in wanted)
    other = next((one for one, read in KIND_OF_OUTPUT.items() if read == kind), None)
    if task == "classification" and other is not None:
        fitting = f'`model.head.output = "{other}"` for it, or {fitting}'
    return [f"{key} holds {kind}, and {reader} reads {' or '.join(wanted)}, allowed: {fitting}"]


def unfit_layout(data: Mapping[str, object], key: str) -> list[str]:
    """Return what is wrong with a layout of running text where rows are pairs."""
    layout = data.get("layout", "rows")
    if layout == "rows":
        return []
    return [f'{key} holds pairs, which `data.layout = "{layout}"` cannot join to one text, allowed: `rows`']


def suggest_corpus(name: str, error: SynthError) -> str:
    """Return what to write instead; of options, what is wrong with them too."""
    return f"{error.message}: {error.hint}" if ":" in name else error.hint


def head_output(model: Mapping[str, object]) -> str:
    """Return what the head of a classifier is asked to give."""
    head = model.get("head")
    return str(head.get("output", "classes")) if isinstance(head, dict) else "classes"
