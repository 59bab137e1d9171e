"""The engines: the sample program beside this file, deployed, changed, repaired and removed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.engines.opener import EngineMissing, find_cli, open_engine
from orgsync.sandbox.engines.program import Program
from orgsync.sandbox.engines.protocol import Deployed, DeployFailed, Engine

SAMPLE = Path(__file__).parent / "program"
STACK_KEY = "orgsync:contact_sync"
"""The key of the sample's own configuration in its stack file."""
DECLARED = 11
"""Nine resources, their component and the stack."""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A clone of the sample program, that a test may change."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "clone"))


@pytest.fixture(params=["inline", pytest.param("pulumi", marks=pytest.mark.engine)])
def engine(request: pytest.FixtureRequest, cloud: Cloud, program: Path) -> Iterator[Engine]:
    """Each engine in turn: a law of deployments holds for both."""
    if request.param == "pulumi" and find_cli() is None:
        pytest.skip("no Pulumi CLI on PATH or at .engine/pulumi: make engine")
    with open_engine(request.param, cloud, program, STACK_KEY) as opened:
        yield opened


def declare(program: Path, code: str) -> None:
    """Add a line to the program."""
    with (program / "__main__.py").open("a") as file:
        file.write(f"\n{code}\n")


def counts(deployed: Deployed) -> dict[str, int]:
    """The changes of a deployment, without zeros."""
    return {kind: count for kind, count in deployed.resources.items() if count}


def test_preview_foresees_and_does_nothing(engine: Engine, cloud: Cloud) -> None:
    """A preview counts what an `up` would do, and leaves the cloud as it was."""
    assert counts(engine.preview()) == {"create": DECLARED}
    assert cloud.leftovers() == []


def test_what_is_declared_exists(engine: Engine, cloud: Cloud) -> None:
    """An `up` makes the declared things for real, and says what the program exports."""
    deployed = engine.up()
    assert counts(deployed) == {"create": DECLARED}
    assert deployed.outputs["account"] == cloud.organization.management
    table = cloud.client("dynamodb").describe_table(TableName="accounts")["Table"]
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    function = cloud.client("lambda").get_function_configuration(FunctionName=deployed.outputs["function"])
    assert function["Environment"]["Variables"]["TABLE"] == "accounts"


def test_unchanged_program_changes_nothing(engine: Engine) -> None:
    """The second `up` of the same program finds everything as it should be."""
    engine.up()
    assert counts(engine.up()) == {"same": DECLARED}


def test_another_clone_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    """The path of a clone is no part of its declarations."""
    engine.up()
    engine.program = Program(Path(shutil.copytree(SAMPLE, tmp_path / "elsewhere" / "clone")), STACK_KEY)
    assert counts(engine.up()) == {"same": DECLARED}


def test_changed_code_updates_the_function(engine: Engine, program: Path) -> None:
    """Other bytes in the code are a change of the function, and of nothing else."""
    engine.up()
    (program / "app" / "handler.py").write_text("def handler(event, context):\n    return None\n")
    assert counts(engine.up()) == {"update": 1, "same": DECLARED - 1}


def test_configuration_is_laid_over(engine: Engine, cloud: Cloud) -> None:
    """A configuration changes the keys it names and leaves those beside them."""
    queue = engine.up().outputs["queue"]
    deployed = engine.up(config={"retention": 3})
    assert counts(deployed) == {"update": 1, "same": DECLARED - 1}
    assert deployed.outputs["table"] == "accounts"
    found = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert found["MessageRetentionPeriod"] == str(3 * 86400)


def test_another_name_replaces(engine: Engine, cloud: Cloud) -> None:
    """A resource that cannot be renamed is replaced, its users are updated, and the old one is deleted."""
    engine.up()
    deployed = engine.up(config={"names": {"table": "other"}})
    assert counts(deployed) == {"replace": 1, "update": 2, "same": DECLARED - 3}
    assert cloud.client("dynamodb").list_tables()["TableNames"] == ["other"]


def test_what_is_no_longer_declared_goes(engine: Engine, cloud: Cloud) -> None:
    """A resource that is no longer declared is deleted."""
    engine.up(config={"archive": True})
    assert counts(engine.up()) == {"delete": 1, "same": DECLARED}
    assert len(cloud.client("sqs").list_queues()["QueueUrls"]) == 1


def test_deleted_behind_its_back_is_repaired(engine: Engine, cloud: Cloud) -> None:
    """A refresh sees what vanished, and the next `up` makes it again."""
    queue = engine.up().outputs["queue"]
    cloud.client("sqs").delete_queue(QueueUrl=queue)
    assert counts(engine.refresh()) == {"delete": 1, "same": DECLARED - 1}
    assert counts(engine.up())["create"] == 1
    assert len(cloud.client("sqs").list_queues()["QueueUrls"]) == 1


def test_changed_behind_its_back_is_repaired(engine: Engine, cloud: Cloud) -> None:
    """A refresh sees a value that is not the declared one, and the next `up` puts it right."""
    queue = engine.up().outputs["queue"]
    sqs = cloud.client("sqs")
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"MessageRetentionPeriod": "60"})
    assert counts(engine.refresh())["update"] == 1
    assert counts(engine.up()) == {"update": 1, "same": DECLARED - 1}
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert found["MessageRetentionPeriod"] == str(7 * 86400)


def test_destroy_leaves_nothing(engine: Engine, cloud: Cloud) -> None:
    """After a destroy the cloud holds nothing of what was declared."""
    bucket_was_used = engine.up()
    bucket = cloud.client("s3").list_buckets()["Buckets"][0]["Name"]
    cloud.client("s3").put_object(Bucket=bucket, Key="run", Body=b"1")
    assert counts(engine.destroy()) == {"delete": sum(bucket_was_used.resources.values())}
    assert cloud.leftovers() == []


def test_progress_is_told(engine: Engine) -> None:
    """Every creation of a resource is reported while it runs."""
    lines: list[str] = []
    engine.up(on_output=lines.append)
    assert any("function" in line and "create" in line for line in lines)


def test_nothing_is_written_into_the_program(engine: Engine, program: Path) -> None:
    """A deployment leaves the clone as it was, its stack file above all."""
    before = {path: path.read_bytes() for path in program.rglob("*") if path.is_file()}
    engine.up(config={"retention": 1})
    after = {path for path in program.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert after == before.keys()
    assert all(path.read_bytes() == content for path, content in before.items())


def test_failing_program_says_why(engine: Engine, program: Path) -> None:
    """A program that raises fails the deployment with what it said and where."""
    declare(program, 'raise ValueError("the schedule never fires")')
    with pytest.raises(DeployFailed, match=r"ValueError: the schedule never fires \(__main__.py:\d+\)"):
        engine.preview()


def test_unknown_type_is_loud(engine: Engine, program: Path) -> None:
    """A type that the sandbox does not know fails the deployment by its name."""
    declare(program, 'aws.ec2.Vpc("network", cidr_block="10.0.0.0/16")')
    with pytest.raises(DeployFailed, match="aws:ec2/vpc:Vpc: the sandbox does not know this type"):
        engine.up()


def test_unknown_property_is_loud(engine: Engine, program: Path) -> None:
    """A property that the sandbox would ignore fails the deployment by its name."""
    declare(
        program,
        'aws.lambda_.Function("f", role="r", code_signing_config_arn="c", replace_security_groups_on_destroy=True)',
    )
    with pytest.raises(DeployFailed, match="does not know the property replaceSecurityGroupsOnDestroy"):
        engine.preview()


def test_changed_settings_of_the_provider_are_in_force_at_once(engine: Engine, program: Path, cloud: Cloud) -> None:
    """Other default tags are on everything after one `up`, each once."""
    engine.up()
    stack = yaml.safe_load((program / "Pulumi.dev.yaml").read_text())
    for value in ("one", "other"):
        stack["config"]["aws:defaultTags"] = {"tags": {"environment": value}}
        (program / "Pulumi.dev.yaml").write_text(yaml.safe_dump(stack))
        assert engine.up().resources["update"] > 0
        assert engine.preview().changes == 0
        dynamodb = cloud.client("dynamodb")
        (name,) = dynamodb.list_tables()["TableNames"]
        arn = dynamodb.describe_table(TableName=name)["Table"]["TableArn"]
        assert {"Key": "environment", "Value": value} in dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"]
        assert len(dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"]) == 1


def test_a_provider_of_the_programs_own_may_be_the_only_one(engine: Engine, program: Path, cloud: Cloud) -> None:
    """Its resources are in its region; the default provider, which nothing uses, does not count."""
    code = """
import pulumi
import pulumi_aws as aws
there = pulumi.ResourceOptions(provider=aws.Provider("there", region="eu-west-1"))
aws.sqs.Queue("q", name="far-away", opts=there)
"""
    (program / "__main__.py").write_text(code)
    engine.up()
    assert cloud.client("sqs", region="eu-west-1").get_queue_url(QueueName="far-away")


def test_refusal_of_aws_is_the_reason(engine: Engine, program: Path) -> None:
    """A refusal by AWS fails the deployment with AWS's own message."""
    declare(program, 'aws.sqs.Queue("q", name="has space")')
    with pytest.raises(DeployFailed, match="alphanumeric"):
        engine.up()


def test_failed_deployment_can_be_continued(engine: Engine, program: Path, cloud: Cloud) -> None:
    """Resources made before a failure are known, so the next `up` adds the rest."""
    whole = (program / "__main__.py").read_text()
    declare(program, 'aws.sqs.Queue("q", name="has space", opts=pulumi.ResourceOptions(depends_on=[system]))')
    with pytest.raises(DeployFailed):
        engine.up()
    (program / "__main__.py").write_text(whole)
    assert counts(engine.up()) == {"same": DECLARED}


def test_engine_that_is_not_here_is_asked_for(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choosing the real engine where there is none gives an error that says how to get it."""
    monkeypatch.setattr("orgsync.sandbox.engines.opener.find_cli", lambda: None)
    with pytest.raises(EngineMissing, match="make engine"), open_engine("pulumi", cloud, SAMPLE, STACK_KEY):
        pass


def test_auto_takes_what_there_is(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a CLI the engine is the one inside, and says so."""
    monkeypatch.setattr("orgsync.sandbox.engines.opener.find_cli", lambda: None)
    with open_engine("auto", cloud, SAMPLE, STACK_KEY) as opened:
        assert opened.name == "inline"
