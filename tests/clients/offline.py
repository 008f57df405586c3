"""Settings of the process that clients run in: no hub, no trackers, folders of its own. Imported first."""

import os
import tempfile

HOME = tempfile.mkdtemp(prefix="synth-clients-")

os.environ |= {
    "HF_HOME": HOME,
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRACKIO_DIR": HOME,
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "WANDB_DISABLED": "true",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "CUDA_VISIBLE_DEVICES": "",
}
