"""`python -m cli`, which is the `orgsync` command where it is not installed."""

from .main import main

main(prog_name="orgsync")
