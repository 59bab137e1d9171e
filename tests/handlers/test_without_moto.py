"""The entry points' tests need no emulator of AWS."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Every test file is imported too: what one of them imports, all of them wait for.
PROGRAM = """
import importlib, sys
from pathlib import Path
for file in sorted(Path("tests/handlers").glob("*.py")):
    importlib.import_module(f"tests.handlers.{file.stem}")
from tests.world import make_world
world = make_world()
world.configure()
assert world.run()["status"] == "completed"
assert world.differing() == []
loaded = sorted(name for name in sys.modules if name.partition(".")[0] == "moto")
sys.exit(f"loaded: {loaded}" if loaded else 0)
"""


def test_a_run_loads_no_moto() -> None:
    """Plan, process and report of a whole run, and every file of these tests, load no module of moto."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
