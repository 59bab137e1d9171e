"""IAM statements of contact sync's roles, each a pure function of the stack context.

Resources' own policies are in `resource_policies`. A wildcard stands only under a comment that gives its reason.
"""

from collections.abc import Iterable

from orgsync.components.contact_sync.resource_names import execution_arns, logical_id, run_bucket_arn, state_machine_arn
from orgsync.components.shared.stack_context import StackContext
from orgsync.components.shared.statements import Statement, allow, dead_letters, in_own_account, key_use, traces
from orgsync.contact_sync.names import (
    ALTERNATES,
    CONFIGURATION_OBJECT,
    FunctionName,
    Operation,
    manifest_key,
    report_key,
)

_Condition = dict[str, dict[str, list[str]]]


def configuration(table: str, *operations: str) -> Statement:
    """Allow these operations on the configuration's versions."""
    return allow("Configuration", [f"dynamodb:{operation}" for operation in operations], table)


def state(table: str, *operations: str) -> Statement:
    """Allow these operations on runs, receipts and the lease. Nobody deletes (items expire) or looks into an index."""
    return allow("State", [f"dynamodb:{operation}" for operation in operations], table)


def read_configurations(context: StackContext) -> Statement:
    """Allow to read every version of the configuration that a deployment hands over."""
    objects = f"{run_bucket_arn(context)}/{CONFIGURATION_OBJECT}"
    return allow("ReadConfigurations", ["s3:GetObjectVersion"], objects, in_own_account(context))


def read_batches(context: StackContext) -> Statement:
    """Allow to read the batches of any run."""
    # Runs name themselves as they start.
    return allow(
        "ReadBatches", ["s3:GetObject"], f"{run_bucket_arn(context)}/runs/*/batches/*", in_own_account(context)
    )


def write_batches(context: StackContext) -> Statement:
    """Allow to write the batches of any run and their list."""
    # Runs name themselves as they start.
    written = [f"{run_bucket_arn(context)}/runs/*/batches/*", f"{run_bucket_arn(context)}/{manifest_key('*')}"]
    return allow("WriteBatches", ["s3:PutObject"], written, in_own_account(context))


def write_reports(context: StackContext) -> Statement:
    """Allow to write the report of any run."""
    # Runs name themselves as they start.
    return allow(
        "WriteReports", ["s3:PutObject"], f"{run_bucket_arn(context)}/{report_key('*')}", in_own_account(context)
    )


def _account(operation: Operation) -> str:
    return f"account:{operation}"


def _own_account(context: StackContext) -> str:
    """Return the management account as a resource of Account Management (it has no region)."""
    return f"arn:{context.partition}:account::{context.account}:account"


def _organization(context: StackContext) -> str:
    """Return the organization's id in ARNs and paths."""
    # Where it is not known, o-* is the same one: an organization belongs to one management account,
    # and that account stands before it in every ARN.
    return context.organization or "o-*"


def _alternates_only() -> _Condition:
    """Condition a statement on every alternate contact, whichever of them are configured.

    `contact_types` may change
    while a run is under way.

    A condition on a key with several values must be ForAnyValue or ForAllValues [doc]. AWS's example
    has the types in capitals; should they come otherwise, they match all the same.
    """
    types = sorted(kind.upper() for kind in ALTERNATES)
    return {"ForAnyValue:StringEqualsIgnoreCase": {"account:AlternateContactTypes": types}}


def read_source(context: StackContext) -> list[Statement]:
    """Allow to read the management account's own contacts."""
    return [
        allow("ReadSource", [_account(Operation.GET_PRIMARY)], _own_account(context)),
        allow("ReadSourceAlternates", [_account(Operation.GET_ALTERNATE)], _own_account(context), _alternates_only()),
    ]


def write_members(context: StackContext) -> list[Statement]:
    """Allow to read and write members' contacts, and never the management account's.

    A primary contact cannot be deleted, and no statement here could.
    """
    # All members of the one organization, wherever in it they stand: units come and go without a deployment,
    # and which of them are skipped is configuration, which a run reads.
    members = f"{_own_account(context)}/{_organization(context)}/*"
    # The ARN confines them: no condition on `account:AccountResourceOrgPaths` besides, which AWS lists under no action;
    # did it not send the key, every write would be refused.
    primary = [_account(Operation.GET_PRIMARY), _account(Operation.PUT_PRIMARY)]
    changes = [_account(Operation.PUT_ALTERNATE), _account(Operation.DELETE_ALTERNATE)]
    alternates = [_account(Operation.GET_ALTERNATE), *changes]
    writes = sorted([_account(Operation.PUT_PRIMARY), *changes])
    # By itself, and as the member of the organization that it is too.
    source = [_own_account(context), f"{_own_account(context)}/{_organization(context)}/{context.account}"]
    return [
        allow("SyncMembers", primary, members),
        allow("SyncMembersAlternates", alternates, members, _alternates_only()),
        {"Sid": "NeverTheSource", "Effect": "Deny", "Action": writes, "Resource": source},
    ]


def see_members(context: StackContext, *operations: str) -> Statement:
    """Allow these operations on one member, such as seeing its state.

    Its ARN names the one organization of this account.
    """
    # Members come and go without a deployment.
    members = f"arn:{context.partition}:organizations::{context.account}:account/{_organization(context)}/*"
    return allow("SeeMembers", [f"organizations:{operation}" for operation in operations], members)


def walk_organization(context: StackContext) -> list[Statement]:
    """Allow to list the organization's accounts and to walk its units."""
    organizations = f"arn:{context.partition}:organizations::{context.account}"
    # These know no resource: Organizations answers for the whole organization.
    whole = ["organizations:DescribeOrganization", "organizations:ListAccounts", "organizations:ListRoots"]
    # The ids of the organization's root and units are found by asking; the account keeps them to ours.
    below = [
        "organizations:DescribeOrganizationalUnit",
        "organizations:ListAccountsForParent",
        "organizations:ListOrganizationalUnitsForParent",
        "organizations:ListParents",
    ]
    # The root and units of the one organization, whichever they are.
    units = [f"{organizations}:{kind}/{_organization(context)}/*" for kind in ("ou", "root")]
    # Listing belongs to the organization as a whole, as said above; walking is held to it.
    return [allow("ListOrganization", whole, "*"), allow("WalkOrganization", below, units)]


def start_runs(context: StackContext) -> Statement:
    """Allow to start a run; a second time changes nothing."""
    return allow("StartRuns", ["states:StartExecution"], state_machine_arn(context))


def see_stack(context: StackContext) -> Statement:
    """Allow to see whether the stack that holds the custom resource is being rolled back."""
    stack = context.name(FunctionName.INITIAL_SYNC)
    # CloudFormation ends a stack's ARN with an id of its own.
    return allow("SeeStack", ["cloudformation:DescribeStacks"], context.arn("cloudformation", f"stack/{stack}/*"))


def see_runs(context: StackContext) -> Statement:
    """Allow to see whether a run still lives, and what its execution answered. A run's own: its children are none."""
    return allow("SeeRuns", ["states:DescribeExecution"], execution_arns(context)[0])


def polling(context: StackContext, function: str) -> list[Statement]:
    """Allow crhelper's polling: a rule, named after the resource, that invokes the function itself."""
    # The rule's name is the logical id and eight random characters.
    rule = context.arn("events", f"rule/{logical_id(context)}{'?' * 8}")
    target = context.function(function)
    return [
        allow("PollingRule", ["events:DeleteRule", "events:PutRule", "events:RemoveTargets"], rule),
        allow(
            "PollingTarget",
            ["events:PutTargets"],
            rule,
            # Of no target at all, everything would hold.
            {"ForAllValues:ArnEquals": {"events:TargetArn": target}, "Null": {"events:TargetArn": "false"}},
        ),
        allow(
            "PollingInvokes",
            ["lambda:AddPermission"],
            target,
            {"StringEquals": {"lambda:Principal": "events.amazonaws.com"}},
        ),
        # Taking a permission away names no principal; that the request is compared with one all the same is not known.
        allow("PollingEnds", ["lambda:RemovePermission"], target),
    ]


def state_machine_role(context: StackContext, key: str, functions: Iterable[str], *, tracing: bool) -> list[Statement]:
    """Allow what the state machine does: its functions, the batches' list, its own Distributed Map, its traces."""
    return [
        allow("Functions", ["lambda:InvokeFunction"], [context.function(function) for function in functions]),
        # Runs name themselves as they start.
        allow("Batches", ["s3:GetObject"], f"{run_bucket_arn(context)}/{manifest_key('*')}", in_own_account(context)),
        # A Distributed Map starts its children as executions of the machine itself.
        allow("Children", ["states:StartExecution"], state_machine_arn(context)),
        allow("WatchChildren", ["states:DescribeExecution", "states:StopExecution"], execution_arns(context)),
        key_use(context, key, "s3"),
        # Log delivery belongs to the account, not to a group: AWS documents these actions with "*" only.
        allow(
            "LogDelivery",
            [
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:GetLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:UpdateLogDelivery",
            ],
            "*",  # As said above.
        ),
        *([traces(sampling=True)] if tracing else []),
    ]


def forward(context: StackContext) -> Statement:
    """Allow a rule of another region to put events on the default bus of the system's own."""
    return allow("Forward", ["events:PutEvents"], context.bus)


def schedule(context: StackContext, key: str, queue: str) -> list[Statement]:
    """Allow the schedule to start the state machine, and to leave what fails in the encrypted queue itself."""
    return [start_runs(context), dead_letters(queue), key_use(context, key, "sqs")]
