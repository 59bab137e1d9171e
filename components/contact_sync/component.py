"""ContactSync: the public, versioned component. It composes the others and says what it made."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync import deployment as settings
from orgsync.components.contact_sync.forwarding import Forwarding
from orgsync.components.contact_sync.functions import declare_functions
from orgsync.components.contact_sync.initial_sync import DeploySync, template_body
from orgsync.components.contact_sync.member_events import MemberEvents
from orgsync.components.contact_sync.monitoring import Watch, dashboard_address
from orgsync.components.contact_sync.organization import check_excluded, reach
from orgsync.components.contact_sync.state_machine import Pipeline
from orgsync.components.contact_sync.stores import Stores
from orgsync.components.contact_sync.triggers import Triggers
from orgsync.components.shared.function import Function
from orgsync.components.shared.notifications import Notifications
from orgsync.components.shared.stack_context import Place
from orgsync.components.shared.trail import Trail
from orgsync.contact_sync.names import discovery_parameter


class ContactSyncArgs(TypedDict):
    """Everything is optional: nothing given deploys something safe."""

    contact_sync: NotRequired[dict[str, Any]]
    """What the owner decides about contacts, in the keys of `orgsync:contact_sync` in a stack file and of a version in
    the configuration table: `contact_types` (of primary, billing, operations, security; all by default),
    `excluded_accounts` (ids), `excluded_units` (paths or ids), `excluded_tags` (key to value or values),
    `on_source_delete` (ignore, propagate or alert), `schedule` (a rate or cron expression), `notification_settings`
    (who hears of what), `retry_config`, `verify_config`, `pacing` (calls per second by operation) and `paused`. A key
    that is none of these is refused at preview."""
    deployment: NotRequired[dict[str, Any]]
    """How this stack runs, in the keys of `orgsync:deployment` in a stack file: `log_level`, `log_retention_days`,
    `receipt_retention_days`, `tracing`, `point_in_time_recovery`, `protect`, `trail` (one of its own, where the
    organization has none), `memory` (MB by function), `initial_sync` (what a deployment waits for and fails on),
    `member_events` and `member_units` (whether and where members' own changes are forwarded) and
    `throttles_tolerated`. A key that is none of these is refused at preview."""


class ContactSync(pulumi.ComponentResource):
    """Keeps the contacts of every account of an organization equal to the management account's own."""

    state_machine_arn: pulumi.Output[str]
    """The state machine that every bell starts."""
    config_table: pulumi.Output[str]
    """Name of the table of configuration versions."""
    state_table: pulumi.Output[str]
    """Name of the table of runs, receipts and the lease."""
    run_bucket: pulumi.Output[str]
    """Name of the bucket of batches and reports."""
    topic_arn: pulumi.Output[str]
    """The topic that carries runs' outcomes and alarms."""
    dashboard: pulumi.Output[str]
    """Address of the dashboard in the console."""
    discovery_parameter: pulumi.Output[str]
    """Name of the SSM parameter by which the `orgsync` command finds this stack."""
    initial_sync: pulumi.Output[dict[str, str]]
    """What the last reconciliation by a deployment did: `RunId`, `Status` (`completed`, `partial`, `failed`, `started`,
    `handed_over`, `paused` or `unchanged`), `Severity`, `Scenario`, `Error` (the class of a run that failed), and the
    counts `Succeeded`, `Skipped` and `Failed`, of accounts and kinds."""

    def __init__(self, name: str, args: ContactSyncArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("orgsync:index:ContactSync", name, {}, opts)
        below = pulumi.ResourceOptions(parent=self)
        given = settings.arguments(args)
        document = given["contact_sync"]
        config = settings.contact_sync(document)
        deployment = settings.deployment(given["deployment"])
        place = self._place(name)
        place.check_topic(config.notification_settings.fallback_sns_topic)
        hub = config.notification_settings.user_notifications_config.notification_hub_region
        if hub:
            place.check_region(
                hub,
                "orgsync:contact_sync notification_settings.user_notifications_config.notification_hub_region",
            )
        # Before AWS is asked about every account that it names.
        sync_template = template_body(place, document, deployment.initial_sync)
        check_excluded(place.account, config, self._asked)
        reached = reach(place.account, deployment.member_units, self._asked) if deployment.member_events else None
        if reached:
            place = replace(place, organization=reached.organization)

        stores = Stores(name, place, deployment, opts=below)
        notifications = Notifications(name, place, config.notification_settings, key=stores.key.arn, opts=below)
        functions = declare_functions(name, place, deployment, stores, notifications, opts=below)
        pipeline = Pipeline(
            name,
            place,
            deployment,
            key=stores.key.arn,
            functions=[functions[part].function for part in ("plan", "process", "report")],
            opts=below,
        )
        triggers = Triggers(
            name,
            place,
            config,
            stores=stores,
            state_machine=pipeline.state_machine,
            report=functions["report"].function,
            opts=below,
        )
        needs: list[pulumi.Resource] = [stores, notifications, *functions.values(), pipeline, triggers]
        if place.of_account_events != place:
            needs.append(Forwarding(name, place, dead_bells=stores.dead_bells.arn, opts=below))
        if deployment.trail:
            needs.append(Trail(name, place, deployment, key=stores.key.arn, opts=below))
        if reached:
            needs.append(
                MemberEvents(
                    name,
                    place,
                    reached.targets,
                    stores=stores,
                    state_machine=pipeline.state_machine,
                    triggers=triggers,
                    needs=list(needs),
                    opts=below,
                )
            )
        sync = DeploySync(
            name,
            place,
            sync_template,
            # Rules and schedule too: no event may fall between the first reconciliation and the first bell. Not
            # members' own events: their stack set takes as long as the organization is large, and may be refused.
            needs=needs,
            opts=below,
        )
        Watch(name, place, deployment, config, topics=notifications.alarm_topics, first_run=sync, opts=below)

        self.state_machine_arn = pipeline.state_machine.arn
        self.config_table = stores.config_table.name
        self.state_table = stores.state_table.name
        self.run_bucket = stores.bucket.bucket
        self.topic_arn = notifications.topic.arn
        self.dashboard = pulumi.Output.from_input(dashboard_address(place))
        self.initial_sync = sync.outcome
        self.discovery_parameter = self._discovery(name, place, functions)
        self.register_outputs(
            {
                "state_machine_arn": self.state_machine_arn,
                "config_table": self.config_table,
                "state_table": self.state_table,
                "run_bucket": self.run_bucket,
                "topic_arn": self.topic_arn,
                "dashboard": self.dashboard,
                "discovery_parameter": self.discovery_parameter,
                "initial_sync": self.initial_sync,
            }
        )

    @property
    def _asked(self) -> pulumi.InvokeOptions:
        """Questions go to the provider of this component's children."""
        return pulumi.InvokeOptions(parent=self)

    def _place(self, name: str) -> Place:
        """Where the provider of this component's children stands."""
        caller = aws.get_caller_identity(opts=self._asked)
        return Place(
            prefix=f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}",
            stack=pulumi.get_stack(),
            # The account's own: what the provider calls the partition follows the region, right or wrong.
            partition=caller.arn.split(":")[1],
            region=aws.get_region(opts=self._asked).region,
            account=caller.account_id,
        )

    def _discovery(self, name: str, place: Place, functions: Mapping[str, Function]) -> pulumi.Output[str]:
        """The one parameter by which the command finds what stands here."""
        parameter = aws.ssm.Parameter(
            name,
            name=discovery_parameter(place.prefix),
            type="String",
            description=f"Where the orgsync command finds {place.prefix}",
            # Names only, and legible in a preview: no secret is among them.
            insecure_value=pulumi.Output.json_dumps(
                {
                    "stack": place.stack,
                    "state_machine_arn": self.state_machine_arn,
                    "config_table": self.config_table,
                    "state_table": self.state_table,
                    "run_bucket": self.run_bucket,
                    "topic_arn": self.topic_arn,
                    "functions": {part: function.function.name for part, function in functions.items()},
                },
                sort_keys=True,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return parameter.name
