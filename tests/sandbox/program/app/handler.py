"""What the sample's function runs."""


def handler(event: object, context: object) -> object:
    """Answers what it is asked."""
    return event
