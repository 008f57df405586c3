"""`README.md` of a folder of programs: how to run them, in code that runs, and what is known of the model."""

from pathlib import Path

from synthcli.exporters.export_bundle import ExportBundle
from synthcli.exporters.hugging_face.card import evaluation, licence, limits, training
from synthcli.exporters.hugging_face.tokenizer_files import write_tokenizer
from synthcli.exporters.markdown import plain
from synthcli.exporters.programs.form import Form
from synthcli.exporters.programs.interface import Shapes, write_interface
from synthcli.exporters.programs.states import POSITIONS

README = "README.md"
STEPS = 32
CONVENTIONS = """\
`interface.json` names inputs and outputs, their types and shapes; sizes that have names are free.
`attention_mask` is 1 at tokens and 0 at padding. `PARITY.json` says how far logits and written tokens are
from those of `synth`, as measured here."""
TEXT = "Two dogs play in the snow."

ONNX = """\
import json
from pathlib import Path
import numpy as np
import onnxruntime

interface, sessions = json.loads(Path("interface.json").read_text()), {}

def run(name, inputs):
    program = interface["programs"][name]
    if name not in sessions:
        sessions[name] = onnxruntime.InferenceSession(program["file"])
    return dict(zip(program["outputs"], sessions[name].run(None, inputs)))
"""
TORCH = """\
import json
from pathlib import Path
import numpy as np
import torch

interface, programs = json.loads(Path("interface.json").read_text()), {}

def run(name, inputs):
    program = interface["programs"][name]
    if name not in programs:
        programs[name] = torch.export.load(program["file"]).module()
    with torch.no_grad():
        found = programs[name](*(torch.from_numpy(inputs[port["name"]]) for port in program["inputs"]))
    found = found if isinstance(found, tuple) else (found,)
    return dict(zip(program["outputs"], (tensor.numpy() for tensor in found)))
"""
LOADERS = {".onnx": ONNX, ".pt2": TORCH}

DECISION = """\
ids = np.array([{ids}]){choices}
inputs = {{"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}}
taken = [port["name"] for port in interface["programs"]["model"]["inputs"]]
print(run("model", {{name: inputs[name] for name in taken}})["logits"])
"""
CAUSAL = """\
ids, written = np.array([{ids}]), []
length = ids.shape[1]
sizes = {{"batch": 1, "past_length": 0}}  # the state before the first position
past = {{
    port["name"]: np.zeros([sizes.get(size, size) for size in port["shape"]], port["type"])
    for port in interface["programs"]["step"]["inputs"] if "initial" in port
}}
while len(written) < min({steps}, interface["longest_target"] - length) and interface["end"] not in written:
    outputs = run("step", {{"input_ids": ids, **past}})
    past = {{name.replace("present", "past", 1): t for name, t in outputs.items() if name != "logits"}}
{positions}    ids = outputs["logits"][:, -1:].argmax(-1)
    written.append(int(ids[0, 0]))
print({shown})
"""
SEQ2SEQ = """\
ids, written = np.array([{ids}]), []
source = {{"attention_mask": np.ones_like(ids)}}
memory = run("encoder", {{"input_ids": ids, **source}})
ids = np.array([[interface["begin"]]])
outputs = run("decoder", {{"input_ids": ids, **source, **memory}})
while True:
    ids = outputs["logits"][:, -1:].argmax(-1)
    written.append(int(ids[0, 0]))
    if len(written) == {steps} or interface["end"] in written:
        break
    past = {{name.replace("present", "past", 1): t for name, t in outputs.items() if name != "logits"}}
{positions}    outputs = run("decoder_step", {{"input_ids": ids, **source, **past}})
print({shown})
"""
BODIES = {"causal-lm": CAUSAL, "seq2seq": SEQ2SEQ, "masked-lm": DECISION, "classification": DECISION}
# where no tensor of the state is as long as the text so far
GROWING = {
    "causal-lm": '    past["past.positions"] = np.zeros(length + len(written), np.int64)\n',
    "seq2seq": '    past["past.positions"] = np.zeros(len(written), np.int64)\n',
}


def write_readme(folder: Path, bundle: ExportBundle, forms: list[Form], suffix: str, shapes: Shapes) -> None:
    """Write the interface, the tokenizer and the page about both; `shapes` are those of outputs."""
    write_interface(folder, bundle, forms, suffix, shapes)
    notes: tuple[str, ...] = ()
    if bundle.tokenizer is not None:
        notes = write_tokenizer(bundle.tokenizer, bundle.config, folder)
    files = "\n".join(f"- `{form.name}{suffix}`: {form.about}" for form in forms)
    parts = [
        f"# {plain(bundle.name)}\n\n{files}\n\n{CONVENTIONS}",
        f"## Use\n\n```python\n{_program_snippet(bundle, forms, suffix)}```",
        f"## Evaluation\n\n{evaluation(bundle.card)}",
        f"## Training\n\n{training(bundle.card)}",
        f"## Licence\n\n{licence(bundle.card, has_code=False)}",
        f"## Limits\n\n{limits(bundle, notes)}",
    ]
    (folder / README).write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _program_snippet(bundle: ExportBundle, forms: list[Form], suffix: str) -> str:
    """Return code that runs in the folder: greedy decoding, or the logits of a text."""
    config, has_text = bundle.config, bundle.tokenizer is not None
    asks = any(port.name == POSITIONS for form in forms for port in form.inputs)
    is_choice = config.task == "classification" and config.head.output == "choice"
    body = BODIES[config.task].format(
        ids=f"tokenizer.encode({TEXT!r}).ids[:{prompt_limit(bundle)}]" if has_text else "[1, 2, 3]",
        shown="tokenizer.decode(written)" if has_text else "written",
        steps=min(STEPS, config.max_target_length or STEPS),
        positions=GROWING.get(config.task, "") if asks else "",
        choices="[None]" if is_choice else "",
    )
    opens = 'tokenizer = tokenizers.Tokenizer.from_file("tokenizer.json")\n' if has_text else ""
    loader = LOADERS[suffix].replace("\n\n", "\nimport tokenizers\n\n" if has_text else "\n\n", 1)
    return f"{loader}\n{opens}{body}"


def prompt_limit(bundle: ExportBundle) -> int:
    """Return how many tokens of a text to read: half of what a language model may write altogether."""
    config = bundle.config
    limit = config.max_source_length or (config.max_target_length or 2) // 2
    return min(limit, STEPS)
