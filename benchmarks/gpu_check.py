"""Build the native kernels, check them on this machine's GPU, and time them: one command, under 9 minutes.

    make gpu-check        (python benchmarks/gpu_check.py)

Writes benchmarks/results/<gpu>.json. Exit code 0: all checks passed; 1: one failed, or the build; 2: no CUDA
device, or a library is missing. `--device cpu` rehearses it on a processor, small, and writes nothing.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
WHEELS = ROOT / "wheels"
COPIED = {"cuda": 1 << 30, "cpu": 1 << 24}  # bytes, to measure bandwidth

sys.path.insert(0, str(ROOT))


def refuse(message: str) -> int:
    print(f"gpu-check: {message}", file=sys.stderr)
    return 2


def build(target: Path, device: str) -> dict[str, Any]:
    """Build the libraries into a folder and have them used, and nothing else."""
    from synthcli.kernels import builder

    os.environ["SYNTH_KERNELS_DIR"] = str(target)
    os.environ["SYNTH_KERNELS"] = "native"
    began = time.monotonic()
    report = builder.build(target, mode="require" if device == "cuda" else "cpu")
    told = ("status", "version", "reason", "targets")
    parts = {kind: {name: getattr(part, name) for name in told} for kind, part in report.parts.items()}
    return {**parts, "seconds": round(time.monotonic() - began, 1)}


def show(row: dict[str, Any]) -> None:
    print("  " + "  ".join(f"{key}: {value}" for key, value in row.items()), flush=True)


def measure(kind: str, record: dict[str, Any]) -> None:
    """Run the checks and the timings; every result goes into the record as soon as it is known."""
    import torch

    from benchmarks.gpu import checks, clock, kernel_times, model_times

    device = torch.device(kind, torch.cuda.current_device()) if kind == "cuda" else torch.device(kind)
    for result in checks.run_all(device):
        record["checks"].append(result)
        show(result)
    if kind == "cuda" and record["checks"][0]["result"] != "passed":
        return  # nothing to time
    bandwidth = clock.copy_bandwidth(device, COPIED[kind])
    record["copy_gigabytes_per_second"] = round(bandwidth / 1e9, 1)
    shapes = kernel_times.SHAPES if kind == "cuda" else kernel_times.QUICK_SHAPES
    for row in kernel_times.rows(device, bandwidth, shapes):
        record["kernels"].append(row)
        show(row)
    scale = "paper" if kind == "cuda" else "smoke"
    size = (model_times.BATCH, model_times.LENGTH) if kind == "cuda" else model_times.QUICK
    record["layer"] = model_times.layer(device, scale, *size)
    show(record["layer"])
    for name in model_times.PRESETS:
        record["steps"].append(model_times.training_step(name, scale, device, *size))
        show(record["steps"][-1])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    options = parser.parse_args()
    from benchmarks.gpu import needs

    if (todo := needs.install_from(WHEELS)) is not None:
        return refuse(todo)
    import torch

    from benchmarks.gpu import machine
    from synthcli.errors import SynthError

    if options.device == "cuda" and not torch.cuda.is_available():
        return refuse(
            "torch sees no CUDA device; run this on a machine that has one (`--device cpu` is a rehearsal)"
        )
    began = time.monotonic()
    record: dict[str, Any] = {
        **machine.describe(torch.device(options.device)),
        "checks": [],
        "kernels": [],
        "steps": [],
    }
    show({key: value for key, value in record.items() if value not in ([], None)})
    problem = None
    try:
        record["build"] = build(ROOT / "build" / "gpu-check", options.device)
        show(record["build"])
        measure(options.device, record)
    except SynthError as error:
        problem = str(error)
    except Exception as error:  # what was measured is kept, and the failure with it
        problem = f"{type(error).__name__}: {error}"
    if problem is not None:
        record["problem"] = problem
        print(f"gpu-check: {problem}", file=sys.stderr)
    failed = [check["check"] for check in record["checks"] if check["result"] == "failed"]
    record["passed"] = problem is None and not failed
    record["seconds"] = round(time.monotonic() - began, 1)
    if options.device == "cuda":
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{machine.slug(record['device'])}.json"
        path.write_text(json.dumps(record, indent=2) + "\n")
        print(f"wrote {path.relative_to(ROOT)}")
    verdict = "passed" if record["passed"] else f"FAILED: {', '.join(failed or ['see above'])}"
    print(f"{verdict}, {record['seconds']} s")
    return 0 if record["passed"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
