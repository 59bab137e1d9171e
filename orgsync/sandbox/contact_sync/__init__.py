"""Contact sync in the sandbox: its rehearsals, its demo, and its simulation in virtual time."""
