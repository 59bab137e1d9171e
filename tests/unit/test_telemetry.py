"""Log lines: JSON with the run's id, at the level that the stack asks for, and without the text of unknown errors."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgsync.shared.errors import StoreFailed, UnexpectedError
from orgsync.shared.telemetry import entry_point, logger
from tests.invocation import FunctionContext

SECRET = "canary@example.com"
LOGGERS = ("", "boto3", "botocore", "urllib3", "orgsync.shared", "orgsync.contact_sync", logger.name)

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

Handler = Callable[[dict[str, Any], Any], Any]


@pytest.fixture(autouse=True)
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Catch what is logged, and leave the loggers as they were."""
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    yield log
    logging.captureWarnings(False)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def logged(log: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines so far, and forget them."""
    found = [json.loads(line) for line in log.getvalue().splitlines()]
    log.seek(0)
    log.truncate()
    return found


def invoke(handler: Handler, event: dict[str, Any]) -> Any:
    return entry_point(handler)(event, FunctionContext("plan"))


def says(message: str) -> Handler:
    """Return a handler that logs through Powertools and through a logger of the core."""

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        logger.info(message, account="200000000001", kind="billing")
        logging.getLogger("orgsync.contact_sync.core.worker").warning("core", extra={"account": "200000000002"})
        return {}

    return handler


def raises(error: Exception) -> Handler:
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        raise error

    return handler


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(run=st.text("abcdef0123456789-", min_size=1, max_size=80))
def test_every_line_names_its_run(lines: io.StringIO, run: str) -> None:
    """The state machine's invocations and its failure events, our own lines and the core's."""
    for event in ({"run_id": run}, {"source": "aws.states", "detail": {"name": run}}):
        invoke(says("any"), event)
        found = logged(lines)
        assert [line["message"] for line in found] == ["any", "core"]
        assert {line["run_id"] for line in found} == {run}
        assert [line["account"] for line in found] == ["200000000001", "200000000002"]


def test_an_earlier_run_leaves_nothing_behind(lines: io.StringIO) -> None:
    """A warm process answers for one run after another, and for events that are about none."""
    invoke(says("first"), {"run_id": "run-1"})
    logged(lines)
    invoke(says("second"), {"detail": "nonsense"})
    assert not [line for line in logged(lines) if "run_id" in line]


def test_an_error_of_ours_is_logged_with_its_run_and_raised(lines: io.StringIO) -> None:
    """It says itself what failed: ids and codes."""
    with pytest.raises(StoreFailed, match="PutItem"):
        invoke(raises(StoreFailed("PutItem: AccessDenied")), {"run_id": "run-1"})
    (line,) = logged(lines)
    assert (line["level"], line["run_id"], line["error"]) == ("ERROR", "run-1", "StoreFailed")
    assert line["detail"] == "PutItem: AccessDenied"
    assert line["where"].startswith("test_telemetry.py:") or ".py:" in line["where"]


@pytest.mark.parametrize("kind", [KeyError, ValueError, RuntimeError, type("Foreign", (Exception,), {})])
def test_the_text_of_an_unknown_error_goes_nowhere(lines: io.StringIO, kind: type[Exception]) -> None:
    """Lambda logs an uncaught error's text and hands it to the caller: only kind and place are left of it."""
    with pytest.raises(UnexpectedError) as raised:
        invoke(raises(kind(SECRET)), {"run_id": "run-1"})
    assert SECRET not in str(raised.value)
    assert raised.value.__suppress_context__
    text = lines.getvalue()
    assert SECRET not in text
    (line,) = logged(lines)
    assert (line["run_id"], line["error"]) == ("run-1", kind.__name__)


@pytest.mark.parametrize(("level", "written"), [("DEBUG", 3), ("INFO", 2), ("WARNING", 1), ("ERROR", 0)])
def test_the_stack_file_decides_what_is_written(
    lines: io.StringIO, monkeypatch: pytest.MonkeyPatch, level: str, written: int
) -> None:
    """`LOG_LEVEL` holds for our lines and the core's, whatever Lambda's own filter lets pass."""

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        for own in (logger, logging.getLogger("orgsync.shared.retries")):
            own.debug("debug")
            own.info("info")
            own.warning("warning")
        return {}

    monkeypatch.setenv("LOG_LEVEL", level)
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", "DEBUG")
    invoke(handler, {"run_id": "run-1"})
    assert len(logged(lines)) == 2 * written


def test_the_clients_of_aws_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """At DEBUG they would write whole requests, with the contact in it; the runtime opens the root's level."""
    logging.getLogger().setLevel(logging.DEBUG)
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    invoke(says("any"), {"run_id": "run-1"})
    for name in ("botocore", "botocore.endpoint", "botocore.parsers", "boto3", "urllib3.connectionpool", "asyncio"):
        assert not logging.getLogger(name).isEnabledFor(logging.DEBUG), name
