"""The model card, `README.md`: what the model is, how it was judged, how to load it, and its limits."""

import re
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData

from synthcli.exporters.export_bundle import CardFacts, ExportBundle, Metric
from synthcli.exporters.markdown import cell, code, one_line, plain, write_link
from synthcli.model_config.mixers import MixerConfig

CARD = "README.md"
DATASET = re.compile(r"https://huggingface\.co/datasets/([\w.-]+/[\w.-]+|[\w.-]+)/?$")
PIPELINES = {
    "causal-lm": "text-generation",
    "masked-lm": "fill-mask",
    "seq2seq": "translation",
    "classification": "text-classification",
    "choice": "multiple-choice",
}
NOUNS = {
    "causal-lm": "A language model",
    "masked-lm": "A masked language model",
    "seq2seq": "An encoder-decoder",
    "classification": "A classifier",
    "choice": "A model that chooses one of several texts",
}
WIDE = 100_000  # from here on a number is shown in millions


def write_card(
    bundle: ExportBundle, folder: Path, kind: str, class_name: str, has_code: bool, notes: tuple[str, ...]
) -> None:
    """Write the card of a model that `class_name` of transformers loads; `notes` are further limits."""
    code = _snippet(bundle, kind, class_name, has_code)
    parts = [
        f"---\n{write_card_header(bundle, kind)}\n---",
        f"# {plain(bundle.name)}\n\n{_summary(bundle, kind)}",
        f"## Use\n\n```python\n{code}\n```\n\n{_parity_note(has_code)}",
        f"## Evaluation\n\n{evaluation(bundle.card)}",
        f"## Training\n\n{training(bundle.card)}",
        f"## Licence\n\n{licence(bundle.card, has_code)}",
        f"## Limits\n\n{limits(bundle, notes)}",
    ]
    (folder / CARD).write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def write_card_header(bundle: ExportBundle, kind: str) -> str:
    """Return the YAML that the hub reads."""
    facts, pipeline = bundle.card, PIPELINES[kind]
    results = [_figure_entry(metric, pipeline) for metric in facts.metrics]
    found = DATASET.match(facts.corpus_url or "")
    data = ModelCardData(
        license="other",
        license_name="see-below",
        library_name="transformers",
        pipeline_tag=pipeline,
        tags=[
            "synth",
            bundle.config.block.kind,
            *sorted({mixer.kind for _, _, mixer in bundle.config.mixers()}),
        ],
        datasets=[found[1]] if found else None,
        model_name=one_line(bundle.name) if results else None,
        eval_results=results or None,
    )
    return str(data.to_yaml(line_break="\n")).strip()


def _figure_entry(metric: Metric, pipeline: str) -> EvalResult:
    """Return a figure as the hub's `model-index` has it; intervals and counts stand among its arguments."""
    return EvalResult(
        task_type=pipeline,
        dataset_type=metric.dataset or one_line(metric.corpus),
        dataset_name=one_line(metric.corpus_title or metric.corpus),
        dataset_config=metric.dataset_config,
        dataset_split=metric.dataset_split or one_line(metric.split),
        metric_type=one_line(metric.name).lower().replace(" ", "_"),
        metric_name=one_line(metric.name) + _describe_slice(metric),
        metric_value=round(metric.value, 4),
        metric_args={
            "protocol": one_line(metric.protocol),
            "signature": one_line(metric.signature),
            "samples": metric.samples,
            "split_size": metric.split_size,
        }
        | ({} if metric.limit is None else {"limit": metric.limit})
        | ({} if metric.interval is None else {"interval_95": [round(end, 4) for end in metric.interval]}),
    )


def _describe_slice(metric: Metric) -> str:
    """Return what the name of a figure says of a part of a split; nothing of a whole one."""
    return f" (first {metric.sample_count} samples)" if metric.is_slice else ""


def _summary(bundle: ExportBundle, kind: str) -> str:
    facts, config = bundle.card, bundle.config
    mixers = " and ".join(sorted({_describe_mixer(mixer) for _, _, mixer in config.mixers()}))
    title = f"{plain(facts.title).rstrip('.')}. " if facts.title else ""
    stacks = {"encoder": config.encoder, "decoder": config.decoder}
    layers = " and ".join(
        f"{stack.layers} {name} layers" for name, stack in stacks.items() if stack is not None
    )
    text = (
        f"{title}{NOUNS[kind]} of {_format_count(facts.parameters)} parameters: "
        f"{layers} of width {config.d_model}, `{config.block.kind}` blocks, mixers {mixers}."
    )
    if facts.paper:
        text += f" It follows {write_link(facts.paper, facts.paper_url)}."
    return text


def _describe_mixer(mixer: MixerConfig) -> str:
    """Return a mixer's kind, and what scores it where it has scores."""
    scores = " + ".join(f"`{score.kind}`" for score in getattr(mixer, "scores", ()))
    return f"`{mixer.kind}` by {scores} scores" if scores else f"`{mixer.kind}`"


def _format_count(count: int) -> str:
    return f"{count / 1e6:.1f} M ({count:,})" if count >= WIDE else f"{count:,}"


def _snippet(bundle: ExportBundle, kind: str, class_name: str, has_code: bool) -> str:
    """Return code that runs where the folder is the current one."""
    trust = ", trust_remote_code=True" if has_code else ""
    names = sorted([class_name, "AutoTokenizer"] if bundle.tokenizer else [class_name])
    lines = [f"from transformers import {', '.join(names)}", "", FOLDER]
    lines.append(f"model = {class_name}.from_pretrained(folder{trust})")
    if bundle.tokenizer is None:
        return "\n".join(
            [
                "import torch",
                *lines,
                "tokens = torch.tensor([[5, 6, 7]])  # it came without a tokenizer",
                ALONE[kind],
            ]
        )
    lines.append(f"tokenizer = AutoTokenizer.from_pretrained(folder{trust})")
    lines += ["", USES[kind]]
    return "\n".join(["import torch", *lines] if "torch." in USES[kind] else lines)


FOLDER = 'folder = "."  # where this file is, or the name of the model on the hub'
SHOWS = """
print(tokenizer.batch_decode(tokens, skip_special_tokens=True))"""
USES = {
    "causal-lm": f"""inputs = tokenizer(["def main(", "The"], return_tensors="pt", padding=True)
tokens = model.generate(**inputs, max_new_tokens=20){SHOWS}""",
    "seq2seq": f"""inputs = tokenizer(["two people walk", "a dog"], return_tensors="pt", padding=True)
tokens = model.generate(**inputs){SHOWS}""",
    "masked-lm": """inputs = tokenizer(f"The {tokenizer.mask_token} is here.", return_tensors="pt")
with torch.no_grad():
    logits = model(**inputs).logits
hidden = inputs.input_ids[0] == tokenizer.mask_token_id
print(tokenizer.decode(logits[0, hidden].argmax(-1)))""",
    "classification": """inputs = tokenizer(["a text", "and another one"], return_tensors="pt", padding=True)
with torch.no_grad():
    print(model(**inputs).logits)""",
    "choice": """inputs = tokenizer(["the first text", "or this one"], return_tensors="pt", padding=True)
with torch.no_grad():
    print(model(**{name: rows[None] for name, rows in inputs.items()}).logits)""",
}
ALONE = {
    "causal-lm": "print(model.generate(tokens, max_new_tokens=20))",
    "seq2seq": "print(model.generate(tokens, max_new_tokens=20))",
    "masked-lm": "print(model(tokens).logits.argmax(-1))",
    "classification": "print(model(tokens).logits)",
    "choice": "print(model(tokens[None]).logits)",
}


def _parity_note(has_code: bool) -> str:
    text = "`PARITY.json` says how far logits and written tokens are from those of `synth`, as measured here."
    if has_code:
        text += " `modeling_synth.py` is the model itself: it needs torch and transformers, and nothing else."
    return text


def evaluation(facts: CardFacts) -> str:
    """Return a table of every figure with its protocol and counts."""
    if not facts.metrics:
        return "Not evaluated."
    rows = ["| metric | value | 95 % | corpus | judged | protocol |", "|---|---|---|---|---|---|"]
    for metric in facts.metrics:
        spread = "" if metric.interval is None else f"{metric.interval[0]:.2f} to {metric.interval[1]:.2f}"
        judged = f"{metric.sample_count} of {code(metric.split)}"
        protocol = plain(metric.protocol) + (f"; {code(metric.signature)}" if metric.signature else "")
        cells = (plain(metric.name), f"{metric.value:.2f}", spread, code(metric.corpus), judged, protocol)
        rows.append("| " + " | ".join(map(cell, cells)) + " |")
    return "\n".join(rows)


def training(facts: CardFacts) -> str:
    lines = [f"Trained by `synth` {facts.synth} for {facts.step:,} steps."]
    if facts.corpus:
        lines.append(f"Data: {write_link(facts.corpus_title or facts.corpus, facts.corpus_url)}.")
    if facts.recipe:
        lines.append(facts.recipe)
    if facts.folded:
        trained = f"{facts.trained_parameters:,} were trained, {facts.parameters:,} left"
        lines.append(f"Parameters were folded without changing the function ({trained}):")
        lines.append("\n" + "\n".join(f"- {change}" for change in facts.folded))
    return "\n".join(lines)


def licence(facts: CardFacts, has_code: bool) -> str:
    code = "The Python files in this folder: Apache-2.0. " if has_code else ""
    data = f" The data: {plain(facts.corpus_licence)}." if facts.corpus_licence else ""
    return f"{code}The weights: whoever publishes them decides.{data}"


def limits(bundle: ExportBundle, notes: tuple[str, ...]) -> str:
    config = bundle.config
    stacks = {"source": config.encoder, "target": config.decoder}
    if config.task != "seq2seq":
        stacks = {"text": config.encoder or config.decoder}
    lengths = [f"a {name} of {stack.max_length} tokens" for name, stack in stacks.items() if stack]
    lines = [f"It was made for at most {' and '.join(lengths)}.", *bundle.card.notes, *notes]
    return "\n".join(f"- {one_line(line)}" for line in lines)
