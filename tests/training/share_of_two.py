"""One process of a training over two: started by `test_processes.py` with torchrun's variables."""

import sys
from pathlib import Path

from safetensors.torch import save_file

from synthcli.training import precision
from synthcli.training.trainer import Callback
from tests.training.toys import HiddenText, toy_batch, toy_callbacks, toy_config, toy_model, toy_train

BATCHES = {
    "uneven": {"size": 7, "micro_size": 2},
    "one row, and none for the second process": {"size": 1, "micro_size": None},
}


class Watch(Callback):
    """Keeps what must not depend on the number of processes: every gradient and every loss."""

    runs_everywhere = True

    def __init__(self) -> None:
        self.seen = {}

    def on_start(self, training) -> None:
        if training.accelerator.num_processes > 1:  # nothing is sent that does not change, or copied twice
            assert not training.forward.broadcast_buffers and training.forward.gradient_as_bucket_view
        training.optimizer.register_step_pre_hook(lambda *_: self.note(training))

    def note(self, training) -> None:
        for name, p in training.model.named_parameters():
            self.seen[f"{training.step}/{name}"] = p.grad.clone()


def watched_training(batch: dict[str, int | None], folder: Path) -> Watch:
    """Train three steps in float64 on text of which tokens are hidden.

    Dropout is off: its masks are each process's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    watch = Watch()
    config = toy_config(steps=3, log_every=1, save_every=2, evaluate_every=2)
    model = toy_model(dropout=0.0).double()
    callbacks = [watch, *toy_callbacks(folder, HiddenText)]
    toy_train(model, config, examples=HiddenText(), callbacks=callbacks, batch=toy_batch(**batch))
    return watch


if __name__ == "__main__":
    for name, batch in BATCHES.items():
        folder = Path(sys.argv[1]) / name
        watch = watched_training(batch, folder / "run")
        save_file(watch.seen, folder / f"gradients-of-{sys.argv[2]}.safetensors")
    precision.has_bf16 = lambda device: sys.argv[2] == "0"  # the device of the first alone
    outcome = toy_train(toy_model(), toy_config(steps=1, precision="auto"))
    Path(sys.argv[1], f"precision-{sys.argv[2]}").write_text(outcome.precision)
