"""Ratios of how a process starts to how it could at best.

A function against importing boto3 and making one client; the command against a program that has click and nothing else.
CPU seconds and resident memory of whole processes, each the least of several starts one after the other, so that a
busy machine slows both sides down.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 7
FUNCTIONS = ("plan", "process", "report", "initial_sync")
LIMIT_OF_A_FUNCTION, LIMIT_OF_THE_COMMAND = 1.5, 2.0

CLIENT = "import boto3; boto3.client('dynamodb', region_name='us-east-1')"
PROGRAM = """
import click
@click.group()
def main():
    pass
@main.command()
def one():
    pass
main(['--help'], standalone_mode=False)
"""
COMMAND = "from orgsync.cli.main import main; main(['--help'], standalone_mode=False)"

_MEASURED = """
import sys, time
seconds = time.process_time()
from bench.peak import peak
print(seconds, peak(), file=sys.stderr)
"""


@dataclass(frozen=True)
class Start:
    """The least that starts of a process took: CPU seconds, and KiB of resident memory."""

    seconds: float
    memory: int


def starts(programs: Sequence[str]) -> list[Start]:
    """Start the programs one after the other, several times; return the least of each."""
    seen: list[list[Start]] = [[] for _ in programs]
    for _ in range(ROUNDS):
        for number, program in enumerate(programs):
            seen[number].append(_start(program))
    return [Start(min(one.seconds for one in each), min(one.memory for one in each)) for each in seen]


def _start(program: str) -> Start:
    environment = {**os.environ, "POWERTOOLS_TRACE_DISABLED": "true"}
    command = [sys.executable, "-c", program + _MEASURED]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    seconds, memory = done.stderr.split()[-2:]
    return Start(float(seconds), int(memory))


def measure() -> list[dict[str, Any]]:
    """Return a row for each function and one for the command."""
    functions = [f"import orgsync.handlers.contact_sync.{name}" for name in FUNCTIONS]
    least, *measured, program, command = starts([CLIENT, *functions, PROGRAM, COMMAND])
    rows = [(name, one, least, LIMIT_OF_A_FUNCTION) for name, one in zip(FUNCTIONS, measured, strict=True)]
    rows.append(("orgsync --help", command, program, LIMIT_OF_THE_COMMAND))
    return [
        {
            "start_of": name,
            "cpu_ms": round(one.seconds * 1000),
            "cpu_ratio": round(one.seconds / best.seconds, 2),
            "at_most": limit,
            "mib": round(one.memory / 1024),
            "memory_ratio": round(one.memory / best.memory, 2),
        }
        for name, one, best, limit in rows
    ]
