"""One process of three: trains whole, and again in two sessions. Started by `test_processes.py`.

Sums of two terms have one order; of three they have several, and a resumed training has to keep to one.
"""

import sys
from pathlib import Path

import torch

from synthcli.training.checkpoints import newest_checkpoint
from synthcli.training.events import Step
from synthcli.training.trainer import Callback, Trainer
from tests.training.toys import LONGEST, toy_batch, toy_callbacks, toy_config, toy_model, toy_train

ENDS = 4  # the step after which the first session ends


class Stop(Callback):
    runs_everywhere = True

    def on_step(self, training: Trainer, step: Step) -> None:
        training.is_interrupted = step.step == ENDS


def train_once(folder: Path, *more: Callback) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model = toy_model(d_model=64, d_ff=256, decoder={"layers": 3, "max_length": LONGEST})
    config = toy_config(steps=8, save_every=ENDS, evaluate_every=4)
    resume = newest_checkpoint(folder / "checkpoints")
    callbacks = [*toy_callbacks(folder), *more]
    toy_train(model, config, callbacks=callbacks, batch=toy_batch(size=12, micro_size=2), resume=resume)
    torch.distributed.barrier()  # the first has written what all begin with


if __name__ == "__main__":
    place = Path(sys.argv[1])
    train_once(place / "whole")
    train_once(place / "cut", Stop())
    train_once(place / "cut")
