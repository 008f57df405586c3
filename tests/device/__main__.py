"""Print what a step of training would cost a GPU beside its arithmetic: waits and launches, by case.

    python -m tests.device                  # every case, narrow and of two layers
    python -m tests.device --places CASE    # and which line waits, which operations are launched

A launch is an operation of torch on the device, not a kernel: some are several kernels.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from synthcli.training.interrupts import interrupts
from synthcli.training.step import take_step
from synthcli.training.trainer import Trainer
from tests.device.cases import CASES, make, write_corpora
from tests.device.double import Device

STEPS = 3  # the last is counted: the first makes the moments


def count(device: Device, training: Trainer) -> None:
    """Take steps, and leave what the last one cost."""
    with interrupts() as interrupt:
        for _ in range(STEPS):
            device.begin()
            take_step(training, interrupt)
    training.close()


def counts(device: Device) -> tuple[int, int, int]:
    return device.mixed.total(), device.waits.total(), device.launches.total()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--places", metavar="CASE")
    parser.add_argument("--scale", default="smoke")
    parser.add_argument("--layers", type=int, default=2, help="0: those of the scale")
    options = parser.parse_args()
    write = sys.stdout.write
    write(f"{'case':22} {'mixed':>6} {'waits':>6} {'launches':>9}\n")
    with tempfile.TemporaryDirectory() as folder:
        corpora = Path(folder, "corpora")
        os.environ["SYNTH_STORES"] = str(Path(folder, "stores"))
        write_corpora(corpora)
        for name in CASES if options.places is None else [options.places]:
            with Device() as device:
                count(device, make(CASES[name], corpora, options.scale, options.layers or None).training)
            mixed, waits, launches = counts(device)
            write(f"{name:22} {mixed:6} {waits:6} {launches:9}\n")
            for found in (device.mixed, device.waits, device.launches) if options.places else ():
                sys.stdout.writelines(f"  {number:6} {what}\n" for what, number in found.most_common())


if __name__ == "__main__":
    main()
