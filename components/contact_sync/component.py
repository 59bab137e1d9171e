"""ContactSync: the public, versioned component, which composes the others."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync.alarms import severity_alarm
from orgsync.components.contact_sync.arguments import ContactSyncArgs, InitialSyncResult, settings
from orgsync.components.contact_sync.event_rules import EventRules
from orgsync.components.contact_sync.forwarding import Forwarding
from orgsync.components.contact_sync.functions import declare_functions
from orgsync.components.contact_sync.initial_sync import InitialSync
from orgsync.components.contact_sync.member_events import MemberEvents
from orgsync.components.contact_sync.monitoring import Monitoring, dashboard_address
from orgsync.components.contact_sync.organization import check_excluded, organization_scope
from orgsync.components.contact_sync.state_machine import SyncStateMachine
from orgsync.components.contact_sync.stores import Stores
from orgsync.components.shared.function import Function
from orgsync.components.shared.notifications import Notifications
from orgsync.components.shared.stack_context import StackContext
from orgsync.components.shared.trail import Trail
from orgsync.contact_sync.config import parse
from orgsync.contact_sync.names import FunctionName, discovery_parameter

DOCUMENTS = ("contact_sync", "deployment")
"""Arguments of the component, which are documents of a stack file too."""


NOTHING_GIVEN: ContactSyncArgs = {}
"""No argument; as a default, because Pulumi infers no schema from an optional type."""


class ContactSync(pulumi.ComponentResource):
    """Keeps the contacts of every account of an organization equal to the management account's own."""

    state_machine_arn: pulumi.Output[str]
    """ARN of the state machine that every event starts."""
    config_table: pulumi.Output[str]
    """Name of the table of configuration versions."""
    state_table: pulumi.Output[str]
    """Name of the table of runs, receipts and the lease."""
    run_bucket: pulumi.Output[str]
    """Name of the bucket of batches and reports."""
    topic_arn: pulumi.Output[str]
    """ARN of the topic of runs' outcomes and alarms."""
    dashboard: pulumi.Output[str]
    """Address of the dashboard in the console."""
    discovery_parameter: pulumi.Output[str]
    """Name of the SSM parameter by which the `orgsync` command finds this stack."""
    initial_sync: pulumi.Output[InitialSyncResult]
    """Result of the last initial sync, the run that follows the first deployment and each change of what accounts
    should hold."""

    def __init__(
        self, name: str, args: ContactSyncArgs = NOTHING_GIVEN, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("orgsync:index:ContactSync", name, {}, opts)
        below = pulumi.ResourceOptions(parent=self)
        given = settings(args, today=datetime.now(UTC).date())
        config, deployment = given.config, given.deployment
        context = self._context(name)
        notified = config.notification_settings
        if notified.fallback_sns_topic and notified.fallback_sns_topic not in given.later:
            path = "contact_sync.notification_settings.fallback_sns_topic"
            context.check_topic(notified.fallback_sns_topic, path)
        if hub := notified.user_notifications_config.notification_hub_region:
            path = "contact_sync.notification_settings.user_notifications_config.notification_hub_region"
            context.check_region(hub, path)
        # Before AWS is asked about every account that it names: what is handed over must be valid by itself.
        parse(given.document, "contact_sync")
        check_excluded(context.account, config, self._invoke_options)
        scope = None
        if deployment.member_events:
            scope = organization_scope(context.account, deployment.member_units, self._invoke_options)
            context = replace(context, organization=scope.organization)

        stores = Stores(name, context, deployment, opts=below)
        notifications = Notifications(
            name,
            context,
            notified,
            later=given.later,
            key=stores.key.arn,
            severity_alarm=partial(severity_alarm, context),
            opts=below,
        )
        functions = declare_functions(name, context, deployment, stores, notifications, opts=below)
        machine = SyncStateMachine(
            name,
            context,
            key=stores.key.arn,
            settle=config.new_accounts.settle,
            tracing=deployment.tracing,
            log_retention_days=deployment.log_retention_days,
            functions=[
                functions[part].function for part in (FunctionName.PLAN, FunctionName.PROCESS, FunctionName.REPORT)
            ],
            opts=below,
        )
        event_rules = EventRules(
            name,
            context,
            config,
            key=stores.key.arn,
            failed_events=stores.failed_events.arn,
            state_machine=machine.state_machine,
            report=functions[FunctionName.REPORT].function,
            opts=below,
        )
        needs: list[pulumi.Resource] = [stores, notifications, *functions.values(), machine, event_rules]
        if context.of_account_events != context:
            needs.append(Forwarding(name, context, failed_events=stores.failed_events.arn, opts=below))
        if deployment.trail:
            needs.append(Trail(name, context, protect=deployment.protect, key=stores.key.arn, opts=below))
        if scope:
            needs.append(
                MemberEvents(
                    name,
                    context,
                    scope.targets,
                    stores=stores,
                    state_machine=machine.state_machine,
                    event_rules=event_rules,
                    needs=list(needs),
                    opts=below,
                )
            )
        sync = InitialSync(
            name,
            context,
            given.document,
            deployment.initial_sync,
            stores=stores,
            # Rules and schedule too: no event may fall between the initial sync and the first event. Not
            # members' own events: their stack set takes as long as the organization is large, and may be refused.
            needs=needs,
            opts=below,
        )
        Monitoring(
            name,
            context,
            deployment,
            config,
            topics=notifications.alarm_topics,
            fallback=notifications.fallback,
            first_run=sync,
            opts=below,
        )

        self.state_machine_arn = machine.state_machine.arn
        self.config_table = stores.config_table.name
        self.state_table = stores.state_table.name
        self.run_bucket = stores.bucket.bucket
        self.topic_arn = notifications.topic.arn
        self.dashboard = pulumi.Output.from_input(dashboard_address(context))
        self.initial_sync = sync.outcome
        self.discovery_parameter = self._discovery(name, context, functions)
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
    def _invoke_options(self) -> pulumi.InvokeOptions:
        """Return options by which invokes go to the provider of this component's children."""
        return pulumi.InvokeOptions(parent=self)

    def _context(self, name: str) -> StackContext:
        """Return the context: the account and region of this component's children."""
        caller = aws.get_caller_identity(opts=self._invoke_options)
        return StackContext(
            prefix=f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}",
            stack=pulumi.get_stack(),
            # The account's own: what the provider calls the partition follows the region, right or wrong.
            partition=caller.arn.split(":")[1],
            region=aws.get_region(opts=self._invoke_options).region,
            account=caller.account_id,
        )

    def _discovery(
        self, name: str, context: StackContext, functions: Mapping[FunctionName, Function]
    ) -> pulumi.Output[str]:
        """Declare the one parameter by which the command finds this system."""
        parameter = aws.ssm.Parameter(
            name,
            name=discovery_parameter(context.prefix),
            type="String",
            description=f"How the orgsync command finds {context.prefix}",
            # Names only, and legible in a preview: no secret is among them.
            insecure_value=pulumi.Output.json_dumps(
                {
                    "stack": context.stack,
                    "state_machine_arn": self.state_machine_arn,
                    "config_table": self.config_table,
                    "state_table": self.state_table,
                    "run_bucket": self.run_bucket,
                    "topic_arn": self.topic_arn,
                    "functions": {part.module: function.function.name for part, function in functions.items()},
                },
                sort_keys=True,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return parameter.name
