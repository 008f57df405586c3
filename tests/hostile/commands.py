"""Every command as it is meant, the options it takes, and the files it reads."""

from dataclasses import dataclass, field

LONG = "9" * 4_000
NUMBERS = (
    "-1",
    "0",
    "1e400",
    "nan",
    "-inf",
    "inf",
    LONG,
    str(2**63),
    str(10**30),
    "",
    " ",
    "\u00b2",
    "1_0",
    "\x1b[2J",
)
NAMES = (
    "",
    " ",
    "[red]",
    "[/]",
    "\x1b]0;x\x07",
    "a\rb",
    "../x",
    "x" * 5_000,
    "\udcff",
    "/dev/zero",
    "a\nhint: b",
    "-",
)
PATHS = (
    *NAMES,
    "/dev/null",
    "/proc/self/mem",
    "words",
    "teacher.toml",
    "/",
    "nowhere/x",
    "pipe",
    "loop",
    "odd",
)
SETTINGS = (
    "training.seed=-1",
    f"training.seed={2**63}",
    f"training.seed={LONG}",
    "training.steps=0",
    f"training.steps={10**30}",
    "model.d_model=1000000000",
    "model.encoder.layers=100000000",
    "data.tokenizer.vocab_size=1000000000000",
    "data.batch.size=0",
    "data.source=/dev/zero",
    "data.source=pipe",
    "title=\x1b[2J",
    f"{'a.' * 3_000}b=1",
    "training.schedule.peak=nan",
    "training.schedule.peak=inf",
    "evaluation.beam=1000000",
    "a=" + "[" * 100_000,
    "=",
    "training={}",
    "training.precision=[red]",
)
KINDS = {"number": NUMBERS, "name": NAMES, "path": PATHS, "setting": SETTINGS}


@dataclass(frozen=True)
class Command:
    """`words` end well; `options` name the kind of their values, `read` patterns of the files it reads."""

    words: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)
    read: tuple[str, ...] = ()
    places: dict[int, str] = field(default_factory=dict)  # of words that are no options, and their kind
    is_long: bool = False  # whether `words` as they are take more than seconds
    removes: str = ""  # a pattern of what may go


def options(numbers: str = "", names: str = "", paths: str = "", settings: str = "") -> dict[str, str]:
    kinds = {"number": numbers, "name": names, "path": paths, "setting": settings}
    return {f"--{option}": kind for kind, text in kinds.items() for option in text.split()}


RUN = (
    "runs/teacher/*/*.*",
    "runs/teacher/*/checkpoints/step-*/*",
    "runs/teacher/*/checkpoints/step-*/training/*",
)
WRITER = ("runs/writer/*/*.*", "runs/writer/*/checkpoints/step-*/*")
STUDENT = ("runs/teacher-merge*/*/results/*", "runs/teacher-merge*/*/checkpoints/step-*/*", *RUN)
STORE = ("stores/text.*/*", "stores/text.*/*/*")
QUICK = ("--limit", "24")

COMMANDS: dict[str, Command] = {
    "prepare-corpus": Command(
        ("prepare-corpus", "text", "--source", "words", "--tokenizer", "bytes", "--workers", "1"),
        options("vocab-size workers", "tokenizer", "source tokenizer-files stores"),
        ("words/*", *STORE),
        {1: "name"},
    ),
    "prepare-corpus csv": Command(
        ("prepare-corpus", "csv", "--source", "rows.csv", "--tokenizer", "bytes", "--workers", "1"),
        options("vocab-size", "engine"),
        ("rows.csv",),
    ),
    "corpora ls": Command(("corpora", "ls")),
    "corpora show": Command(("corpora", "show", "multi30k"), {}, (), {2: "name"}),
    "corpora fetch": Command(("corpora", "fetch", "copy"), options(paths="to"), (), {2: "name"}),
    "corpora pack": Command(
        ("corpora", "pack", "text", "--source", "words", "-o", "out.tar"),
        options(paths="source output"),
        ("words/*",),
        {2: "path"},
    ),
    "corpora unpack": Command(
        ("corpora", "unpack", "words.tar.gz", "--to", "out"),
        options(paths="to"),
        ("words.tar.gz",),
        {2: "path"},
    ),
    "tokenizer train": Command(
        ("tokenizer", "train", "--kind", "wordpiece", "--vocab-size", "60", "words/train.txt", "-o", "out"),
        options("vocab-size least-count", "kind corpus", "source output"),
        ("words/train.txt",),
        {6: "path"},
    ),
    "tokenizer inspect": Command(
        ("tokenizer", "inspect", "pieces", "--text", "the word"),
        options(names="text"),
        ("pieces/*",),
        {2: "path"},
    ),
    "tokenizer inspect hf": Command(("tokenizer", "inspect", "gpt2", "--text", "film"), {}, ("gpt2/*",)),
    "quality": Command(("quality", "STORE"), options(paths="picture"), STORE, {1: "path"}),
    "train": Command(
        ("train", "teacher.toml", "--config", "small.toml"),
        options("seed processes", "scale name track", "config source", "set"),
        ("teacher.toml", "small.toml", "words/*", *STORE),
        {1: "path"},
    ),
    "runs ls": Command(("runs", "ls", "teacher"), {}, RUN[:1], {2: "name"}),
    "runs show": Command(("runs", "show", "teacher"), {}, RUN, {2: "path"}),
    "runs plot": Command(
        ("runs", "plot", "teacher", "-o", "out.png"), options(paths="output"), RUN[:1], {2: "path"}
    ),
    "runs results": Command(
        ("runs", "results", "teacher", "--as", "ada/model", "-o", "out"),
        options(paths="output"),
        RUN,
        {2: "path"},
    ),
    "runs rm": Command(("runs", "rm", "teacher"), {}, RUN, {2: "path"}),  # nobody can be asked: nothing goes
    "runs rm --yes": Command(
        ("runs", "rm", "teacher", "--yes"), {}, RUN, {2: "path"}, removes="runs/teacher/*"
    ),
    "stores ls": Command(("stores", "ls"), {}, STORE),
    "stores rm": Command(("stores", "rm", "STORE", "--yes"), {}, STORE, {2: "path"}, removes="stores/text.*"),
    "train resume": Command(
        ("train", "--resume", "halted"),
        options("seed", "scale", settings="set"),
        tuple(pattern.replace("teacher", "halted") for pattern in RUN),
        {2: "path"},
    ),
    "finetune": Command(
        ("finetune", "teacher", "--corpus", "text", "--source", "words", "--set", "training.steps=2"),
        options(names="corpus task preset scale freeze name track", paths="source", settings="set"),
        (*RUN, "words/*"),
        {1: "path"},
    ),
    "plan": Command(
        ("plan", "teacher.toml"), options("", "scale", "config", "set"), ("teacher.toml",), {1: "path"}
    ),
    "check": Command(
        ("check", "teacher.toml"),
        options("", "scale", "config", "set"),
        ("teacher.toml",),
        {1: "path"},
        is_long=True,
    ),
    "presets ls": Command(("presets", "ls", "--names"), options(names="paper")),
    "presets show": Command(
        ("presets", "show", "teacher.toml"),
        options("", "scale", "config", "set"),
        ("teacher.toml",),
        {2: "path"},
    ),
    "presets cp": Command(
        ("presets", "cp", "teacher.toml", "-o", "out.toml"), options(paths="output"), (), {2: "path"}
    ),
    "presets validate": Command(("presets", "validate", "teacher.toml"), {}, ("teacher.toml",), {2: "path"}),
    "presets schema": Command(("presets", "schema"), {}),
    "eval perplexity": Command(
        ("eval", "perplexity", "teacher", "--limit", "4"),
        options("limit batch-size beam", "corpus split teacher", "source picture"),
        (*RUN, *STORE),
        {1: "name", 2: "path"},
    ),
    "eval bleu": Command(
        ("eval", "bleu", "writer", "--limit", "2"), options("limit batch-size beam"), WRITER, {2: "path"}
    ),
    "eval --from": Command(
        ("eval", "bleu", "--from", "written.jsonl"),
        options("limit", "rouge-tokenizer"),
        ("written.jsonl",),
        {1: "name", 3: "path"},
    ),
    "eval teacher-agreement": Command(
        ("eval", "teacher-agreement", "teacher-merge-1-2", "--limit", "8"),
        options("limit", "teacher reference corpus split", "source picture"),
        STUDENT,
        {2: "path"},
    ),
    "score": Command(
        ("score", "written.jsonl", "--task", "translation", "--tokenised"),
        options(names="task protocol language separator positive", paths="references rouge-data"),
        ("written.jsonl",),
        {1: "path"},
    ),
    "score language-model": Command(
        ("score", "--task", "language-model", "--nats", "90", "--tokens", "30"),
        options("nats tokens words bytes ends", "log-base", "text"),
    ),
    "generate": Command(
        ("generate", "writer", "--prompt", "abc1"),
        options("beam length-penalty max-length temperature top-k top-p seed batch-size", "prompt"),
        WRITER,
        {1: "path"},
    ),
    "generate lm": Command(
        ("generate", "lm", "--prompt", "the film", "--max-length", "3"),
        options("beam max-length temperature top-k top-p seed"),
        ("lm/*",),
    ),
    "reproduce": Command(
        ("reproduce", "--scale", "hour", "--data", "words"),
        options("jobs", "scale", "data output", "set"),
        (),
        is_long=True,
    ),
    "compare": Command(
        ("compare", "teacher.toml", "b=teacher.toml: training.seed=3", "--plan"),
        options("seeds jobs margin fail-if-worse", "scale metric", "records output", "set ladder"),
        ("teacher.toml",),
    ),
    "compare --tune": Command(
        (
            "compare",
            "teacher.toml",
            "b=teacher.toml: training.seed=3",
            "--tune",
            "training.clip=0..1",
            "--plan",
        ),
        options("trials seeds", "tune scale", "records output", "set"),
        ("teacher.toml",),
    ),
    "claims ls": Command(
        ("claims", "ls", "claims.toml"), options(names="family kind"), ("claims.toml",), {2: "name"}
    ),
    "claims show": Command(("claims", "show", "srupp/readme-enwik8-base"), {}, (), {2: "name"}),
    "claims run": Command(
        ("claims", "run", "claims.toml", "--plan"),
        options("seed jobs budget", "scale family", "data records output"),
        ("claims.toml", "teacher.toml"),
    ),
    "claims report": Command(
        ("claims", "report", "claims.toml"), options("seed", "family", "records output"), ("claims.toml",)
    ),
    "tune": Command(
        ("tune", "teacher.toml", "--over", "training.clip=0..1", "--plan"),
        options("trials jobs", "over scale", "records output", "set"),
        ("teacher.toml",),
    ),
    "probe": Command(
        ("probe", "teacher", *QUICK, "--replacement", "none", "--layers", "0"),
        options("limit max-length", "layers replacement corpus cache-limit", "source cache output"),
        (*RUN, *STORE),
        {1: "path"},
    ),
    "distill-block": Command(
        ("distill-block", "--block", "2", "--teacher", "teacher", "--steps", "2", *QUICK),
        options(
            "heads d-k relation-heads steps lr batch-size limit max-length seed",
            "block mixer criterion start conditioned preset scale corpus cache-limit name",
            "teacher source",
        ),
        RUN,
    ),
    "merge-layers": Command(
        ("merge-layers", "1", "2", "--teacher", "teacher", "--closed-form-only", *QUICK),
        options(
            "heads d-head d-ff steps lr batch-size limit max-length seed",
            "init preset corpus name",
            "teacher source",
        ),
        RUN,
        {1: "number"},
    ),
    "heal": Command(
        ("heal", "teacher-merge-1-2", "--steps", "2"),
        options(
            "steps lr batch-size hidden temperature max-length seed",
            "train-only preset corpus name track",
            "teacher source",
        ),
        STUDENT,
        {1: "path"},
    ),
    "export": Command(
        ("export", "writer", "--to", "safetensors", "-o", "out"),
        options("opset", "to benchmark", "output"),
        WRITER,
        {1: "path"},
        is_long=True,
    ),
    "import": Command(
        ("import", "bert", "-o", "out"),
        options("", "from heads option", "output base tokenizer"),
        ("bert/*",),
        {1: "path"},
    ),
    "import srupp": Command(
        ("import", "original", "--from", "srupp", "--heads", "1", "-o", "out"),
        options(names="heads option"),
        ("original/*",),
    ),
    "push": Command(
        ("push", "exported", "--to", "me/x", "--dry-run"), options(names="to"), ("exported/*",), {1: "path"}
    ),
    "kernels build": Command(("kernels", "build"), options(names="mode architectures"), is_long=True),
    "kernels status": Command(("kernels", "status")),
    "kernels test": Command(("kernels", "test"), is_long=True),
    "doctor": Command(("doctor",)),
}

VARIABLES: tuple[dict[str, str], ...] = (
    {"RANK": "1"},
    {"RANK": "abc"},
    {"WORLD_SIZE": "8"},
    {"WORLD_SIZE": "-1"},
    {"WORLD_SIZE": LONG, "RANK": "0"},
    {"LOCAL_RANK": "\x1b[2J"},
    {"COLUMNS": "\u00b2", "LINES": "\u00b2"},
    {"COLUMNS": "0"},
    {"COLUMNS": LONG},
    {"TERM": "\x1b[2J"},
    {"NO_COLOR": "", "FORCE_COLOR": "x"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"SYNTH_RUNS": "/dev/null"},
    {"SYNTH_RUNS": "teacher.toml"},
    {"SYNTH_STORES": "/dev/null"},
    {"SYNTH_STORES": "pipe"},
    {"SYNTH_DATA": "/proc/self/mem"},
    {"SYNTH_KERNELS": "\x1b[2J"},
    {"SYNTH_KERNELS_DIR": "teacher.toml"},
    {"HOME": "/dev/null"},
    {"TMPDIR": "/nowhere"},
    {"OMP_NUM_THREADS": "-1"},
)
