"""Histories of the simulated product, from seeds: `make soak` plays many, and a failing one can be played again.

    python -m tools.simulate                      seeds from 0 on, without end: Ctrl-C ends it
    python -m tools.simulate --seeds 100-200      some of them
    python -m tools.simulate --seed 17            one of them, with all that happens
    python -m tools.simulate --history FILE       a history from a file, with all that happens

A history that breaks a law is shrunk, written into a file and shown, with the command that plays it again.
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.simulation.cloud import Played, play
from tests.simulation.history import History, HistoryRefused

Play = Callable[[History], Played]
_LAW = ": "


def shrink(history: History, play: Play, tries: int = 400) -> Played:
    """Make a history smaller, as long as it breaks a law that it broke before; return the smallest, played."""
    smallest = play(history)
    wanted = _laws(smallest)
    going_on = True
    while going_on:
        going_on = False
        for smaller in smallest.history.smaller():
            if tries <= 0:
                return smallest
            tries -= 1
            played = play(smaller)
            if _laws(played) & wanted:
                smallest, going_on = played, True
                break
    return smallest


def _laws(played: Played) -> set[str]:
    return {one.partition(_LAW)[0] for one in played.broken}


def soak(seeds: Iterable[int], seconds: float, play: Play, folder: Path) -> int:
    """Play seeds until one breaks a law, none is left or the time is over; return the exit code."""
    began, count = time.monotonic(), 0
    try:
        for seed in seeds:
            if time.monotonic() - began > seconds:
                break
            played = play(History.draw(seed))
            count += 1
            if sys.stderr.isatty():
                print(f"\r{count} histories, seed {seed}", end="", file=sys.stderr, flush=True)
            if played.broken:
                print(f"\nseed {seed} breaks a law; it is being shrunk", file=sys.stderr)
                smallest = shrink(played.history, play)
                file = folder / f"history-{seed}.json"
                file.write_text(smallest.history.to_text())
                print(smallest.text())
                print(f"Play it again: {sys.executable} -m tools.simulate --history {file}")
                return 1
    except KeyboardInterrupt:
        pass
    print(f"{count} histories in {time.monotonic() - began:.0f} s, and every law held.")
    return 0


def main(arguments: list[str] | None = None, play: Play = play) -> int:
    """Play what the arguments name; return 0 where every law held, 1 where one was broken, 2 for a wrong request."""
    parser = argparse.ArgumentParser(prog="python -m tools.simulate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, help="one seed, with all that happens")
    parser.add_argument("--seeds", default="0-", help="first and last seed; without a last one, without end")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="bound after which no further one begins")
    parser.add_argument("--history", type=Path, help="a history from a file, with all that happens")
    parser.add_argument("--shrink", action="store_true", help="make the one history smaller first")
    asked = parser.parse_args(arguments)
    if asked.seed is None and asked.history is None:
        first, _, last = asked.seeds.partition("-")
        try:
            seeds = range(int(first), int(last) + 1) if last else itertools.count(int(first))
        except ValueError:
            parser.error(f"--seeds: {asked.seeds!r} is no range such as 100-200")
        return soak(seeds, asked.seconds, play, Path(tempfile.gettempdir()))
    try:
        history = History.of_text(asked.history.read_text()) if asked.history else History.draw(asked.seed)
    except (OSError, HistoryRefused) as error:
        print(error, file=sys.stderr)
        return 2
    played = shrink(history, play) if asked.shrink else play(history)
    print(played.text(), end="")
    return int(bool(played.broken))


if __name__ == "__main__":
    raise SystemExit(main())
