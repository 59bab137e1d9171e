"""Rehearsals: one file describes an organization and the steps that happen in it; running it gives a report."""

from orgsync.sandbox.rehearsal.load import ScenarioInvalid, load, validate
from orgsync.sandbox.rehearsal.model import Scenario
from orgsync.sandbox.rehearsal.progress import ProgressReporter
from orgsync.sandbox.rehearsal.rehearse import rehearse

__all__ = ["ProgressReporter", "Scenario", "ScenarioInvalid", "load", "rehearse", "validate"]
