"""Settings of all tests: the number of examples of a property, and no skipped engine tests in CI."""

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# The spec asks for 100 examples a property. No deadline: the machine is shared and the first example imports.
settings.register_profile("orgsync", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("orgsync"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "orgsync")

ENGINE_REQUIRED = os.environ.get("ORGSYNC_REQUIRE_ENGINE") == "1"
engine_tests_passed: list[str] = []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file whole for xdist (`--dist loadgroup`), but for the tests that name a group of their own."""
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a failure of a skipped engine test where the engine is required."""
    report = yield
    if ENGINE_REQUIRED and report.skipped and item.get_closest_marker("engine"):
        report.outcome = "failed"
        report.longrepr = f"the real engine is required (make engine): {report.longrepr}"
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember which engine tests passed (with xdist: reported to the controller)."""
    if report.when == "call" and report.passed and "engine" in report.keywords:
        engine_tests_passed.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a whole run that never drove the real engine where the engine is required."""
    whole = not session.config.option.keyword and not session.config.option.collectonly
    controller = not hasattr(session.config, "workerinput")
    if ENGINE_REQUIRED and whole and controller and not engine_tests_passed and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why a run failed in which every test passed."""
    if ENGINE_REQUIRED and not engine_tests_passed:
        terminalreporter.write_line("No test drove the real Pulumi engine, which ORGSYNC_REQUIRE_ENGINE=1 asks for.")
