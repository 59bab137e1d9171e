"""Linters of others, without the findings that they make for lack of knowledge."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import parliament
from cfnlint.api import lint_all

ASL = Path(__file__).parents[1] / "tools/asl/node_modules/.bin/asl-validator"

# Its table wants every kind of execution at once for this one; ours are never express.
NOT_EXPRESS = ("RESOURCE_MISMATCH", "states:DescribeExecution")
NOT_IN_ITS_TABLE = (
    # A global key newer than the table.
    "Unknown condition aws:SourceOrgID",
    # A key's policy for CloudWatch Logs, as its guide has it, with an ARN in the encryption context.
    "Unknown condition kms:EncryptionContext:aws:logs:arn for action kms:DescribeKey",
    "Type mismatch: ArnLike requires a value of type Arn but given String",
    # A role's trust is about the role itself.
    "Statement contains neither Resource nor NotResource",
)


def policy_mistakes(document: str) -> list[str]:
    """Return parliament's findings in a policy, but for those about what it does not know."""
    policy = json.loads(document)
    # It stops at a condition on a list of ARNs, a type that it does not know.
    for statement in policy["Statement"]:
        if "ForAllValues:ArnEquals" in statement.get("Condition", {}):
            statement["Condition"] = {}
    findings = parliament.analyze_policy_string(json.dumps(policy)).findings
    return [f"{finding.issue}: {finding.detail}" for finding in findings if not _known(finding)]


def _known(finding: Any) -> bool:
    if str(finding.detail).startswith(NOT_IN_ITS_TABLE):
        return True
    # In a key's policy "*" is the key itself.
    if finding.issue == "RESOURCE_STAR" and all(action.startswith("kms:") for action in finding.detail):
        return True
    details = finding.detail if isinstance(finding.detail, list) else []
    return any(isinstance(one, dict) and (finding.issue, one.get("action")) == NOT_EXPRESS for one in details)


def template_mistakes(template: str) -> list[str]:
    """Return cfn-lint's errors and warnings about a template; its notes are about style."""
    return [str(match) for match in lint_all(template) if match.rule.severity != "informational"]


def machine_mistakes(definition: str, folder: Path) -> list[str]:
    """Return findings of cfn-lint about a state machine in a template, and of asl-validator about the machine."""
    machine = {"RoleArn": "arn:aws:iam::100000000001:role/any", "Definition": json.loads(definition)}
    template = {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine}}}
    found = template_mistakes(json.dumps(template))
    if validator_is_there():
        file = folder / "machine.json"
        file.write_text(definition)
        done = subprocess.run([str(ASL), "--json-path", str(file)], capture_output=True, text=True, check=False)
        if done.returncode:
            found.append(done.stdout + done.stderr)
    return found


def validator_is_there() -> bool:
    """Return whether `make test` could fetch asl-validator: it needs npm."""
    return ASL.exists() and shutil.which("node") is not None
