"""Step Functions state machines."""

from orgsync.sandbox.resources.api import ApiResource, Tagging
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.values import Properties


class StateMachineResource(ApiResource):
    token = "aws:sfn/stateMachine:StateMachine"
    service = "stepfunctions"
    creates, reads, deletes = "CreateStateMachine", "DescribeStateMachine", "DeleteStateMachine"
    updates = "UpdateStateMachine"
    id_from = "$.stateMachineArn"
    keys = {"id": "stateMachineArn"}
    outputs = {
        "arn": "stateMachineArn",
        "creationDate": "creationDate",
        "revisionId": "revisionId",
        "stateMachineVersionArn": "stateMachineVersionArn",
        "status": "status",
    }
    volatile = frozenset({"revisionId"})
    rename = {"loggingConfiguration.logDestination": "destinations"}
    replace_on = frozenset({"name", "type", "region"})
    identity = ("name", "region")
    resets = {
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
        "loggingConfiguration": {"level": "OFF"},
        "tracingConfiguration": {"enabled": False},
    }
    defaults = {"type": "STANDARD"}
    naming = Naming(longest=80)
    tagging = Tagging(by="resourceArn")

    def arrange(self, inputs: Properties) -> Properties:
        logging = inputs.get("loggingConfiguration")
        if not isinstance(logging, dict) or "logDestination" not in logging:
            return inputs
        group = {"cloudWatchLogsLogGroup": {"logGroupArn": logging["logDestination"]}}
        return {**inputs, "loggingConfiguration": {**logging, "logDestination": [group]}}


RESOURCES = (StateMachineResource(),)
