"""The components as a Pulumi package: `orgsync:index:ContactSync` for programs in any language.

Pulumi starts this file by `PulumiPlugin.yaml`, or as the command `pulumi-resource-orgsync`.
"""

import json
import sys
from pathlib import Path
from typing import Any

# Started as a file, Python looks for modules beside it, where none is meant to be found. In a checkout the library is
# one level up; in an installation it is on the path already.
HERE = Path(__file__).resolve().parent
sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]
if (HERE.parent / "orgsync").is_dir():
    sys.path.insert(0, str(HERE.parent))

from pulumi import ComponentResource, Inputs, ResourceOptions  # noqa: E402
from pulumi.errors import InputPropertyError  # noqa: E402
from pulumi.provider import ConstructResult  # noqa: E402
from pulumi.provider import main as serve  # noqa: E402
from pulumi.provider.experimental.component import ComponentProvider  # noqa: E402
from pulumi.provider.server import ComponentInitError  # noqa: E402

from orgsync import __version__  # noqa: E402
from orgsync.components.contact_sync.component import ContactSync  # noqa: E402

PACKAGE = "orgsync"
COMPONENTS: list[type[ComponentResource]] = [ContactSync]
SCHEMA = HERE / "schema.json"


class Package(ComponentProvider):
    """The components, and their schema as Pulumi infers it from annotations and docstrings."""

    def __init__(self) -> None:
        super().__init__(COMPONENTS, PACKAGE, version=__version__)

    def construct(
        self, name: str, resource_type: str, inputs: Inputs, options: ResourceOptions | None = None
    ) -> ConstructResult:
        """Make a component.

        Pulumi drops arguments that a component has not: misspelt, an exclusion would pass for one that is not given.

        Raises:
            InputPropertyError: an argument is none of the component's.
        """
        known = json.loads(self.schema or "{}")["resources"][resource_type]["inputProperties"]
        given = {argument for argument, value in inputs.items() if value is not None}
        for unknown in sorted(given - known.keys()):
            raise InputPropertyError(unknown, f"{unknown}: is not an argument; allowed: {', '.join(sorted(known))}")
        try:
            return super().construct(name, resource_type, inputs, options)
        except ComponentInitError as error:
            # What the owner got wrong is no failure of the program: it is told as it stands, without a traceback.
            if isinstance(error.inner, ValueError):
                said = str(error.inner)
                raise InputPropertyError("deployment" if "deployment" in said else "contactSync", said) from error
            raise


def schema() -> dict[str, Any]:
    """The package's schema."""
    inferred: dict[str, Any] = json.loads(Package().schema or "{}")
    return inferred


def main() -> None:
    """Serve the components until the engine that asked for them is done."""
    serve(Package(), sys.argv[1:])


if __name__ == "__main__":
    main()
