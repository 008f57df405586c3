"""The lines of the bench: what is tried in which program, on which kinds of model, and what cannot be.

Nothing is imported here, so that the ordinary tests can hold the page to these lines.
"""

from dataclasses import dataclass

# our kinds, and the model of transformers beside each
OWN = {
    "dense": "gpt2",
    "srupp": "gpt2",
    "skip": "gpt2",
    "s2s": "bart",
    "mlm": "bert-mlm",
    "cls": "bert-cls",
    "reg": "bert-reg",
    "mc": "bert-mc",
}
CONTROLS = ("gpt2", "bart", "bert-mlm", "bert-cls", "bert-reg", "bert-mc")
EVERY = tuple(OWN)
CAUSAL = ("dense", "srupp", "skip")
WRITERS = (*CAUSAL, "s2s")
READERS = ("mlm", "cls", "reg", "mc")
HEADLESS = (*CAUSAL, *READERS)


@dataclass(frozen=True)
class Exemption:
    """Models that a line must fail on, why, and the words that say so (a regular expression)."""

    kinds: tuple[str, ...]
    reason: str
    says: str


@dataclass(frozen=True)
class Line:
    """`function` of `programs/<program>.py`, tried on `kinds` and on the controls beside them.

    `impossible` names models of ours that cannot, `upstream` models that the program itself gets wrong, a
    control among them. A line without controls tries what only our folders have.
    """

    program: str
    function: str
    text: str
    kinds: tuple[str, ...] = EVERY
    impossible: Exemption | None = None
    upstream: Exemption | None = None
    has_controls: bool = True

    @property
    def name(self) -> str:
        return f"{self.program}.{self.function}"

    @property
    def controls(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(OWN[kind] for kind in self.kinds)) if self.has_controls else ()

    @property
    def models(self) -> tuple[str, ...]:
        return (*self.kinds, *self.controls)

    def exemption(self, model: str) -> Exemption | None:
        """Return why a model must fail, or None where it must not."""
        known = (self.impossible, self.upstream)
        return next((found for found in known if found is not None and model in found.kinds), None)


NOT_DIVIDED = Exemption(
    ("bart", "bert-mlm", "bert-cls", "bert-reg", "bert-mc"),
    "BART and BERT accept `num_items_in_batch` and do not divide by it: n parts give n times the loss",
    "losses by parts",
)
FIRST_LABEL = Exemption(
    ("gpt2",), "Trainer counts the first label of GPT-2's full rows, which nothing predicts", "evaluated to"
)
LEFT_PADDING = Exemption(
    ("bart",), "lm-eval pads sources on the left, and BART counts positions from there", "wrote"
)

TOO_LONG = Exemption(
    ("gpt2",),
    "the pipeline writes 256 tokens by default, and GPT-2 of 128 positions has no limit that stops it",
    "index out of range",
)
STATEFUL = Exemption(
    CAUSAL,
    "transformers does not draft for models that keep a state: what was seen cannot be taken back",
    "assisted generation is not supported with stateful models",
)
NO_KEYS = Exemption(
    WRITERS,
    "a prefix is keys and values, and models that keep a state of their own have no place for them",
    "`past_key_values` is a",
)
NO_REMOTE_CODE = Exemption(
    CAUSAL,
    "`transformers serve` looks for the class of a model in transformers alone, `--trust-remote-code` or not",
    "module transformers has no attribute SynthForCausalLM",
)

LINES = (
    Line("trainer", "accumulate", "Trainer: accumulation 1, 4, 8", upstream=NOT_DIVIDED),
    Line("trainer", "evaluate", "Trainer: evaluate, predict", upstream=FIRST_LABEL),
    Line("trainer", "evaluate_while_training", "Trainer: eval_strategy, best model"),
    Line("trainer", "resume", "Trainer: resume"),
    Line("trainer", "checkpoint_gradients", "Trainer: gradient checkpointing"),
    Line("trainer", "write_while_evaluating", "Trainer: predict_with_generate", ("s2s",)),
    Line("auto_classes", "read_hidden_states", "AutoModel: hidden states"),
    Line("auto_classes", "classify_sequences", "ForSequenceClassification, new head", READERS),
    Line("auto_classes", "classify_tokens", "ForTokenClassification, new head", READERS),
    Line("auto_classes", "answer_questions", "ForQuestionAnswering, new head", READERS),
    Line("auto_classes", "choose", "ForMultipleChoice, new head", READERS),
    Line("auto_classes", "start_from_config", "from_config: every parameter drawn"),
    Line("auto_classes", "resize_embeddings", "resize_token_embeddings"),
    Line("auto_classes", "save_shards", "save_pretrained in shards"),
    Line("auto_classes", "load_bfloat16", "dtype=bfloat16"),
    Line("pipelines", "generate_text", "pipeline: text-generation", CAUSAL),
    Line(
        "pipelines", "generate_by_default", "pipeline: text-generation, defaults", CAUSAL, upstream=TOO_LONG
    ),
    Line("pipelines", "fill_mask", "pipeline: fill-mask", ("mlm",)),
    Line("pipelines", "classify_text", "pipeline: text-classification", ("cls", "reg")),
    Line("pipelines", "classify_tokens", "pipeline: token-classification", READERS),
    Line("pipelines", "extract_features", "pipeline: feature-extraction", HEADLESS),
    Line("generation", "write_greedily", "generate: greedy, padded left", WRITERS),
    Line("generation", "write_by_default", "generate: the folder's defaults", WRITERS),
    Line("generation", "search_beams", "generate: beams", WRITERS),
    Line("generation", "sample", "generate: sampling", WRITERS),
    Line("generation", "stream", "generate: streaming", WRITERS),
    Line("generation", "assist", "generate: assisted decoding", CAUSAL, impossible=STATEFUL),
    Line("serving", "answer", "transformers serve", CAUSAL, impossible=NO_REMOTE_CODE),
    Line("peft_adapters", "adapt", "peft: LoRA, saved and loaded"),
    Line("peft_adapters", "merge", "peft: LoRA merged"),
    Line("peft_adapters", "tune_prompt", "peft: prompt tuning", (*WRITERS, "cls", "reg")),
    Line("peft_adapters", "tune_prefix", "peft: prefix tuning", WRITERS, impossible=NO_KEYS),
    Line("trl_trainers", "accumulate", "trl SFT: accumulation 1, 4, 8", CAUSAL),
    Line("trl_trainers", "tune", "trl SFT: plain", CAUSAL),
    Line("trl_trainers", "tune_packed", "trl SFT: packed", CAUSAL),
    Line("trl_trainers", "tune_adapter", "trl SFT: LoRA", CAUSAL),
    Line("trl_trainers", "prefer", "trl DPO", CAUSAL),
    Line("trl_trainers", "reward", "trl GRPO", CAUSAL),
    Line("sentence_encoders", "embed", "sentence-transformers: fine-tune", ("mlm", "cls")),
    Line(
        "sentence_encoders", "embed_distilled", "the same, a distilled encoder", ("mlm",), has_controls=False
    ),
    Line("sentence_encoders", "cross_encode", "CrossEncoder: fine-tune", ("mlm", "cls", "reg")),
    Line("lm_eval_tasks", "score", "lm-eval: loglikelihood", WRITERS),
    Line("lm_eval_tasks", "write", "lm-eval: generate_until", WRITERS, upstream=LEFT_PADDING),
    Line("accelerate_devices", "offload_to_memory", "accelerate: cpu offload"),
    Line("accelerate_devices", "offload_to_disk", "accelerate: disk offload"),
    Line("accelerate_devices", "place", "accelerate: device_map=auto"),
    Line("torch_tools", "quantise", "torch: dynamic int8"),
    Line("torch_tools", "compile_whole", "torch.compile(fullgraph=True)"),
    Line("torch_tools", "export_program", "torch.export"),
    Line("onnx_programs", "run_by_name", "onnxruntime: names of interface.json"),
    Line("merging", "merge_slerp", "mergekit: slerp, code copied after", CAUSAL),
    Line("homecoming", "come_back", "trained, then synth import", has_controls=False),
)
