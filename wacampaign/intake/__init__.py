"""Contacts from a CSV file."""

from wacampaign.intake.contacts import (
    Contact,
    Fault,
    FileChanged,
    Progress,
    Rejection,
    Survey,
    contacts,
    survey,
)
from wacampaign.intake.encoding import UnfitFile

__all__ = [
    "Contact",
    "Fault",
    "FileChanged",
    "Progress",
    "Rejection",
    "Survey",
    "UnfitFile",
    "contacts",
    "survey",
]
