"""The table of publishers' files: where each is, and its checksum where a source states one.

Checksums are from: `tensorflow_datasets/url_checksums` (lm1b, imdb, cnn-dailymail), `torchtext/datasets`
(ag-news and GLUE), `parlai/tasks/personachat/build.py`, `CorpusLoaders.jl` (WikiText), allenai's `rainbow`
(ReCoRD), DataDeps declarations (enwik8), TensorFlow's lesson on word2vec (text8), and the repository of
Multi30k at the commit named. A file without one is recorded when it is first fetched, and must be the
same ever after.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Remote:
    """A file of a publisher; of an archive whose `folder` is given, what that folder holds is taken."""

    url: str
    checksum: str | None = None  # "sha256:…" or "md5:…"
    folder: str | None = None
    into: str = ""  # the folder below the corpus's own that it is put in
    bytes: int | None = None

    @property
    def name(self) -> str:
        return PurePosixPath(urlsplit(self.url).path).name


MULTI30K_AT = "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56/data/task1/raw"
WIKITEXT = "https://wikitext.smerity.com"
WMT14 = "https://nlp.stanford.edu/projects/nmt/data/wmt14.en-de"
AG_NEWS = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv"
STORIES = (
    "https://huggingface.co/datasets/cnn_dailymail/resolve/11343c3752184397d56efc19a8a7cceb68089318/data"
)
URL_LISTS = "https://raw.githubusercontent.com/abisee/cnn-dailymail/master/url_lists"
GLUE = "https://dl.fbaipublicfiles.com/glue/data"
SUPERGLUE = "https://dl.fbaipublicfiles.com/glue/superglue/data/v2"
C4_AT = "https://huggingface.co/datasets/allenai/c4/resolve/1588ec454efa1a09f29cd18ddd04fe05fc8653a2/en"


def _glue(folder: str, archive: str | None = None, checksum: str | None = None) -> tuple[Remote, ...]:
    return (Remote(f"{GLUE}/{archive or folder}.zip", checksum, folder),)


def _superglue(folder: str, checksum: str | None = None) -> tuple[Remote, ...]:
    return (Remote(f"{SUPERGLUE}/{folder}.zip", checksum, folder),)


def multi30k(name: str, sha256: str) -> Remote:
    return Remote(f"{MULTI30K_AT}/{name}.gz", f"sha256:{sha256}")


def c4(split: str, files: int) -> tuple[Remote, ...]:
    return tuple(Remote(f"{C4_AT}/c4-{split}.{i:05d}-of-{files:05d}.json.gz") for i in range(files))


PUBLISHED: dict[str, tuple[Remote, ...]] = {
    "wmt14-en-de": tuple(
        Remote(f"{WMT14}/{stem}.{language}")
        for stem in ("train", "newstest2013", "newstest2014")
        for language in ("en", "de")
    ),
    "lm1b": (
        Remote(
            "https://www.statmt.org/lm-benchmark/1-billion-word-language-modeling-benchmark-r13output.tar.gz",
            "sha256:01ba60381110baf7f189dfd2b8374de371e8c9a340835793f190bdae9e90a34e",
            "1-billion-word-language-modeling-benchmark-r13output",
            bytes=1_792_209_805,
        ),
    ),
    "cnn-dailymail": (
        Remote(
            f"{STORIES}/cnn_stories.tgz",
            "sha256:e8fbc0027e54e0a916abd9c969eb35f708ed1467d7ef4e3b17a56739d65cb200",
            "",
            bytes=158_577_824,
        ),
        Remote(
            f"{STORIES}/dailymail_stories.tgz",
            "sha256:ad69010002210b7c406718248ee66e65868b9f6820f163aa966369878d14147e",
            "",
            bytes=375_893_739,
        ),
        Remote(
            f"{URL_LISTS}/all_train.txt",
            "sha256:a5cee49f3a6c862c26ce29308236d2a99625ab6c86a43be22d5206b2790d8029",
            into="url_lists",
            bytes=46_424_688,
        ),
        Remote(
            f"{URL_LISTS}/all_val.txt",
            "sha256:81887e982b045083409c6ee838aede8ff4b97291605bcfb21bffc456a16991db",
            into="url_lists",
            bytes=2_433_674,
        ),
        Remote(
            f"{URL_LISTS}/all_test.txt",
            "sha256:c4f5efb5ec2126430a5c156efbd13d0e9c4cb490169e552c38b4a51981a009bd",
            into="url_lists",
            bytes=2_109_547,
        ),
    ),
    "ag-news": (
        Remote(f"{AG_NEWS}/train.csv", "md5:b1a00f826fdfbd249f79597b59e1dc12"),
        Remote(f"{AG_NEWS}/test.csv", "md5:d52ea96a97a2d943681189a97654912d"),
    ),
    "wikitext-2": (
        Remote(
            f"{WIKITEXT}/wikitext-2-v1.zip",
            "sha256:92675f1d63015c1c8b51f1656a52d5bdbc33aafa60cc47a218a66e7ee817488c",
            "wikitext-2",
        ),
    ),
    "wikitext-2-raw": (
        Remote(
            f"{WIKITEXT}/wikitext-2-raw-v1.zip",
            "sha256:ef7edb566e3e2b2d31b29c1fdb0c89a4cc683597484c3dc2517919c615435a11",
            "wikitext-2-raw",
            bytes=4_721_645,
        ),
    ),
    "wikitext-103": (
        Remote(
            f"{WIKITEXT}/wikitext-103-v1.zip",
            "sha256:242ba0f20b329cfdf1ccc61e9e9e5b59becf189db7f7a81cd2a0e2fc31539590",
            "wikitext-103",
        ),
    ),
    "multi30k": (
        multi30k("train.en", "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f"),
        multi30k("train.de", "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"),
        multi30k("val.en", "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28"),
        multi30k("val.de", "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"),
        multi30k("test_2016_flickr.en", "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9"),
        multi30k("test_2016_flickr.de", "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8"),
    ),
    "enwik8": (
        Remote(
            "http://mattmahoney.net/dc/enwik8.zip",
            "sha256:547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc",
            bytes=36_445_475,
        ),
    ),
    "text8": (
        Remote(
            "http://mattmahoney.net/dc/text8.zip",
            "sha256:a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
            bytes=31_344_016,
        ),
    ),
    "iwslt14-de-en": (Remote("https://dl.fbaipublicfiles.com/fairseq/data/iwslt14/de-en.tgz", folder=""),),
    "c4": (*c4("train", 1_024), *c4("validation", 8)),
    "imdb": (
        Remote(
            "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
            "sha256:c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
            "aclImdb",
            bytes=84_125_825,
        ),
    ),
    "personachat": (
        Remote(
            "https://dl.fbaipublicfiles.com/parlai/personachat/personachat.tgz",
            "sha256:507cf8641d333240654798870ea584d854ab5261071c5e3521c20d8fa41d5622",
            "personachat",
            bytes=223_221_886,
        ),
    ),
    "glue-cola": _glue("CoLA"),
    "glue-sst2": _glue("SST-2", checksum="md5:9f81648d4199384278b86e315dac217c"),
    "glue-stsb": _glue("STS-B"),
    "glue-qqp": _glue("QQP", "QQP-clean"),
    "glue-mnli": _glue("MNLI"),
    "glue-qnli": _glue("QNLI", "QNLIv2", "md5:b4efd6554440de1712e9b54e14760e82"),
    "glue-rte": _glue("RTE", checksum="md5:bef554d0cafd4ab6743488101c638539"),
    "glue-wnli": _glue("WNLI", checksum="md5:a1b4bd2861017d302d29e42139657a42"),
    "superglue-boolq": _superglue("BoolQ"),
    "superglue-cb": _superglue("CB"),
    "superglue-copa": _superglue("COPA"),
    "superglue-multirc": _superglue("MultiRC"),
    "superglue-record": _superglue(
        "ReCoRD", "sha256:30c7b651ab21b8bf8fab986495cd1084333010e040548f861b839eec0044ac18"
    ),
    "superglue-rte": _superglue("RTE"),
    "superglue-wic": _superglue("WiC"),
    "superglue-wsc": _superglue("WSC"),
}
