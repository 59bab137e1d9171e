"""Another team's program: it knows the package by its schema only, and imports nothing of this repository."""

import pulumi
import pulumi_aws as aws


class ContactSync(pulumi.ComponentResource):
    """The content of a generated SDK: the type's name, its arguments and its outputs, as the schema spells them."""

    stateMachineArn: pulumi.Output[str]
    initialSync: pulumi.Output[dict[str, object]]

    def __init__(self, name: str, contact_sync: dict[str, object]) -> None:
        properties = {"contactSync": contact_sync, "stateMachineArn": None, "initialSync": None}
        super().__init__("orgsync:index:ContactSync", name, properties, remote=True)


# Known only once it is made: the component hands it on.
fallback = aws.sns.Topic("fallback")
decisions: dict[str, object] = {
    "notificationSettings": {"fallbackSnsTopic": fallback.arn},
    **(pulumi.Config("orgsync").get_object("contact_sync") or {}),
}

contacts = ContactSync("contacts", decisions)
pulumi.export("state_machine_arn", contacts.stateMachineArn)
pulumi.export("initial_sync", contacts.initialSync)
pulumi.export("fallback", fallback.arn)
