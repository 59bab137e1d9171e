"""The components as a Pulumi package: `orgsync:index:ContactSync` for programs in any language.

Pulumi starts this file by `PulumiPlugin.yaml`, or as the command `pulumi-resource-orgsync`.
"""

import json
import sys
from pathlib import Path
from typing import Any

# Started as a file, Python looks for modules beside it. There `packaging.py` would stand for the library of
# that name, which Pulumi imports; `components` and `handlers` are one level up.
HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(path for path in sys.path if Path(path).resolve() != HERE)]

from pulumi import ComponentResource  # noqa: E402
from pulumi.provider.experimental import component_provider_host  # noqa: E402
from pulumi.provider.experimental.component import ComponentProvider  # noqa: E402

from components import __version__  # noqa: E402
from components.contact_sync import ContactSync  # noqa: E402

PACKAGE = "orgsync"
COMPONENTS: list[type[ComponentResource]] = [ContactSync]
SCHEMA = HERE / "schema.json"


def schema() -> dict[str, Any]:
    """The package's schema as Pulumi infers it from annotations and docstrings."""
    inferred: dict[str, Any] = json.loads(ComponentProvider(COMPONENTS, PACKAGE, version=__version__).schema or "{}")
    return inferred


def main() -> None:
    """Serve the components until the engine that asked for them is done."""
    component_provider_host(COMPONENTS, PACKAGE, version=__version__)


if __name__ == "__main__":
    main()
