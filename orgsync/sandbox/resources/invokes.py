"""Functions that a program may call while it runs (`aws.get_caller_identity()` and the like)."""

import json
from collections.abc import Callable
from typing import Any

from orgsync.sandbox.resources.context import ProviderContext, ResourceFailed, partition_of
from orgsync.sandbox.resources.values import Properties

_SUFFIXES = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com"}


class UnknownInvoke(LookupError):
    """A function that the sandbox does not have."""


def invoke(token: str, arguments: Properties, context: ProviderContext) -> Properties:
    """Call one function; the result has Pulumi's names.

    Raises:
        UnknownInvoke: for a question, or an argument, that is not known here.
    """
    if token not in _ANSWERS:
        raise UnknownInvoke(f"{token}: the sandbox cannot answer this; it knows {', '.join(sorted(_ANSWERS))}")
    known, answer = _ANSWERS[token]
    unknown = sorted(arguments.keys() - known)
    if unknown:
        raise UnknownInvoke(f"{token}: the sandbox does not know the argument {', '.join(unknown)}")
    return answer(arguments, context)


def _caller_identity(_: Properties, context: ProviderContext) -> Properties:
    caller = context.caller()
    account = caller["Account"]
    return {"accountId": account, "arn": caller["Arn"], "userId": caller["UserId"], "id": account}


def _region(arguments: Properties, context: ProviderContext) -> Properties:
    region = arguments.get("region") or arguments.get("name") or context.region
    endpoint = f"ec2.{region}.{_SUFFIXES[partition_of(region)]}"
    return {"region": region, "name": region, "id": region, "description": region, "endpoint": endpoint}


def _partition(_: Properties, context: ProviderContext) -> Properties:
    name = context.partition
    suffix = _SUFFIXES[name]
    return {
        "partition": name,
        "id": name,
        "dnsSuffix": suffix,
        "reverseDnsPrefix": ".".join(reversed(suffix.split("."))),
    }


def _organization(_: Properties, context: ProviderContext) -> Properties:
    client = context.client("organizations", "us-east-1")
    found = client.describe_organization()["Organization"]
    roots = client.list_roots()["Roots"]
    return {
        "id": found["Id"],
        "arn": found["Arn"],
        "featureSet": found["FeatureSet"],
        "masterAccountArn": found["MasterAccountArn"],
        "masterAccountEmail": found["MasterAccountEmail"],
        "masterAccountId": found["MasterAccountId"],
        "managementAccountId": found["MasterAccountId"],
        "roots": [{"id": root["Id"], "arn": root["Arn"], "name": root["Name"]} for root in roots],
    }


def _account(arguments: Properties, context: ProviderContext) -> Properties:
    client = context.client("organizations", "us-east-1")
    id = arguments["accountId"]
    found = client.describe_account(AccountId=id)["Account"]
    tags = client.list_tags_for_resource(ResourceId=id)["Tags"]
    return {
        "accountId": id,
        "arn": found["Arn"],
        "email": found["Email"],
        "id": id,
        "joinedMethod": found["JoinedMethod"],
        "joinedTimestamp": found["JoinedTimestamp"].isoformat(),
        "name": found["Name"],
        "parentId": client.list_parents(ChildId=id)["Parents"][0]["Id"],
        "state": found["State"],
        "tags": {tag["Key"]: tag["Value"] for tag in tags},
    }


def _entity_path(arguments: Properties, context: ProviderContext) -> Properties:
    client = context.client("organizations", "us-east-1")
    entity = arguments["entityId"]
    path = [entity]
    while not path[0].startswith("r-"):
        path.insert(0, client.list_parents(ChildId=path[0])["Parents"][0]["Id"])
    organization = client.describe_organization()["Organization"]["Id"]
    return {"entityId": entity, "entityPath": "/".join([organization, *path, ""]), "id": entity}


def _organizational_unit(arguments: Properties, context: ProviderContext) -> Properties:
    client = context.client("organizations", "us-east-1")
    parent, name = arguments["parentId"], arguments["name"]
    pages = client.get_paginator("list_organizational_units_for_parent").paginate(ParentId=parent)
    for unit in (found for page in pages for found in page["OrganizationalUnits"]):
        if unit["Name"] == name:
            return {"parentId": parent, "name": name, "id": unit["Id"], "arn": unit["Arn"]}
    raise ResourceFailed(f"no unit {name!r} below {parent}")


_BLOCKS = {"actions": "Action", "notActions": "NotAction", "resources": "Resource", "notResources": "NotResource"}


def _policy_document(arguments: Properties, context: ProviderContext) -> Properties:
    statements = [_statement(statement) for statement in arguments.get("statements", [])]
    document: dict[str, Any] = {"Version": arguments.get("version", "2012-10-17"), "Statement": statements}
    if "policyId" in arguments:
        document["Id"] = arguments["policyId"]
    return {**arguments, "json": json.dumps(document, indent=2), "minifiedJson": json.dumps(document), "id": "policy"}


def _statement(declared: Properties) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": declared.get("effect", "Allow")}
    if "sid" in declared:
        statement["Sid"] = declared["sid"]
    for name, block in _BLOCKS.items():
        if name in declared:
            statement[block] = declared[name]
    for name, block in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if name in declared:
            statement[block] = {principal["type"]: principal["identifiers"] for principal in declared[name]}
    for condition in declared.get("conditions", []):
        test = statement.setdefault("Condition", {}).setdefault(condition["test"], {})
        test[condition["variable"]] = condition["values"]
    return statement


_ANSWERS: dict[str, tuple[frozenset[str], Callable[[Properties, ProviderContext], Properties]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": (frozenset({"id"}), _caller_identity),
    "aws:index/getRegion:getRegion": (frozenset({"id", "name", "region"}), _region),
    "aws:index/getPartition:getPartition": (frozenset({"id"}), _partition),
    "aws:organizations/getOrganization:getOrganization": (frozenset({"returnOrganizationOnly"}), _organization),
    "aws:organizations/getAccount:getAccount": (frozenset({"accountId"}), _account),
    "aws:organizations/getEntityPath:getEntityPath": (frozenset({"entityId"}), _entity_path),
    "aws:organizations/getOrganizationalUnit:getOrganizationalUnit": (
        frozenset({"parentId", "name"}),
        _organizational_unit,
    ),
    "aws:iam/getPolicyDocument:getPolicyDocument": (frozenset({"statements", "version", "policyId"}), _policy_document),
}
