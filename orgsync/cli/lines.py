"""Lines for people: wrapped between words on a terminal, whole into a file or a pipe."""

import re
from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

HANGING = 4
"""Columns by which a line goes on further to the right than it began."""


def print_line(console: Console, markup: str, *, verbatim: bool = False) -> None:
    """Print a line in rich's markup.

    Args:
        verbatim: leave a line that is too long for a terminal to the terminal.
    """
    text = Text.from_markup(markup)
    if verbatim or not console.is_terminal:
        console.print(text, soft_wrap=True, highlight=False)
        return
    wrapped = Text("\n").join(_wrapped(text, console.width))
    console.print(wrapped, overflow="ignore", no_wrap=True, crop=False, highlight=False)


def _wrapped(text: Text, width: int) -> Iterator[Text]:
    """Divide a line between words; rich itself folds or crops a word that is longer than the line."""
    hanging = len(text.plain) - len(text.plain.lstrip()) + HANGING
    for number, part in enumerate(text.divide(_line_ends(text.plain, width, hanging))):
        part.rstrip()
        yield Text(" " * hanging) + part if number else part


def _line_ends(line: str, width: int, hanging: int) -> list[int]:
    """Return the offsets at which a line is divided, each between two words; all but the first part are indented."""
    ends: list[int] = []
    begin, room = 0, width
    for word in re.finditer(r"\S+", line):
        if cell_len(line[begin : word.end()]) > room and line[begin : word.start()].strip():
            ends.append(word.start())
            begin, room = word.start(), width - hanging
    return ends
