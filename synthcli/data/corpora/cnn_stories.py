"""CNN/DailyMail in its original form: one .story a page, named by the hash of its address."""

from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

from synthcli.data.corpora.find_files import find_files
from synthcli.data.corpora.reading import lines
from synthcli.data.corpora.source import Row

FOLDERS = ("cnn/stories", "dailymail/stories", "stories", ".")
LISTS = {"train": "all_train.txt", "validation": "all_val.txt", "test": "all_test.txt"}
HIGHLIGHT = "@highlight"
SENTENCE_ENDS = (".", "!", "?", "'", "`", '"', "’", "”", ")")


def find_stories(root: Path) -> dict[str, list[Path]]:
    """Return the stories by split; all of them nameless where the lists of addresses name none of them."""
    stories = {
        path.name.partition(".")[0]: path for folder in FOLDERS for path in _glob_stories(root / folder)
    }
    groups = {split: _list_stories(root, name, stories) for split, name in LISTS.items()}
    named = {split: files for split, files in groups.items() if files}
    return named or ({"": list(stories.values())} if stories else {})


def _glob_stories(folder: Path) -> list[Path]:
    return [folder] if folder.is_file() and ".story" in folder.name else find_files(folder, "*.story")


def _list_stories(root: Path, name: str, stories: dict[str, Path]) -> list[Path]:
    """Return the stories whose addresses a list names, in its order."""
    files = find_files(root, name) or find_files(root / "url_lists", name)
    addresses = (line.strip() for path in files for line in lines(path))
    hashes = (sha1(address.encode(), usedforsecurity=False).hexdigest() for address in addresses)
    return [stories[digest] for digest in dict.fromkeys(hashes) if digest in stories]


def story_rows(files: tuple[Path, ...]) -> Iterator[Row]:
    """Yield articles on one line, highlights one a line."""
    for path in files:
        article, *highlights = "\n".join(lines(path)).split(HIGHLIGHT)
        yield {
            "source": " ".join(_end_sentences(article)),
            "target": "\n".join(" ".join(_end_sentences(highlight)) for highlight in highlights),
        }


def _end_sentences(text: str) -> Iterator[str]:
    """Yield lines that are not blank; one without an end gets a full stop, as version 3.0.0 has it."""
    for line in map(str.strip, text.split("\n")):
        if line:
            yield line if line.endswith(SENTENCE_ENDS) else f"{line} ."
