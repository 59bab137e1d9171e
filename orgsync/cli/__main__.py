"""`python -m orgsync.cli`, which is the `orgsync` command where it is not installed."""

from orgsync.cli.main import main

main(prog_name="orgsync")
