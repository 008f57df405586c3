"""trl: fine-tuning on texts, preferences and rewards."""

import math
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import LoraConfig
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from tests.clients.examples import TEXTS, difference, encode, logits_of
from tests.clients.programs.trainer import QUIET, check_accumulation
from tests.clients.subjects import Subject

LEARNS = QUIET | {"max_steps": 2, "logging_steps": 1, "learning_rate": 1e-2, "per_device_train_batch_size": 4}
WHOLE = {"bf16": False, "gradient_checkpointing": False}


def sft_trainer(subject: Subject, folder: Path, adapter: Any = None, **options: Any) -> SFTTrainer:
    arguments = SFTConfig(output_dir=str(folder), **(LEARNS | WHOLE | {"max_length": 40} | options))  # type: ignore[arg-type]
    return SFTTrainer(
        subject.load(),
        arguments,
        train_dataset=Dataset.from_dict({"text": TEXTS}),
        processing_class=subject.tokenizer,
        peft_config=adapter,
    )


def check_training(subject: Subject, folder: Path, trainer: Any) -> None:
    """Train: losses are numbers, and the weights that come out are others and load again."""
    inputs = encode(subject)
    before = logits_of(subject.load(), inputs)
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses and all(math.isfinite(loss) for loss in losses), losses
    trained = logits_of(trainer.model.eval(), inputs)
    assert difference(trained, before) > 1e-4
    trainer.save_model(str(folder / "saved"))
    if (folder / "saved/config.json").exists():
        assert difference(logits_of(subject.load(folder=folder / "saved"), inputs), trained) < 1e-6


def accumulate(subject: Subject, folder: Path) -> None:
    """One step has the same loss and gradient in 1, 4 and 8 parts."""
    check_accumulation(lambda options: sft_trainer(subject, folder, **options))


def tune(subject: Subject, folder: Path) -> None:
    """The loss falls, and token accuracy is reported."""
    trainer = sft_trainer(subject, folder, eval_strategy="no")
    check_training(subject, folder, trainer)
    assert "mean_token_accuracy" in trainer.state.log_history[0]


def tune_packed(subject: Subject, folder: Path) -> None:
    """Texts share rows of one length."""
    trainer = sft_trainer(subject, folder, packing=True, packing_strategy="wrapped", max_length=32)
    check_training(subject, folder, trainer)


def tune_adapter(subject: Subject, folder: Path) -> None:
    """Only an adapter learns."""
    adapter = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    check_training(subject, folder, sft_trainer(subject, folder, adapter, learning_rate=1e-1))


def prefer(subject: Subject, folder: Path) -> None:
    """The better of two answers becomes likelier."""
    rows = {"prompt": TEXTS[:4], "chosen": [" runs"] * 4, "rejected": [" sees the red tree"] * 4}
    arguments = DPOConfig(
        output_dir=str(folder),
        trust_remote_code=True,
        **(LEARNS | WHOLE | {"max_length": 100, "max_steps": 4}),
    )  # type: ignore[arg-type]
    trainer = DPOTrainer(
        subject.load(),
        args=arguments,
        train_dataset=Dataset.from_dict(rows),
        processing_class=subject.tokenizer,
    )
    check_training(subject, folder, trainer)
    margins = [entry["rewards/margins"] for entry in trainer.state.log_history if "rewards/margins" in entry]
    assert abs(margins[0]) < 1e-5 and margins[-1] > 0, margins


def reward(subject: Subject, folder: Path) -> None:
    """What it writes is rewarded by its length in letters."""
    special: dict[str, Any] = {
        "num_generations": 2,
        "max_completion_length": 6,
        "use_vllm": False,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-1,
    }
    arguments = GRPOConfig(output_dir=str(folder), **(LEARNS | WHOLE | special))  # type: ignore[arg-type]
    trainer = GRPOTrainer(
        subject.load(),
        reward_funcs=lambda completions, **_: [float(sum(map(str.isalpha, text))) for text in completions],
        args=arguments,
        train_dataset=Dataset.from_dict({"prompt": TEXTS[:4]}),
        processing_class=subject.tokenizer,
    )
    check_training(subject, folder, trainer)
    assert all(math.isfinite(entry["reward"]) for entry in trainer.state.log_history if "reward" in entry)
