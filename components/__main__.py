"""The components as a Pulumi package: `orgsync:index:ContactSync` for programs in any language.

Pulumi starts this file by `PulumiPlugin.yaml`, or as the command `pulumi-resource-orgsync`.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Started as a file, Python looks for modules beside it, where none is meant to be found. In a checkout the library is
# one level up; in an installation it is on the path already.
HERE = Path(__file__).resolve().parent
sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]
if (HERE.parent / "orgsync").is_dir():
    sys.path.insert(0, str(HERE.parent))

from pulumi import ComponentResource, Inputs, Output, ResourceOptions  # noqa: E402
from pulumi.errors import InputPropertiesError, InputPropertyErrorDetails  # noqa: E402
from pulumi.provider import ConstructResult  # noqa: E402
from pulumi.provider import main as serve  # noqa: E402
from pulumi.provider.experimental.analyzer import ComponentDefinition, TypeDefinition  # noqa: E402
from pulumi.provider.experimental.component import ComponentProvider  # noqa: E402
from pulumi.provider.server import ComponentInitError  # noqa: E402

from orgsync import __version__  # noqa: E402
from orgsync.components.contact_sync import arguments  # noqa: E402
from orgsync.components.contact_sync.component import ContactSync  # noqa: E402
from orgsync.components.package_schema import complete  # noqa: E402
from orgsync.components.shared.arguments import PACKAGE, ArgumentsRefused, RefusedArgument  # noqa: E402
from orgsync.shared.configuration import ConfigurationRefused  # noqa: E402

NAME = "orgsync"
COMPONENTS: list[type[ComponentResource]] = [ContactSync]
SCHEMA = HERE / "schema.json"


class Package(ComponentProvider):
    """The components, with their schema; arguments are read strictly before Pulumi maps them."""

    def __init__(self) -> None:
        super().__init__(COMPONENTS, NAME, version=__version__)
        written = arguments.written(PACKAGE)
        self.schema = json.dumps(
            complete(json.loads(self.schema or "{}"), arguments.validators(), written.spelled_keys())
        )

    def construct(
        self, name: str, resource_type: str, inputs: Inputs, options: ResourceOptions | None = None
    ) -> ConstructResult:
        """Make a component.

        Raises:
            InputPropertiesError: with the path of every argument that cannot be used, and what is wrong with it.
        """
        try:
            return super().construct(name, resource_type, inputs, options)
        except ArgumentsRefused as refused:
            raise _property_errors(refused.refusals) from refused
        except ComponentInitError as error:
            # A mistake of the owner's is no failure of the program: it is said as it stands, without a traceback.
            if isinstance(error.inner, ConfigurationRefused):
                raise _property_errors(arguments.written(PACKAGE).refusals(str(error.inner))) from error
            raise

    def map_inputs(self, inputs: Inputs, component_def: ComponentDefinition) -> Inputs:
        """Return the arguments as the component takes them.

        Pulumi's own mapping drops keys that a type has not: misspelt, an exclusion would pass for one that is not
        given. It also empties lists of enums.

        Raises:
            ArgumentsRefused: an argument cannot be used.
        """
        given: Inputs = arguments.checked(inputs, PACKAGE)
        return given

    def map_complex_output(self, instance_val: Any, type_def: TypeDefinition) -> Any:
        """Return a value in the package's spelling; an enum inside is its text, which Pulumi's own mapping empties."""
        if type_def.enum and not isinstance(instance_val, Output):
            return getattr(instance_val, "value", instance_val)
        return super().map_complex_output(instance_val, type_def)


def _property_errors(refusals: Sequence[RefusedArgument]) -> InputPropertiesError:
    """Return the error by which Pulumi says which arguments cannot be used.

    The engine prints the value of each property that is named in the error's details. Where that may be an address or a
    password, and where there is no property, the message itself has the line, in the engine's own form.
    """
    shown = [one for one in refusals if one.path and not one.private]
    lines = [f"property {one.path} has a problem: {one.sentence}" if one.path else one.sentence for one in refusals]
    hidden = [line for line, one in zip(lines, refusals, strict=True) if one not in shown]
    details = [InputPropertyErrorDetails(property_path=one.path, reason=one.sentence) for one in shown]
    return InputPropertiesError("".join(f"\n\t\t- {line}" for line in hidden), details)


def schema() -> dict[str, Any]:
    """The package's schema."""
    published: dict[str, Any] = json.loads(Package().schema or "{}")
    return published


def main() -> None:
    """Serve the components until the engine that asked for them is done."""
    serve(Package(), sys.argv[1:])


if __name__ == "__main__":
    main()
