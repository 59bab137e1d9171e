"""Fuzzing of everything that takes documents from outside: `make fuzz`.

    python -m tools.fuzz                        one target after the other, without end: Ctrl-C ends it
    python -m tools.fuzz --seconds 600 event    some targets, for so long

A document that breaks something is written into the corpus of its target (tests/fuzz/corpus), where every test run
finds it from then on.
"""

import argparse
import hashlib
import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.mutation import mutated
from tests.fuzz.targets import TARGETS, failure

CORPUS = Path(__file__).resolve().parents[1] / "tests" / "fuzz" / "corpus"
_EVENTS = CORPUS.parents[1] / "events"


def corpus(target: str) -> list[Any]:
    """Return the documents from which a target's are made; of events, the samples of AWS's own too."""
    files = sorted((CORPUS / target).glob("*.json"))
    files += sorted(_EVENTS.glob("*.json")) if target == "event" else []
    return [json.loads(file.read_text()) for file in files]


def documents(target: str, seed: int = 0) -> Iterator[Any]:
    """Yield documents for a target: its corpus as it stands, then mutations of it without end."""
    known = corpus(target)
    yield from known
    for number in itertools.count():
        draw = Random(f"{target}/{seed}/{number}")
        yield mutated(draw.choice(known), known, draw)


def keep(target: str, document: Any) -> Path:
    """Write a document into the corpus."""
    text = json.dumps(document, indent=1)
    file = CORPUS / target / f"found-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text + "\n")
    return file


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz the targets, one after the other; return 1 where a document broke something."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; by default all")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="bound after which it ends")
    parser.add_argument(
        "--seed", type=int, default=time.time_ns(), help="draws the mutations; by default another each time"
    )
    asked = parser.parse_args(arguments)
    if unknown := set(asked.targets) - TARGETS.keys():
        parser.error(f"no target is named {', '.join(sorted(unknown))}; known: {', '.join(TARGETS)}")
    given = {target: documents(target, asked.seed) for target in asked.targets or TARGETS}
    began, count, found = time.monotonic(), 0, 0
    try:
        while time.monotonic() - began < asked.seconds:
            for target, drawn in given.items():
                document = next(drawn)
                count += 1
                if what := failure(target, document):
                    found += 1
                    print(f"{target}: {what}\n  kept in {keep(target, document)}", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    print(f"{count} documents in {time.monotonic() - began:.0f} s, seed {asked.seed}: {found} broke something.")
    return int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main())
