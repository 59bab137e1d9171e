"""The code of the sample's function."""


def handler(event: object, context: object) -> object:
    """Answer with the event itself."""
    return event
