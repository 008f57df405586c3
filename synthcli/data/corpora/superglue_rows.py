"""The rows of SuperGLUE's tasks: what each field is called, what is marked, what the choices are."""

import re
from collections.abc import Iterator

from synthcli.data.corpora.forms import join_fields
from synthcli.data.corpora.reading import clip
from synthcli.data.corpora.source import Record, Row
from synthcli.errors import SynthError

SENTENCE_MARK = re.compile(r"<b>Sent \d+: </b>|<br>")  # in the paragraphs of MultiRC
HIGHLIGHT, PLACEHOLDER = "@highlight", "@placeholder"  # in the passages and queries of ReCoRD


def _label_row(record: Record, fields: dict[str, str], classes: tuple[str, ...]) -> Row:
    """Return a row whose class is given by name, by number, or as true or false."""
    label = record["label"]
    number = _read_label(classes.index(label) if label in classes else label, len(classes))
    return {"text": join_fields(fields), "label": number}


def _read_label(label: object, count: int) -> int:
    """Return a label that is a number below `count`, or true or false."""
    if not isinstance(label, int) or not 0 <= label < count:
        raise ValueError(f"the label {label!r}")
    return int(label)


def boolq(record: Record) -> Row:
    return _label_row(
        record, {"question": record["question"], "passage": record["passage"]}, ("false", "true")
    )


def entailment(record: Record, classes: tuple[str, ...]) -> Row:
    return _label_row(record, {"premise": record["premise"], "hypothesis": record["hypothesis"]}, classes)


def copa(record: Record) -> Row:
    asked = {"premise": record["premise"], "question": f"what was the {record['question']}?"}
    choices = [join_fields({**asked, "answer": record[name]}) for name in ("choice1", "choice2")]
    return {"choices": choices, "label": _read_label(record["label"], len(choices))}


def wic(record: Record) -> Row:
    """Return both sentences with the word marked in them as *word*."""
    sentences = {
        f"sentence{i}": _star_spans(record[f"sentence{i}"], record[f"start{i}"], record[f"end{i}"])
        for i in (1, 2)
    }
    return _label_row(record, {"word": record["word"], **sentences}, ("false", "true"))


def _star_spans(text: str, start: int, end: int) -> str:
    return f"{text[:start]}*{text[start:end]}*{text[end:]}"


def wsc(record: Record) -> Row:
    """Return the text with the noun marked as *noun* and the pronoun as #pronoun#."""
    record = record | record.get("target", {})
    words = record["text"].split(" ")
    for span, mark in (("span1", "*"), ("span2", "#")):
        first = record[f"{span}_index"]
        last = first + len(record[f"{span}_text"].split()) - 1
        words[first] = mark + words[first]
        words[last] += mark
    fields = {"text": " ".join(words), "noun": record["span1_text"], "pronoun": record["span2_text"]}
    return _label_row(record, fields, ("false", "true"))


def multirc(record: Record) -> Row:
    fields = {
        "question": record["question"],
        "answer": record["answer"],
        "paragraph": SENTENCE_MARK.sub(" ", record["paragraph"]),
    }
    return _label_row(record, fields, ("false", "true"))


def multirc_answers(record: Record) -> Iterator[Record]:
    """Yield a record for every answer to every question of a paragraph."""
    passage = record["passage"]
    for question in passage["questions"]:
        for answer in question["answers"]:
            yield {
                "paragraph": passage["text"],
                "question": question["question"],
                "answer": answer["text"],
                "label": answer["label"],
            }


def record_row(record: Record) -> Row:
    """Return the query with each entity in its gap; of several right ones only the first is a choice."""
    right = [entity for entity in dict.fromkeys(record["entities"]) if entity in record["answers"]]
    if not right:
        raise SynthError(
            f"no answer to `{clip(record['query'])}` is among the entities of its passage",
            "take the publisher's copy",
        )
    entities = [entity for entity in dict.fromkeys(record["entities"]) if entity not in right[1:]]
    passage = record["passage"].replace(HIGHLIGHT, " ")
    queries = (record["query"].replace(PLACEHOLDER, entity) for entity in entities)
    choices = [join_fields({"query": query, "passage": passage}) for query in queries]
    return {"choices": choices, "label": entities.index(right[0])}


def record_queries(record: Record) -> Iterator[Record]:
    """Yield a record for every query about a passage; the ends of entities are inclusive."""
    text = record["passage"]["text"]
    entities = [text[span["start"] : span["end"] + 1] for span in record["passage"]["entities"]]
    for query in record["qas"]:
        yield {
            "passage": text,
            "query": query["query"],
            "entities": entities,
            "answers": [answer["text"] for answer in query["answers"]],
        }
