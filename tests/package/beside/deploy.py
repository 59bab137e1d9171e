"""Deploy and destroy the program beside this file in the sandbox; prints what was seen as JSON."""

import json
from pathlib import Path

import orgsync
from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.contact_sync.configuration import STACK_KEY
from orgsync.sandbox.engines.opener import open_engine
from orgsync.sandbox.model.organization import make

with (
    Cloud(make(seed=4, count=3)) as cloud,
    open_engine("inline", cloud, Path(__file__).parent, STACK_KEY) as engine,
):
    outcome = engine.up().outputs["initial_sync"]
    cloud.settle()
    declared = len(cloud.leftovers())
    engine.destroy()
    seen = {"orgsync": orgsync.__file__, "initial_sync": outcome, "declared": declared, "leftovers": cloud.leftovers()}
print(json.dumps(seen))
