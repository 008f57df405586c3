"""A training under way: what the loop works on and callbacks look at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from synthcli.data.config import BatchConfig
from synthcli.data.examples.batches import Batches, split, split_in_order
from synthcli.device import chosen_word, count_processes, current_device
from synthcli.errors import SynthError
from synthcli.model import State
from synthcli.model.interface import get_config, get_initial_state
from synthcli.objectives import IGNORED, Batch, Objective, ready, segment_lm
from synthcli.training.ahead import Ahead
from synthcli.training.config import PrecisionName, TrainingConfig
from synthcli.training.events import Evaluation, Step
from synthcli.training.optimizers import build_optimizer
from synthcli.training.precision import Precision, choose_precision

if TYPE_CHECKING:
    from accelerate import Accelerator  # an evaluation does without

Indices = npt.NDArray[np.int64]
# what a model keeps without learning it is drawn of the seed or read from a file, alike in every process
WRAPPING = {"broadcast_buffers": False, "gradient_as_bucket_view": True}
WRAPPED = ("NO", "MULTI_CPU", "MULTI_GPU")  # kinds of Accelerate's


class TrainingExamples(Protocol):
    """Examples by index, and how long each is; what is drawn is a function of seed, index and epoch."""

    def __len__(self) -> int: ...

    @property
    def lengths(self) -> npt.NDArray[np.integer]: ...

    @property
    def is_stream(self) -> bool: ...

    def collate(self, indices: Indices, seed: int, epochs: Indices | int) -> Batch: ...


class Callback:
    """Does nothing; override what matters. Called in the order of the list given to `train`."""

    runs_everywhere = False  # else in the main process alone

    def on_start(self, training: "Trainer") -> None:
        """Before the first step, `training.step` being 0 or the step resumed from."""

    def on_step(self, training: "Trainer", step: Step) -> None:
        """After every step."""

    def on_evaluate(self, training: "Trainer", evaluation: Evaluation) -> None:
        """After a validation loss was computed."""

    def before_save(self, training: "Trainer") -> None:
        """Before a checkpoint is written: what must not be older than it goes to the disk."""

    def on_save(self, training: "Trainer", path: Path) -> None:
        """After a checkpoint was written."""

    def on_end(self, training: "Trainer") -> None:
        """After the last step, or the one an interrupt ended; not after an error."""


@dataclass
class Trainer:
    """`model` is the bare module, `forward` the one to call: the same, or wrapped for several processes."""

    model: nn.Module
    forward: nn.Module
    objective: Objective
    config: TrainingConfig
    examples: TrainingExamples
    batch: BatchConfig
    batches: Batches
    steps: int
    accelerator: "Accelerator"
    precision: Precision
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    callbacks: Sequence[Callback]
    step: int = 0
    evaluation: Evaluation | None = None
    is_interrupted: bool = False
    trainable: list[nn.Parameter] = field(default_factory=list)
    carried: dict[int, State] = field(default_factory=dict)  # streams: the state after the last segment
    ahead: Ahead[list[Batch]] | None = None  # where a device computes: the micro-batches of the next step

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed and yet looks like a mistake."""
        return self.config.warnings(self.steps)

    def announce(self, event: str, *what: object) -> None:
        """Call the callbacks of this process."""
        for callback in self.callbacks:
            if callback.runs_everywhere or self.accelerator.is_main_process:
                getattr(callback, event)(self, *what)

    def next_batches(self) -> tuple[int, list[Batch]]:
        """Return the epoch and this process's micro-batches of the current step."""
        epoch, rows = self.batches.at(self.step - 1)
        if self.examples.is_stream and rows[0] == 0:
            self.carried.clear()  # the streams begin anew
        return epoch, list(self.micro_batches(self.step)) if self.ahead is None else self.ahead.at(self.step)

    def micro_batches(self, step: int) -> Iterator[Batch]:
        """Yield this process's micro-batches of a step; how it is split changes nothing drawn.

        Where rows are fewer than processes, one that gets none takes a row without targets: all must
        pass forward and backward equally often.
        """
        (_, rows), epochs = self.batches.at(step - 1), self.batches.epochs_at(step - 1)
        for part, when in zip(self.divide_rows(rows), self.divide_rows(epochs), strict=True):
            if len(part):
                yield self.ready(self.examples.collate(part, self.config.seed, when))
            else:
                batch = self.examples.collate(rows[:1], self.config.seed, epochs[:1])
                yield self.ready(without_targets(batch))

    def close(self) -> None:
        """End what was begun for steps that will not come."""
        if self.ahead is not None:
            self.ahead.close()

    def ready(self, batch: Batch) -> Batch:
        """Return a batch with what the model would wait for its device to know.

        On its way to a GPU it lies in pinned memory, from which nobody waits for a copy.
        """
        batch = ready(batch, getattr(self.model, "edges", ()))
        if self.device.type != "cuda":
            return batch
        return {key: None if part is None else part.pin_memory() for key, part in batch.items()}

    def loss_of_nothing(self) -> Tensor:
        """Return a zero with a gradient of zeros, by way of every parameter; nothing is carried on."""
        _, rows = self.batches.at(self.step)
        batch = self.ready(without_targets(self.examples.collate(rows[:1], self.config.seed, 0)))
        batch = to_device(batch, self.device)
        if not self.examples.is_stream:
            return self.objective(self.forward, batch, 0.0)[0]
        return segment_lm(self.forward, batch, get_initial_state(self.model))[0]

    def parts(self) -> list[Indices]:
        """Return the rows of this process's micro-batches: of streams the same streams at every step."""
        _, rows = self.batches.at(self.step - 1)
        return self.divide_rows(rows)

    def divide_rows(self, of_rows: Indices) -> list[Indices]:
        """Divide what there is for each row of a step into this process's micro-batches."""
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        divide = split_in_order if self.examples.is_stream else split
        return divide(of_rows, rank, world, self.batch.micro_size)

    def loss(self, batch: Batch, number: int) -> Tensor:
        """Return the summed loss of a micro-batch; of streams, after the state of its last segment."""
        smoothing = self.config.label_smoothing
        if not self.examples.is_stream:
            loss, _ = self.objective(self.forward, batch, smoothing)
            return loss
        state = self.carried.get(number)
        if state is None:
            state = get_initial_state(self.model)
        loss, _, self.carried[number] = segment_lm(self.forward, batch, state, smoothing)
        return loss

    def total(self, *figures: float) -> list[float]:
        """Sum figures over processes."""
        if self.accelerator.num_processes == 1:
            return list(figures)
        own = torch.tensor(figures, dtype=torch.float64, device=self.device)
        return self.accelerator.reduce(own, "sum").tolist()


def prepare(
    model: nn.Module,
    examples: TrainingExamples,
    objective: Objective,
    config: TrainingConfig,
    batch: BatchConfig,
    callbacks: Sequence[Callback],
) -> Trainer:
    """Place the model, and make what trains it."""
    accelerator = accelerate()
    if accelerator.distributed_type not in WRAPPED:
        kind = accelerator.distributed_type.value
        hint = "run `accelerate config` and choose multi-GPU or multi-CPU without FSDP, DeepSpeed or Megatron"
        raise SynthError(f"training over `{kind}` is not supported", hint)
    forward = accelerator.prepare_model(model)
    precision = choose_together(config.precision, accelerator)
    if examples.is_stream:
        refuse_stateless(model)
        refuse_few_streams(batch)
    batches = Batches(examples.lengths, batch, config.seed, in_order=examples.is_stream, steps=config.steps)
    training = Trainer(
        model=model,
        forward=forward,
        objective=objective,
        config=config,
        examples=examples,
        batch=batch,
        batches=batches,
        steps=config.steps or sum(batches.steps_per_epoch(epoch) for epoch in range(config.epochs or 0)),
        accelerator=accelerator,
        precision=precision,
        optimizer=build_optimizer(model, config.optimizer),
        scaler=torch.amp.GradScaler(accelerator.device.type, enabled=precision.name == "fp16"),
        callbacks=callbacks,
        trainable=[p for p in model.parameters() if p.requires_grad],
    )
    if training.device.type == "cuda":
        training.ahead = Ahead(lambda step: list(training.micro_batches(step)), training.steps)
    return training


def refuse_stateless(model: nn.Module) -> None:
    """Raise where a model has no state to carry from segment to segment."""
    config = get_config(model)
    if not config.is_recurrent:
        kinds = ", ".join(sorted({f"`{mixer.kind}`" for _, _, mixer in config.mixers()}))
        carried = '`data.layout = "streams"` carries a state of a fixed size from segment to segment'
        message = f"{carried}, and {kinds} has none"
        raise SynthError(message, 'use mixers of kind "sru" or "srupp", or `data.layout = "packed"`')


def refuse_few_streams(batch: BatchConfig) -> None:
    """Raise where one of the launcher's processes would have no stream to read."""
    processes = count_processes()
    if (batch.size or 0) < processes:
        raise SynthError(
            f"`data.batch.size = {batch.size}` streams are too few for {processes} processes, each of which "
            "reads streams of its own",
            "raise `data.batch.size`, or train in fewer processes",
        )


def accelerate() -> "Accelerator":
    """Join the processes of the launcher, on the device that was chosen.

    Number formats and loss scaling are the loop's own. Accelerate keeps the first device of a process for
    good, and has no other way to name another than its state.
    """
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs

    device = current_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)  # or the first GPU holds a context of half a gigabyte for nothing
    is_cpu = count_processes() > 1 and device.type == "cpu"
    accelerator = Accelerator(
        cpu=is_cpu, mixed_precision="no", kwargs_handlers=[DistributedDataParallelKwargs(**WRAPPING)]
    )
    is_known = accelerator.device.type in ("cpu", "cuda")  # `auto` leaves it one of another kind
    if count_processes() == 1 and (is_known or chosen_word() == "cpu"):
        accelerator.state.device = device
    return accelerator


def choose_together(asked: PrecisionName, accelerator: "Accelerator") -> Precision:
    """Return the format of all processes: with `auto` one that the device of each multiplies natively."""
    precision = choose_precision(asked, accelerator.device)
    if asked != "auto" or accelerator.num_processes == 1:
        return precision
    own = torch.tensor([float(precision.name == "bf16")], device=accelerator.device)
    count = int(accelerator.reduce(own, "sum").item())
    if 0 < count < accelerator.num_processes:
        return Precision("fp32", f"fp32, since {count} of {accelerator.num_processes} devices have bf16")
    return precision


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Return a batch on a device."""
    if device.type == "cpu":
        return batch
    return {
        key: value if value is None else value.to(device, non_blocking=True) for key, value in batch.items()
    }


def without_targets(batch: Batch) -> Batch:
    """Return a batch whose loss is a zero with a gradient of zeros."""
    key = "labels" if "labels" in batch else "targets"
    targets = batch[key]
    assert isinstance(targets, Tensor)
    return {**batch, key: torch.full_like(targets, IGNORED)}
