"""Contact sync: every member account's contacts kept equal to the management account's."""
