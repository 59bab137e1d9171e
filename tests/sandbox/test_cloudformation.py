"""Stacks of custom resources, with crhelper on the other side as it is."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.errors import StackError

Declare = Callable[..., str]

HELPED = """
from crhelper import CfnResource
helper = CfnResource(log_level="CRITICAL", sleep_on_delete=0)
@helper.create
@helper.update
def begin(event, context):
    value, old = [event.get(key, {}).get("Value") for key in ("ResourceProperties", "OldResourceProperties")]
    print(event["RequestType"], value, old)
    helper.Data["Said"] = value
    if value == "bad": raise ValueError("not this value")
    if value == "replace": return "another-id"
    return event.get("PhysicalResourceId") or "the-id"
@helper.delete
def end(event, context):
    print("Delete", event["PhysicalResourceId"])
    if event["ResourceProperties"].get("Value") == "sticky": raise ValueError("cannot go")
def handler(event, context):
    helper(event, context)
"""

POLLED = """
import boto3
from crhelper import CfnResource
helper = CfnResource(log_level="CRITICAL", sleep_on_delete=0)
@helper.create
def begin(event, context):
    print("begun")
@helper.poll_create
def poll(event, context):
    rules = boto3.client("events").list_rules()["Rules"]
    print("polled", len(rules))
    table = boto3.client("ssm")
    try:
        table.put_parameter(Name="seen", Value="1", Type="String")
        return None
    except table.exceptions.ParameterAlreadyExists:
        return "polled-id"
@helper.delete
def end(event, context):
    pass
def handler(event, context):
    helper(event, context)
"""


def template(function: str, **properties: Any) -> str:
    resource = {"Type": "Custom::Thing", "Properties": {"ServiceToken": function, **properties}}
    outputs = {"Id": {"Value": {"Ref": "Thing"}}, "Said": {"Value": {"Fn::GetAtt": ["Thing", "Said"]}}}
    return json.dumps({"Resources": {"Thing": resource}, "Outputs": outputs})


def test_a_stack_is_created_updated_and_deleted(cloud: Cloud, declare_function: Declare) -> None:
    """The function gets each request once, with the properties as text, the old ones on update, and its own id."""
    function = declare_function(HELPED)
    created = cloud.cloudformation.create("s", template(function, Value=1))
    assert (created.status, created.outputs) == ("CREATE_COMPLETE", {"Id": "the-id", "Said": "1"})
    assert cloud.leftovers()[-1] == "stack s"
    updated = cloud.cloudformation.update("s", template(function, Value=True))
    assert (updated.status, updated.outputs["Said"]) == ("UPDATE_COMPLETE", "true")
    assert cloud.cloudformation.delete("s").status == "DELETE_COMPLETE"
    assert cloud.cloudformation.describe("s") is None
    cloud.settle(5)
    assert cloud.logs("echo") == ["Create 1 None", "Update true 1", "Delete the-id"]


def test_an_unchanged_resource_is_not_called(cloud: Cloud, declare_function: Declare) -> None:
    """An update without a difference leaves the function alone."""
    function = declare_function(HELPED)
    cloud.cloudformation.create("s", template(function, Value="a"))
    assert cloud.cloudformation.update("s", template(function, Value="a")).status == "UPDATE_COMPLETE"
    cloud.settle(5)
    assert cloud.logs("echo") == ["Create a None"]


def test_a_failed_creation_is_rolled_back_with_the_reason(cloud: Cloud, declare_function: Declare) -> None:
    """The function is asked to delete what it may have begun."""
    created = cloud.cloudformation.create("s", template(declare_function(HELPED), Value="bad"))
    assert created.status == "ROLLBACK_COMPLETE"
    assert "not this value" in created.reason
    cloud.settle(5)
    assert [line.split()[0] for line in cloud.logs("echo")] == ["Create", "Delete"]
    assert cloud.cloudformation.delete("s").status == "DELETE_COMPLETE"


def test_a_failed_update_is_rolled_back_to_the_old_properties(cloud: Cloud, declare_function: Declare) -> None:
    """The function gets a second update, back."""
    function = declare_function(HELPED)
    cloud.cloudformation.create("s", template(function, Value="good"))
    updated = cloud.cloudformation.update("s", template(function, Value="bad"))
    assert (updated.status, updated.outputs["Said"]) == ("UPDATE_ROLLBACK_COMPLETE", "good")
    assert "not this value" in updated.reason
    cloud.settle(5)
    assert cloud.logs("echo") == ["Create good None", "Update bad good", "Update good bad"]


def test_another_physical_id_replaces_the_resource(cloud: Cloud, declare_function: Declare) -> None:
    """The old one is deleted when the update is through."""
    function = declare_function(HELPED)
    cloud.cloudformation.create("s", template(function, Value="a"))
    assert cloud.cloudformation.update("s", template(function, Value="replace")).outputs["Id"] == "another-id"
    cloud.settle(5)
    assert cloud.logs("echo")[-1] == "Delete the-id"


def test_a_resource_that_cannot_go_keeps_the_stack(cloud: Cloud, declare_function: Declare) -> None:
    """DELETE_FAILED says why, and the stack is still there."""
    cloud.cloudformation.create("s", template(declare_function(HELPED), Value="sticky"))
    deleted = cloud.cloudformation.delete("s")
    assert (deleted.status, "cannot go" in deleted.reason) == ("DELETE_FAILED", True)
    assert cloud.cloudformation.describe("s") is deleted


def test_crhelper_polls_until_the_work_is_done(cloud: Cloud, declare_function: Declare) -> None:
    """Its rule ticks on a quickened clock and is gone afterwards, its permission too."""
    created = cloud.cloudformation.create(
        "s",
        json.dumps(
            {"Resources": {"T": {"Type": "Custom::T", "Properties": {"ServiceToken": declare_function(POLLED)}}}}
        ),
    )
    assert created.status == "CREATE_COMPLETE", created.reason
    cloud.settle(5)
    assert cloud.logs("echo") == ["begun", "polled 1", "polled 1"]
    assert [held for held in cloud.leftovers() if held.startswith("rule")] == []


def test_a_crash_of_the_function_is_survived(cloud: Cloud, declare_function: Declare) -> None:
    """CloudFormation invokes asynchronously, so Lambda tries again."""
    function = declare_function(HELPED)
    cloud.faults.add({"function": "echo", "crash": "before", "times": 1})
    assert cloud.cloudformation.create("s", template(function, Value="a")).status == "CREATE_COMPLETE"


def test_a_function_that_never_answers_runs_out_of_time(cloud: Cloud, declare_function: Declare) -> None:
    """ServiceTimeout ends the waiting, and the reason says so."""
    function = declare_function("def handler(event, context): pass")
    created = cloud.cloudformation.create("s", template(function, ServiceTimeout=1))
    assert "did not receive a response" in created.reason


def test_parameters_and_functions_are_worked_out(cloud: Cloud, declare_function: Declare) -> None:
    """Ref, Sub and Join in YAML's short forms; a default stands in."""
    function = declare_function(HELPED)
    text = """
    Parameters: {Token: {Type: String}, Word: {Type: String, Default: w}}
    Resources:
      Thing:
        Type: Custom::Thing
        Properties: {ServiceToken: !Ref Token, Value: !Sub "${Word}-${AWS::Region}", List: !Join ["/", [a, !Ref Word]]}
    Outputs: {Said: {Value: !GetAtt Thing.Said}}
    """
    created = cloud.cloudformation.create("s", text, {"Token": function})
    assert created.outputs == {"Said": "w-us-east-1"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Resources: {B: {Type: 'AWS::S3::Bucket'}}", "custom resources only"),
        ("Resources: {B: {Type: 'Custom::B', Properties: {}}}", "no ServiceToken"),
        ("Resources: {B: {Type: 'Custom::B', Properties: {ServiceToken: !ImportValue x}}}", "!ImportValue"),
        ("Transform: x\nResources: {B: {Type: 'Custom::B'}}", "Transform"),
        ("Parameters: {P: {Type: String}}\nResources: {B: {Type: 'Custom::B', Properties: {ServiceToken: x}}}", "[P]"),
    ],
)
def test_what_a_template_may_not_have_is_refused(cloud: Cloud, text: str, why: str) -> None:
    """Nothing is begun, and the message says what is not emulated or missing."""
    with pytest.raises(StackError) as refused:
        cloud.cloudformation.create("s", text)
    assert why in str(refused.value)
    assert cloud.cloudformation.names() == []
