"""CloudFormation's DescribeStacks, over the sandbox's own stacks: moto does not know them."""

from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from orgsync.sandbox.cloud import refusals, wire
from orgsync.sandbox.cloud.cloudformation import CloudFormation

_NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"


def describe_stacks(environ: dict[str, Any], stacks: CloudFormation) -> refusals.Response:
    """Answer a request about one stack, by its name or ARN: what it is called and in which state it is."""
    name = parse_qs(wire.body(environ).decode()).get("StackName", [""])[0]
    found = stacks.describe(name)
    if found is None:
        return refusals.refusal("cloudformation", "ValidationError", f"Stack with id {name} does not exist")
    parts = {"StackId": found.id, "StackName": found.name, "StackStatus": found.status}
    fields = "".join(f"<{part}>{escape(value)}</{part}>" for part, value in parts.items())
    member = f"<member>{fields}<CreationTime>2026-01-01T00:00:00Z</CreationTime></member>"
    result = f"<DescribeStacksResult><Stacks>{member}</Stacks></DescribeStacksResult>"
    text = f'<DescribeStacksResponse xmlns="{_NAMESPACE}">{result}</DescribeStacksResponse>'
    content = text.encode()
    return "200 OK", [("Content-Type", "text/xml"), ("Content-Length", str(len(content)))], content
