"""A folder that transformers opens, as its card says: logits, padding on either side, and `generate`."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor

from .compare import compare_all
from .reference import Array, RecordedModel
from .report import ParityReport

LOADERS = {
    "causal-lm": "AutoModelForCausalLM",
    "masked-lm": "AutoModelForMaskedLM",
    "seq2seq": "AutoModelForSeq2SeqLM",
    "classification": "AutoModelForSequenceClassification",
}
CHOICE = "AutoModelForMultipleChoice"
NAMES = {"tokens": "input_ids", "source": "input_ids", "token_types": "token_type_ids"}
MASKS = {"padding": "attention_mask", "source_padding": "attention_mask"}


class Loaded:
    """The model of a folder; `shown` are the arguments it takes."""

    def __init__(self, folder: Path, task: str, is_choice: bool) -> None:
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        loader = getattr(transformers, CHOICE if is_choice else LOADERS[task])
        self.has_code = (folder / "modeling_synth.py").is_file()
        self.model: Any = loader.from_pretrained(folder, trust_remote_code=self.has_code).eval()
        self.task = task
        self.versions = {"torch": torch.__version__, "transformers": transformers.__version__}

    @torch.inference_mode()
    def logits(self, inputs: dict[str, Array]) -> Array:
        """Return logits; a regression's number is a column."""
        found: Tensor = self.model(**self.arguments(inputs)).logits
        return found.numpy()

    def arguments(self, inputs: dict[str, Array]) -> dict[str, Tensor]:
        """Return the inputs under the names that transformers gives them."""
        given = {}
        for name, array in inputs.items():
            tensor = torch.from_numpy(array)
            if self.task == "seq2seq" and name in ("tokens", "padding"):
                given["decoder_input_ids" if name == "tokens" else "decoder_attention_mask"] = (
                    tensor if name == "tokens" else (~tensor).long()
                )
            elif name in MASKS:
                given[MASKS[name]] = (~tensor).long()
            else:
                given[NAMES[name]] = tensor
        return given

    @torch.inference_mode()
    def greedy(self, prompt: Array, steps: int) -> Array:
        """Return what `generate` adds."""
        return self.write_continuations([prompt], steps)[0]

    @torch.inference_mode()
    def write_continuations(self, prompts: list[Array], steps: int, use_cache: bool = True) -> Array:
        """Return what `generate` adds to prompts, which are padded on the left."""
        longest = max(map(len, prompts))
        tokens = torch.zeros(len(prompts), longest, dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for row, prompt in enumerate(prompts):
            tokens[row, longest - len(prompt) :] = torch.from_numpy(prompt)
            mask[row, longest - len(prompt) :] = 1
        found = self.model.generate(
            tokens,
            attention_mask=mask,
            max_new_tokens=steps,
            num_beams=1,
            do_sample=False,
            use_cache=use_cache,
            suppress_tokens=[],
            eos_token_id=-1,  # which no token is: nothing ends the text
        )
        added: Array = found[:, -steps:].numpy()
        return added


def check_folder(folder: Path, recorded: RecordedModel) -> ParityReport:
    task = recorded.facts["task"]
    is_choice = task == "classification" and recorded.cases[0].inputs["tokens"].ndim == 3
    loaded = Loaded(folder, task, is_choice)
    report = compare_all(loaded, recorded)
    left = measure_left_padding(loaded, recorded)
    if left is not None:
        report["left_padding_max_difference"] = left
        require_that(
            report, left <= report["allowed_difference"], f"padding on the left changes logits by {left:.3g}"
        )
    if recorded.greedy is not None:
        agreement = batch_agreement(loaded, recorded)
        report["greedy"]["padded_batch_agreement"] = agreement
        without = cache_agreement(loaded, recorded)
        report["greedy"]["without_cache_agreement"] = without
        ties = report["greedy"].get("ties", 0)
        require_that(
            report,
            agreement == 1 or ties > 0,
            f"in a padded batch {agreement:.2%} of the tokens are the same",
        )
        require_that(
            report, without == 1 or ties > 0, f"without the cache {without:.2%} of the tokens are the same"
        )
    return report | {"runs_own_code": loaded.has_code}


def require_that(report: ParityReport, holds: bool, reason: str) -> None:
    if not holds:
        report["holds"] = False
        report["reasons"].append(reason)


def measure_left_padding(loaded: Loaded, recorded: RecordedModel) -> float | None:
    """Return how far logits at real positions move when padding moves to the left.

    transformers' own encoders count positions from the left, and so have to be padded on the right.
    """
    name, mask = ("source", "source_padding") if loaded.task == "seq2seq" else ("tokens", "padding")
    padded = [case for case in recorded.cases if mask in case.inputs and case.inputs[name].ndim == 2]
    if not loaded.has_code or not padded:
        return None
    worst = 0.0
    for case in padded:
        moved = dict(case.inputs)
        shifts = case.inputs[mask].sum(-1)
        for key in (name, mask, "token_types"):
            if key in moved:
                moved[key] = roll_rows(moved[key], shifts)
        logits = loaded.logits(moved)
        expected = case.logits
        if loaded.task in ("causal-lm", "masked-lm"):
            logits = roll_rows(logits, -shifts)
        worst = max(worst, float(np.abs(logits - expected)[case.real].max()))
    return worst


def roll_rows(rows: Array, shifts: Array) -> Array:
    """Return each row moved to the right by its own shift."""
    return np.stack([np.roll(row, int(shift), axis=0) for row, shift in zip(rows, shifts, strict=True)])


def batch_agreement(loaded: Loaded, recorded: RecordedModel) -> float:
    """Return the share of tokens that all prompts in one batch get as each does alone."""
    assert recorded.greedy is not None
    alone = np.stack([loaded.greedy(prompt, recorded.greedy.steps) for prompt in recorded.greedy.prompts])
    return float((loaded.write_continuations(recorded.greedy.prompts, recorded.greedy.steps) == alone).mean())


def cache_agreement(loaded: Loaded, recorded: RecordedModel) -> float:
    """Return the share of tokens that the shortest prompt gets without the cache as with it."""
    assert recorded.greedy is not None
    prompt, steps = min(recorded.greedy.prompts, key=len), recorded.greedy.steps
    return float(
        (
            loaded.write_continuations([prompt], steps, use_cache=False)[0] == loaded.greedy(prompt, steps)
        ).mean()
    )
