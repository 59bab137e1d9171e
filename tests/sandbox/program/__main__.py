"""A small system: a table, a bucket, a function and the rule that calls it, a queue for what fails."""

import json

import pulumi
import pulumi_aws as aws

settings = pulumi.Config("orgsync").require_object("contact_sync")
trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


class System(pulumi.ComponentResource):
    """All of it, under one name."""

    def __init__(self, name: str) -> None:
        super().__init__("sample:index:System", name)
        within = pulumi.ResourceOptions(parent=self)
        table = aws.dynamodb.Table(
            "table",
            name=settings["names"]["table"],
            billing_mode="PAY_PER_REQUEST",
            hash_key="id",
            attributes=[{"name": "id", "type": "S"}],
            opts=within,
        )
        bucket = aws.s3.Bucket("bucket", force_destroy=True, opts=within)
        role = aws.iam.Role(
            "role", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}), opts=within
        )
        statement = table.arn.apply(lambda arn: {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": arn})
        aws.iam.RolePolicy(
            "may-read",
            role=role.name,
            policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [statement]}),
            opts=within,
        )
        function = aws.lambda_.Function(
            "function",
            runtime="python3.13",
            handler="app.handler.handler",
            role=role.arn,
            code=pulumi.AssetArchive({"app/handler.py": pulumi.FileAsset("app/handler.py")}),
            environment={"variables": {"TABLE": table.name, "BUCKET": bucket.bucket}},
            opts=within,
        )
        queue = aws.sqs.Queue("failed", message_retention_seconds=86400 * settings["retention"], opts=within)
        rule = aws.cloudwatch.EventRule("rule", event_pattern=json.dumps({"source": ["sample"]}), opts=within)
        aws.cloudwatch.EventTarget(
            "target", rule=rule.name, arn=function.arn, dead_letter_config={"arn": queue.arn}, opts=within
        )
        aws.lambda_.Permission(
            "permission",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="events.amazonaws.com",
            source_arn=rule.arn,
            opts=within,
        )
        if settings.get("archive"):
            aws.sqs.Queue("archive", opts=within)
        self.function = function.name
        self.table = table.name
        self.queue = queue.url
        self.register_outputs({"function": self.function})


system = System("system")
pulumi.export("function", system.function)
pulumi.export("table", system.table)
pulumi.export("queue", system.queue)
pulumi.export("account", aws.get_caller_identity().account_id)
