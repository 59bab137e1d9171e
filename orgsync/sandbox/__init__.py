"""An AWS that fits in a process, and a way to deploy the unmodified program into it."""
