"""The Pulumi types that the sandbox can create in the emulated cloud; one module for each service."""
