"""Ctrl-C and SIGTERM end a training after its step, not in the midst of it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Whether one was asked for."""

    def __init__(self) -> None:
        self.is_requested = False


@contextmanager
def interrupts() -> Iterator[Interrupt]:
    """Note the first signal; the second does what it did before. Threads other than the main see none."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        interrupt.is_requested = True
        restore()

    for number in SIGNALS:
        signal.signal(number, note)
    try:
        yield interrupt
    finally:
        restore()
