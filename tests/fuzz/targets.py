"""Everything that takes documents from outside: each accepts one, or refuses it by a name and leaves all as it was.

A target raises `Broken` where it finds more: an error that has no name, something that was changed although the
document was refused, a run that was never closed.
"""

import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner
from pydantic import ValidationError

from orgsync.cli.main import main
from orgsync.components.contact_sync.deployment import Deployment
from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.lease import Lease
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.names import CONFIGURATION_OBJECT, batch_key
from orgsync.handlers.contact_sync.initial_sync import begin
from orgsync.handlers.contact_sync.process import process
from orgsync.sandbox.rehearsal.load import ScenarioInvalid, load
from orgsync.shared.configuration import ConfigurationRefused, validate
from orgsync.shared.errors import OrgsyncError
from orgsync.shared.telemetry import metrics
from tests.simulation.history import History, HistoryRefused
from tests.world import World, make_world

Target = Callable[[Any], None]

_REFUSED = ("refused", "merged")
_ANSWERS = ("process", "report", *_REFUSED)


class Broken(Exception):
    """A document did what none may do."""


def _world() -> World:
    world = make_world(2)
    world.configure()
    return world


def event(document: Any) -> None:
    """Let an event start an execution: it is refused and changes nothing, or its run comes to its end."""
    world = _world()
    before = world.items(), world.account.contacts()
    answer = world.start("run-1", document)
    if answer["outcome"] not in _ANSWERS:
        raise Broken(f"plan answers {answer['outcome']}")
    if answer["outcome"] in _REFUSED:
        if (world.items(), world.account.contacts()) != before or world.holder():
            raise Broken("a refused event changed something")
        return
    _to_its_end(world)


def _to_its_end(world: World) -> None:
    if world.header().batches and not world.header().error:
        world.work()
    world.report()
    if following := world.holder():
        world.run_on(following)
    if not world.header().closed or world.holder():
        raise Broken(f"the run is {world.header().status}, and the lease is held by {world.holder()}")
    json.dumps(world.header().to_json())


def header(document: Any) -> None:
    """Let a hand, or another release, lay attributes over the header of a run that works."""
    world = _world()
    world.start("run-1")
    if isinstance(document, dict):
        world.states.edit("run-1", "run", **{key: document[key] for key in document.keys() - {"run_id", "item"}})
    with suppress(OrgsyncError):  # the state machine asks again, and then reports
        process("run-1", 0, lambda: 900.0, world.services)
    world.report()
    for _ in range(3):  # its last look may ask for another run
        if following := world.holder():
            world.run_on(following)
    if world.header().status == "in_progress" or world.holder():
        raise Broken(f"the run is {world.header().status}, and the lease is held by {world.holder()}")
    if world.account.contacts()[world.management].keys() < {"primary"}:
        raise Broken("the source was written")


def lease(document: Any) -> None:
    """Let a hand put anything in the lease's place: the next run comes to its end."""
    world = _world()
    if isinstance(document, dict):
        kept = {key: document[key] for key in document.keys() - {"run_id", "item"}}
        world.states.edit("lease", "organization", **kept)
    read = Lease.from_json(document if isinstance(document, dict) else {})
    if Lease.from_json(json.loads(json.dumps(read.to_json()))) != read:
        raise Broken("the lease does not read back")
    if read.holder is None:
        world.run("run-1")
        if world.differing():
            raise Broken("the run has written nothing")


def receipt(document: Any) -> None:
    """Read a receipt, whoever wrote it; what can be read reads back the same."""
    found = Receipt.from_json(document) if isinstance(document, dict) else None
    if found and Receipt.from_json(json.loads(json.dumps(found.to_json()))) != found:
        raise Broken("the receipt does not read back")


def batch(document: Any) -> None:
    """Let a batch of a run that works hold anything."""
    world = _world()
    world.start("run-1")
    world.bucket.objects[batch_key("run-1", 0, world.header().attempt)] = json.dumps(document)
    with suppress(OrgsyncError):  # likewise
        process("run-1", 0, lambda: 900.0, world.services)
    world.report(error={"Error": "States.TaskFailed"})
    if not world.header().closed or world.holder():
        raise Broken("the run was not closed")


def configuration(document: Any) -> None:
    """Deploy a configuration: what is refused is not written."""
    world = make_world(1)
    world.bucket.configurations[CONFIGURATION_OBJECT, "v1"] = json.dumps(document)
    request = {
        "RequestType": "Create",
        "RequestId": "request-1",
        "StackId": "arn:aws:cloudformation:us-east-1:100000000001:stack/orgsync/1",
        "ResourceProperties": {"ConfigurationKey": CONFIGURATION_OBJECT, "ConfigurationVersion": "v1"},
    }
    try:
        begin(request, world.services)
    except ConfigurationRefused as refusal:
        if not str(refusal) or world.configs.items() or world.started_runs():
            raise Broken("a refused configuration left something") from refusal
        return
    _, config = world.configuration()
    if parse(json.loads(json.dumps(document))) != config:
        raise Broken("the configuration does not read back")


def deployment(document: Any) -> None:
    """Read what stands under `orgsync:deployment` in a stack file."""
    with _named(ConfigurationRefused):
        validate(Deployment, document, "deployment")


def scenario(document: Any) -> None:
    """Read a rehearsal's file."""
    try:
        text = yaml.safe_dump(document)
    except (yaml.YAMLError, RecursionError):
        return
    with _named(ScenarioInvalid), tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "file.yaml")
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        load(file)


def history(document: Any) -> None:
    """Read a simulated history."""
    with _named(HistoryRefused):
        History.of_text(json.dumps(document))


def command(document: Any) -> None:
    """Call the command with any words: it ends with an exit code of its help, and without a trace."""
    words = [str(word).replace("\x00", "") for word in document] if isinstance(document, list) else [str(document)]
    if words[:1] in (["status"], ["sync"], ["plan"]) and not {"--help", "-h"} & set(words):
        return  # these ask AWS
    if words[:2] in (["sandbox", "demo"], ["sandbox", "run"]) and len(words) > 1:
        words = [*words[:2], "--help"]
    answer = CliRunner().invoke(main, words)
    if answer.exit_code not in (0, 1, 2) or not isinstance(answer.exception, SystemExit | None):
        raise Broken(f"orgsync {words}: {answer.exit_code} {answer.exception!r}")


@contextmanager
def _named(refusal: type[Exception]) -> Iterator[None]:
    """Accept one refusal, which says something."""
    try:
        yield
    except refusal as error:
        if not str(error):
            raise Broken("a refusal says nothing") from error


TARGETS: Mapping[str, Target] = {
    one.__name__: one
    for one in (
        *(event, header, lease, receipt, batch, configuration),
        *(deployment, scenario, history, command),
    )
}


def failure(target: str, document: Any) -> str | None:
    """Give a document to a target; return what is wrong with what came of it, None where nothing is."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        TARGETS[target](document)
    except Broken as broken:
        return str(broken)
    except (Exception, ValidationError) as error:
        return f"{type(error).__name__}: {error}"[:300]
    finally:
        logging.disable(level)
        metrics.clear_metrics()
    return None
