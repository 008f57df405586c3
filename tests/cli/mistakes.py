"""Plausible mistakes: what is typed, the message, and the hint; `…` at its end stands for what follows.

They are made in a folder with runs `tiny` (seq2seq), `lm` (causal-lm), `classifier` (classification),
`teacher` (masked-lm) and `teacher-merge-0-1`, a student; `exported` is a model outside runs. `{tiny}` is a
run's path, `{here}` the folder's.
"""

NO_PRESET = "list them with `synth presets ls`"
HELP = "`synth {} --help` says what there is"
SHOW = "`synth presets show {}` prints every key of a preset, its value and where it comes from"
RUNS = "known: `classifier`, `lm`, `teacher`, `teacher-merge-0-1`, `tiny`"
FOLDER = "name a run, its `checkpoints` folder or a `step-…` folder in it"
NO_MEANING = "leave it out"

TRAIN = [
    ("train", "no preset is named", "list them with `synth presets ls`, or resume with `--resume`"),
    ("train wmt14-dens", "no preset is called `wmt14-dens`", "did you mean `wmt14-dense`?"),
    (
        "train wmt14-dense wmt14-dens --scale smoke",  # nothing is trained
        "no preset is called `wmt14-dens`",
        "did you mean `wmt14-dense`?",
    ),
    ("train wmt14", "`wmt14` is a family of presets, not a preset", "did you mean `wmt14-dense`?"),
    ("train tiny", "no preset is called `tiny`", "did you mean `tiny.toml`?"),
    ("train words", "no preset is called `words`", NO_PRESET),
    (
        "train nowhere.toml",
        "no preset file `nowhere.toml`",
        "give the path of a TOML file, or the name of a preset",
    ),
    ("train wmt14-dense --scale smok", "`wmt14-dense` has no scale `smok`", "did you mean `smoke`?"),
    (
        "train tiny.toml --set model.d_modle=3",
        "preset `tiny.toml`: `model.d_modle` (from --set) is no key; did you mean `d_model`?",
        SHOW.format("tiny.toml"),
    ),
    (
        "train tiny.toml --set training.steps=many",
        'preset `tiny.toml`: `training.steps` = "many" (from --set), allowed: a whole number > 0',
        SHOW.format("tiny.toml"),
    ),
    (
        "train tiny.toml --set model.mixer.heads=3",
        "preset `tiny.toml`: `model`: layer 0 of the encoder: `heads = 3` does not divide `d_model = 16`",
        SHOW.format("NAME"),
    ),
    (
        "train tiny.toml --set training.steps",
        "`--set training.steps` names no key and value",
        "write `--set key.path=value`, for example `--set training.seed=3`",
    ),
    (
        "train tiny.toml --steps 3",
        "no such option: --steps",
        "`--set KEY=VALUE`, such as `--set training.steps=100`, sets any key; " + HELP.format("train"),
    ),
    ("train tiny.toml --sed 3", "no such option: --sed", "did you mean `--seed`?…"),
    (
        "train lm.toml --set data.corpus=reverse",
        (
            'preset `lm.toml`: `data.corpus` = "reverse" (from --set) holds pairs, which '
            '`data.layout = "packed"` cannot join to one text, allowed: `rows`'
        ),
        SHOW.format("lm.toml"),
    ),
    (
        "train tiny.toml --source words",
        "`reverse` is built in and reads no folder",
        "leave `--source` out",
    ),
    ("train lm.toml --source nowhere", "the source `nowhere` does not exist", "expected a text file…"),
    (
        "train wmt14-dense --config nowhere.toml",
        "cannot read `nowhere.toml`: no such file or directory",
        "check the path",
    ),
    (
        "train --resume wmt14-dense",
        "no run of `wmt14-dense` is there to go on with",
        "`synth train wmt14-dense` begins one",
    ),
    ("train --resume nowhere", "unknown run `nowhere`", RUNS),
    (
        "train --resume teacher-merge-0-1",
        (
            "run `runs/teacher-merge-0-1/{student}` is one of `synth merge-layers`, "
            "and `synth train --resume` continues none of those"
        ),
        "it is complete: `synth heal runs/teacher-merge-0-1/{student}` trains it on towards its teacher",
    ),
    ("plan nowhere", "no preset is called `nowhere`", NO_PRESET),
    (
        "plan tiny.toml --scale x",
        "`tiny.toml` has no scale `x`",
        "known: `day`, `hour`, `paper`, `smoke`",
    ),
    ("check", "missing argument 'PRESET'", HELP.format("check")),
    ("presets sho wmt14-dense", "no such command 'sho'", "did you mean `show`? " + HELP.format("presets")),
    ("presets show wmt14-dens", "no preset is called `wmt14-dens`", "did you mean `wmt14-dense`?"),
    (
        "presets cp wmt14-dense -o tiny.toml",
        "`tiny.toml` exists already",
        "choose another file with `-o FILE`",
    ),
]
FINETUNE = [
    ("finetune tiny", "missing option '--corpus'", HELP.format("finetune")),
    ("finetune nowhere --corpus copy", "unknown checkpoint `nowhere`", RUNS),
    ("finetune tin --corpus copy", "unknown checkpoint `tin`", "did you mean `tiny`?"),
    ("finetune tiny --corpus cop", "unknown corpus `cop`", "did you mean `copy`?"),
    (
        "finetune tiny --corpus copy --task classificatio",
        "unknown task `classificatio`",
        "tasks: `causal-lm`, `masked-lm`, `seq2seq`, `classification`",
    ),
    (
        "finetune classifier --corpus reverse",
        "a `classification` model has no encoder, which `seq2seq` needs",
        "it can become: `causal-lm`, `classification`",
    ),
    (
        "finetune tiny --corpus reverse --freeze encode",
        "the model has no part `encode` to freeze",
        "did you mean `encoder`?",
    ),
    (
        "finetune tiny --corpus copy --set model.d_model=8",
        "`--set model.d_model=8` would change the model of the checkpoint",
        "train a new one with `synth train`",
    ),
    (
        "finetune exported --corpus copy",
        "checkpoint `{here}/exported` belongs to no run whose training settings could be used",
        "name a preset for them: `--preset wmt14-vanilla --scale hour`",
    ),
    (
        "finetune tiny --corpus copy --scale hour",
        "`--scale` is one of a preset's, and no preset is called `tiny`, as run `{tiny}` is",
        "name the preset whose settings to take: `--preset FILE`",
    ),
    (
        "finetune tiny lm --corpus copy",
        "got unexpected extra argument(s) (lm)",
        HELP.format("finetune"),
    ),
]
EVALUATE = [
    ("eval", "missing argument 'METRIC'", HELP.format("eval")),
    ("evaluate", "no such command 'evaluate'", "did you mean `eval`? `synth --help` says what there is"),
    ("eval blue", "unknown metric `blue`", "did you mean `bleu`?"),
    ("eval bleu lm", "`bleu` does not fit a model of task `causal-lm`", "metrics that fit: `perplexity`"),
    (
        "eval perplexity classifier",
        "`perplexity` does not fit a model of task `classification`",
        "metrics that fit: `accuracy`, `f1`, `matthews`, `correlation`",
    ),
    (
        "eval correlation classifier",
        "`correlation` compares scores, and this model predicts classes",
        "`accuracy` is what fits it",
    ),
    ("eval bleu --split tests", "unknown split `tests`", "did you mean `test`?"),
    (
        "eval bleu tiny/step-3",
        "run `runs/tiny/{run}` has no checkpoint `step-3`",
        "did you mean `step-00000003`?",
    ),
    (
        "eval bleu runs",
        "`{here}/runs` is not a checkpoint: it has no `manifest.json`",
        FOLDER,
    ),
    (
        "eval bleu tiny.toml",
        "`tiny.toml` is a file, and a checkpoint is a folder",
        "`synth train tiny.toml` makes a run with one",
    ),
    (
        "eval bleu exported/model.safetensors",
        "`exported/model.safetensors` is a file, and a checkpoint is a folder",
        "name its folder, `exported`",
    ),
    (
        "eval bleu words",
        "`{here}/words` is not a checkpoint: it has no `manifest.json`",
        FOLDER,
    ),
    (
        "eval bleu exported",
        "checkpoint `{here}/exported` belongs to no run that names its corpus",
        "name one: `--corpus NAME`",
    ),
    (
        "eval bleu tiny --corpus imdb",
        "`imdb` holds labelled, and `seq2seq` needs pairs",
        "it serves `classification`; `synth corpora` lists the others",
    ),
    (
        "eval bleu tiny --limit 0",
        "invalid value for '--limit': Input should be greater than or equal to 1",
        HELP.format("eval"),
    ),
    ("eval bleu tiny --bean 2", "no such option: --bean", "did you mean `--beam`? " + HELP.format("eval")),
    (
        "eval rouge tiny --rouge-tokenizer unicod",
        "`--rouge-tokenizer unicod` is unknown",
        "did you mean `unicode`?",
    ),
    ("eval bleu tiny --teacher teacher", "`--teacher` has no meaning for `bleu`", NO_MEANING),
    (
        "eval perplexity lm --save-outputs",
        "`--save-outputs` has no meaning for `perplexity` of a `causal-lm` model: no texts are written",
        NO_MEANING,
    ),
    (
        "eval teacher-agreement teacher",
        "checkpoint `{teacher}/checkpoints/step-00000002` does not say whose student it is",
        "name its teacher: `--teacher RUN`",
    ),
    (
        "eval teacher-agreement tiny --teacher teacher",
        (
            "checkpoint `{tiny}/checkpoints/step-00000006` is for `seq2seq`, teacher "
            "`{teacher}/checkpoints/step-00000002` for `masked-lm`"
        ),
        "both have to be for the same of `masked-lm`, `causal-lm`",
    ),
    (
        "generate classifier --prompt a",
        "a model of task `classification` does not write",
        "evaluate it with `synth eval accuracy`",
    ),
    (
        "generate tiny --prompt abcdefghijklmnopqrstuvwxyz",
        "prompt 1 of 26 tokens leaves no room in 16 positions",
        "shorten the prompt",
    ),
    (
        "generate teacher --prompt hello",
        "prompt 1 hides nothing, and a masked-lm guesses what is hidden",
        "write `[MASK]` where a word is to be guessed; only causal-lm and seq2seq go on writing",
    ),
    (
        "generate tiny --prompt abc --beam 2 --temperature 1",
        "`--beam` searches, and `--temperature` draws",
        "leave one out",
    ),
    ("reproduce --scale smok", "there is no scale `smok`", "did you mean `smoke`?"),
]
DATA = [
    ("prepare-corpus", "missing argument 'NAME...'", HELP.format("prepare-corpus")),
    ("prepare-corpus multi30", "unknown corpus `multi30`", "did you mean `multi30k`?"),
    (
        "prepare-corpus multi30k --source words",
        (
            "`words` lacks `train.en`, `train.de`, `val.en`, `val.de`, `test_2016_flickr.en` and "
            "`test_2016_flickr.de` of `multi30k`"
        ),
        "expected `train`, `val` and `test_2016_flickr`, each as `.en` and `.de`…",
    ),
    ("prepare-corpus reverse --tokenizer gpt", "unknown tokenizer `gpt`", "did you mean `gpt2`?"),
    ("quality nowhere", "there is no store `nowhere`", "`synth prepare-corpus NAME` makes one"),
    ("corpora show multi30", "unknown corpus `multi30`", "did you mean `multi30k`?"),
    (
        "corpora fetch reverse",
        "`reverse` is built in: there is nothing to fetch",
        "`synth prepare-corpus reverse`",
    ),
    (
        "tokenizer train nowhere.txt -o tok",
        "the text file `nowhere.txt` does not exist",
        "name files of text, plain or .gz",
    ),
]
COMPRESS = [
    ("probe nowhere", "unknown teacher `nowhere`", RUNS + ", or a folder"),
    (
        "distill-block",
        "no block is named",
        "name one, `--block 6`, or `--block all`, or give `--preset NAME`",
    ),
    ("distil-block --block 6", "no such command 'distil-block'", "did you mean `distill-block`?…"),
    (
        "distill-block --block 9 --teacher teacher",
        "there is no block 9: the model has 4 layers",
        "blocks count from 0, allowed: 0 to 3",
    ),
    (
        "distill-block --block x --teacher teacher",
        "`--block x` is neither a layer nor `all`",
        "layers are counted from 0: `--block 2`",
    ),
    (
        "distill-block --block 0 --teacher teacher --mixer dens",
        "unknown mixer `dens`",
        "did you mean `dense`?",
    ),
    (
        "distill-block --block 0 --teacher teacher --corpus reverse",
        "`reverse` holds pairs, and a teacher reads text",
        "name one of text, `--corpus wikitext-2 --source DIR`; `synth corpora` lists them",
    ),
    (
        "merge-layers",
        "no layers are named",
        "name neighbours, `synth merge-layers 6 7`, or give `--all-pairs`",
    ),
    (
        "merge-layers 0 2 --teacher teacher",
        "`compress`: layers `0 2` are not neighbours in rising order, 2 to a group, such as `0 1`",
        "`synth merge-layers --help` explains the options, `docs/compress.md` the settings",
    ),
    (
        "merge-layers 3 4 --teacher teacher",
        "there is no block 4: the model has 4 layers",
        "blocks count from 0, allowed: 0 to 3",
    ),
    (
        "heal teacher",
        "checkpoint `{teacher}/checkpoints/step-00000002` does not say whose student it is",
        "name its teacher: `--teacher RUN`",
    ),
    ("heal --resume", "no run is being healed", "`synth heal CHECKPOINT` begins one"),
    (
        "heal teacher-merge-0-1 --teacher tiny",
        "teacher `{tiny}/checkpoints/step-00000006` is a `seq2seq` model",
        "teachers are for `masked-lm`, `causal-lm`, `classification`",
    ),
    (
        "heal teacher-merge-0-1 --scale smoke",
        "`--scale` belongs to a preset, and none is named",
        "give `--preset NAME`",
    ),
]
AWAY = [
    ("export tiny", "missing option '--to'", HELP.format("export")),
    ("export tiny --to pytorch", "unknown format `pytorch`", "did you mean `torch`?"),
    (
        "export tiny --to safetensors -o exported",
        "`exported` exists",
        "name another folder with `-o`, or replace it with `--force`",
    ),
    (
        "export tiny --to hf -o tiny.toml",
        "`tiny.toml` exists and is no folder",
        "name another with `-o`",
    ),
    (
        "export tiny --to onnx --benchmark bleu=a/b:c",
        "`--benchmark` writes what the hub reads, and `--to onnx` is not for it",
        "leave it out",
    ),
    ("import --from hf nowhere", "there is nothing at `nowhere`", "name a file of weights, or a folder"),
    (
        "import --from hf words",
        "`words` holds no `config.json`",
        "a model folder holds `config.json` and `model.safetensors`",
    ),
    (
        "push words --to a/b --dry-run",
        "`words` has no model card `README.md`",
        "`synth export CHECKPOINT --to hf` writes a folder with all it needs",
    ),
    (
        "push tiny --to a/b --dry-run",
        "there is no folder `tiny`",
        "`synth export CHECKPOINT --to hf` makes one",
    ),
    ("kernels tes", "no such command 'tes'", "did you mean `test`? " + HELP.format("kernels")),
    ("runs show nowhere", "unknown run `nowhere`", RUNS),
    (
        "runs results --as tiny",
        "`--as tiny` is not a name on the hub",
        "`--as OWNER/NAME`, letters, digits, `-_.`",
    ),
]

DEVICES = "`auto`, `cpu`, `cuda`, or one GPU by its number: `cuda:0`"
DEVICE = [
    *(
        (f"{words} --device gpu", "`--device gpu` is no device", DEVICES)
        for words in (
            "train tiny.toml",
            "finetune tiny --corpus copy",
            "eval bleu tiny",
            "eval teacher-agreement",
            "generate tiny --prompt a",
            "probe teacher",
            "distill-block --block 0",
            "merge-layers 0 1",
            "heal",
            "reproduce",
        )
    ),
    (
        "eval bleu tiny --device cuda:",
        "`--device cuda:` is no device",
        DEVICES,
    ),
    (
        "eval bleu --from outputs.jsonl --device cpu",
        "`--device` has no meaning for `--from`",
        "leave it out",
    ),
]

MISTAKES = [*TRAIN, *FINETUNE, *EVALUATE, *DATA, *COMPRESS, *AWAY, *DEVICE]

# in a folder with nothing in it
EMPTY = [
    (
        "eval bleu",
        "there is no checkpoint of a seq2seq model in `runs`",
        "`synth train PRESET` makes a run with one",
    ),
    (
        "finetune --corpus copy",
        "there is no checkpoint in `runs`",
        "`synth train PRESET` makes a run with one",
    ),
    ("generate --prompt a", "there is no checkpoint…", "`synth train PRESET` makes a run with one"),
    ("export --to hf", "there is no checkpoint in `runs`", "`synth train PRESET` makes a run with one"),
    ("train --resume", "there are no runs in `runs`", "`synth train PRESET` makes one"),
    (
        "heal",
        "there is no student of a teacher in `runs`",
        "`synth distill-block --block 0` makes one of the newest encoder",
    ),
    (
        "eval teacher-agreement",
        "there is no student of a teacher in `runs`",
        "`synth distill-block --block 0` makes one of the newest encoder",
    ),
    (
        "probe",
        "there is no encoder in `runs`, and `bert-base-uncased` is not in the hub's cache",
        "`synth train bert-base-wikitext-2` makes one, or name a run or a folder of a model",
    ),
]

# hints followed to the letter: commands that say what was wanted
FOLLOWED = [
    "presets show wmt14-dense",
    "presets show tiny.toml --set training.steps=100",
    "presets ls --names",
    "corpora",
    "corpora show multi30k",
    "plan tiny.toml --scale smoke",
    "train tiny.toml --only-plan --set training.steps=100",
    "generate teacher --prompt [MASK]",
    "eval bleu tiny --limit 2 --beam 1 --no-save-outputs --split test",
    "eval teacher-agreement teacher --teacher teacher --limit 2",
]
