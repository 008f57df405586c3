"""Texts made by a rule, as systems and translators might write them: hyphens, odd spaces, empty lines."""

import random

TEXT = (
    "der Hund läuft über die rot-weiße Brücke und ein-zwei-drei Kinder sehen E-Mails im Café , ."
    " Fußball-WM 2 3,5 naïve Women woman running runs quickly quick agreement agreements agrees"
    " generously he's -- - \u00a0 x\u00a0y"
)
WORDS = TEXT.split(" ")


def write_texts(seed: int, count: int = 60) -> list[str]:
    """Return lines whose words a seed decides; every tenth is empty."""
    generator = random.Random(seed)
    lines = [" ".join(generator.choices(WORDS, k=generator.randint(1, 18))) for _ in range(count)]
    return ["" if number % 10 == 9 else line for number, line in enumerate(lines)]


def change(texts: list[str], seed: int) -> list[str]:
    """Return texts in which words are exchanged or gone, as a system's differ from a reference."""
    generator = random.Random(seed)
    kept = [[word for word in text.split(" ") if generator.random() < 0.85] for text in texts]
    return [
        " ".join(w if generator.random() < 0.8 else generator.choice(WORDS) for w in line) for line in kept
    ]


REFERENCES, OTHERS = write_texts(1), change(write_texts(1), 2)
OUTPUTS = change(REFERENCES, 3)
