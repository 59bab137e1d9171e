"""Two engines that deploy an unmodified Pulumi program into the emulated cloud."""
