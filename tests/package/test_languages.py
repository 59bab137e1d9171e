"""Programs that use ContactSync: by import, as a remote component, and from a language that nobody here wrote for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.contact_sync.configuration import STACK_KEY
from orgsync.sandbox.engines.automation import PulumiEngine
from orgsync.sandbox.engines.opener import open_engine
from orgsync.sandbox.engines.protocol import DeployFailed, Engine
from tests.package.pulumi_cli import LANGUAGE_HOST, CommandFailed, PulumiCli

HERE = Path(__file__).parent
PASSWORD = "correct-horse-battery"


@pytest.mark.slow
def test_a_program_in_python_imports_it_as_often_as_it_likes(cloud: Cloud) -> None:
    """Two systems in one stack, each with its own names; nothing given is everything."""
    with open_engine("inline", cloud, HERE / "imported", STACK_KEY) as engine:
        outputs = engine.up().outputs
        assert (outputs["whole"]["status"], outputs["whole"]["succeeded"]) == ("completed", 12)
        assert (outputs["billing"]["status"], outputs["billing"]["skipped"]) == ("completed", 1)
        assert len(set(outputs["parameters"])) == 2
        engine.destroy()
    assert cloud.leftovers() == []


@pytest.fixture
def engine(cloud: Cloud, cli: Path, on_path: None) -> Iterator[Engine]:
    with open_engine("pulumi", cloud, HERE / "program", STACK_KEY) as opened:
        yield opened


@pytest.mark.engine
@pytest.mark.slow
def test_another_program_keeps_its_contacts_in_sync(engine: Engine, cloud: Cloud) -> None:
    """A remote component from first `up` to `destroy`: it converges, changes nothing unasked, leaves nothing."""
    deployed = engine.up()
    cloud.settle()
    assert deployed.outputs["initial_sync"]["status"] == "completed"
    assert deployed.outputs["initial_sync"]["succeeded"] == 6
    contacts = cloud.account.contacts()
    source = contacts.pop(cloud.organization.management)
    for held in contacts.values():
        assert (held["billing"], held["security"]) == (source["billing"], source["security"])
    report = cloud.client("lambda", region="us-east-1").get_function_configuration(
        FunctionName="platform-dev-contacts-report"
    )
    assert report["Environment"]["Variables"]["FALLBACK_TOPIC_ARN"] == deployed.outputs["fallback"]

    again = engine.up()
    assert again.changes == 0, again.resources
    assert len(cloud.executions()) == len({run["name"] for run in cloud.executions()}) == 1

    engine.destroy()
    assert cloud.leftovers() == []


@pytest.mark.engine
@pytest.mark.slow
def test_the_mistakes_of_another_program_are_named(engine: Engine, cloud: Cloud) -> None:
    """Mistakes in the arguments fail the preview with their paths and remedies, all at once."""
    with pytest.raises(DeployFailed) as refused:
        engine.preview(config={"excludedAccounts": ["12"], "retryConfig": {"attempts": 3}, "excluded_units": ["/A"]})
    said = str(refused.value)
    assert has_problem(said, "contactSync.excludedAccounts[0]", "must be an account id of 12 digits")
    assert has_problem(said, "contactSync.retryConfig.attempts", "is not a key here; allowed: baseDelay, ")
    assert has_problem(said, "contactSync.excluded_units", "is not a key here; allowed: contactTypes, ")
    # What only AWS knows is refused by the component, and named in the same way.
    with pytest.raises(DeployFailed) as refused:
        engine.preview(config={"excludedAccounts": ["299999999999"]})
    assert has_problem(str(refused.value), "contactSync.excludedAccounts[0]", "AWS Organizations does not show the acc")
    assert cloud.leftovers() == []


def has_problem(said: str, path: str, sentence: str) -> bool:
    """Return whether the engine says what is wrong with a property; it puts the value between."""
    return any(f"property {path} " in line and f" has a problem: {sentence}" in line for line in said.splitlines())


@pytest.mark.engine
@pytest.mark.slow
def test_a_program_hands_on_what_it_makes(cloud: Cloud, cli: Path) -> None:
    """Outputs as arguments, two systems in two regions, protection, a transform, and tags of each provider's own."""
    with open_engine("pulumi", cloud, HERE / "outputs", STACK_KEY) as engine:
        assert isinstance(engine, PulumiEngine)
        outputs = engine.up().outputs
        assert [outputs[name]["status"] for name in ("home", "abroad")] == ["completed", "completed"]
        assert [arn.split(":")[3] for arn in outputs["machines"]] == ["us-east-1", "eu-west-1"]

        subscribers = cloud.client("sns", region="us-east-1").list_subscriptions()["Subscriptions"]
        assert {one["Endpoint"] for one in subscribers} == {
            *("first@example.com", "+15550100"),
            *(f"https://{name}:{PASSWORD}@hooks.example.com/alarm" for name in ("hook", "plain")),
        }
        assert retention(cloud, "us-east-1") == {7}
        assert retention(cloud, "eu-west-1") == {90}
        tags = [
            cloud.client("stepfunctions", region=arn.split(":")[3]).list_tags_for_resource(resourceArn=arn)["tags"]
            for arn in outputs["machines"]
        ]
        assert [{tag["value"] for tag in some if tag["key"] == "team"} for some in tags] == [{"platform"}, {"europe"}]

        again = engine.up()
        assert again.changes == 0, again.resources
        # A secret stays one: neither the state nor the history of updates has it in plain text.
        texts = [file for file in engine._work.rglob("*") if file.is_file() and PASSWORD in file.read_text("latin-1")]
        assert texts == []

        with pytest.raises(DeployFailed, match="protected"):
            engine.destroy()
        engine.up(config={"protect": False})
        engine.destroy()
    assert cloud.leftovers() == []


def retention(cloud: Cloud, region: str) -> set[int]:
    """Return the days for which functions' logs are kept in a region."""
    groups = cloud.client("logs", region=region).describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
    return {group["retentionInDays"] for group in groups}


@pytest.fixture
def yaml_program(cloud: Cloud, cli: Path, on_path: None, tmp_path: Path) -> Iterator[PulumiCli]:
    host = find_cli_folder() / LANGUAGE_HOST
    if not host.exists():
        pytest.skip(f"no {LANGUAGE_HOST} beside the Pulumi CLI of this checkout: make engine")
    with PulumiCli.opened(cli, host, HERE / "yaml", cloud, tmp_path) as program:
        program.run("config", "set", "--secret", "hook", f"https://hook:{PASSWORD}@hooks.example.com/alarm")
        yield program


def find_cli_folder() -> Path:
    return Path(__file__).parents[2] / ".engine"


@pytest.mark.engine
@pytest.mark.slow
def test_a_program_in_yaml_from_first_up_to_destroy(yaml_program: PulumiCli, cloud: Cloud) -> None:
    """Pulumi's own host for the language reads the schema: created, unchanged, and gone without a trace."""
    yaml_program.run("up", "--yes", "--skip-preview")
    cloud.settle()
    outputs = yaml_program.outputs()
    assert outputs["accounts"] == 4
    assert outputs["initialSync"] == {
        "status": "completed",
        "succeeded": 4,
        "skipped": 2,
        "failed": 0,
        "scenario": "success_completion",
        "severity": "low",
        "runId": cloud.executions()[0]["name"],
    }
    # Fails if anything would change.
    yaml_program.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    folder = yaml_program.folder.parent
    assert [file for file in folder.rglob("*") if file.is_file() and PASSWORD in file.read_text("latin-1")] == []
    yaml_program.run("destroy", "--yes", "--skip-preview")
    assert cloud.leftovers() == []


@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("excludedAccounts: $", "excludedAcounts: $", ["Property excludedAcounts does not exist", "excludedAccounts"]),
        ("onSourceDelete: ignore", "onSourceDelete: forget", ["OnSourceDelete", "Allowed values are", '"propagate"']),
        ("maxAttempts: 2", "maxAttempt: 2", ["RetryOptions", "Existing properties are: ", "maxAttempts"]),
        # What the language's host cannot know, the package refuses.
        (
            "maxAttempts: 2",
            "maxAttempts: 20",
            ["property contactSync.retryConfig.maxAttempts ", " has a problem: must be at most 10"],
        ),
        (
            "onSourceDelete: ignore",
            "schedule: ${hook}",
            ["property contactSync.schedule ", " has a problem: must be written out", "use a configuration value"],
        ),
    ],
    ids=["key", "enum", "inner key", "bound", "secret"],
)
def test_a_mistake_in_yaml_fails_the_preview(
    yaml_program: PulumiCli, cloud: Cloud, old: str, new: str, said: list[str]
) -> None:
    """Nothing is made, and the message says what is allowed."""
    yaml_program.edit(old, new)
    with pytest.raises(CommandFailed) as refused:
        yaml_program.run("preview")
    assert [text for text in said if text not in str(refused.value)] == []
    assert PASSWORD not in str(refused.value)
    assert cloud.leftovers() == []
