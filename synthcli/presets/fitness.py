"""Whether the parts of an experiment fit each other: the corpus the task, the task its rows."""

from typing import Any

from synthcli.data.corpora import CORPORA
from synthcli.errors import did_you_mean

KIND_OF_TASK = {"causal-lm": "text", "seq2seq": "pairs", "classification": "labelled"}


def misfits(table: dict[str, Any], origin: str) -> list[str]:
    """Return what is wrong with the corpus: it is unknown, or its rows are not what the task reads."""
    data, model = table.get("data"), table.get("model")
    name = data.get("corpus") if isinstance(data, dict) else None
    if not isinstance(name, str):
        return []  # the schema has said so
    key = f'`data.corpus` = "{name}"{origin}'
    if name not in CORPORA:
        return [f"{key} is no corpus; {did_you_mean(name, CORPORA)}"]
    task = model.get("task") if isinstance(model, dict) else None
    wanted = KIND_OF_TASK.get(task) if isinstance(task, str) else None
    kind = CORPORA[name].kind
    if wanted in (None, kind):
        return []
    fitting = ", ".join(f"`{one.name}`" for one in CORPORA.values() if one.kind == wanted)
    return [f"{key} holds {kind}, and `{task}` reads {wanted}, allowed: {fitting}"]
