"""The doctor's second stage: a connection made step by step, each looked at for itself."""

from customauth.doctor.probe.result import Attempt, Ending, ProbeResult, Reached
from customauth.doctor.probe.staged import probe

__all__ = ("Attempt", "Ending", "ProbeResult", "Reached", "probe")
