"""Rehearsals: one file describes an organization and the steps that happen in it; running it gives a report."""
