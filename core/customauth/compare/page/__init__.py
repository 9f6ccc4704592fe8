"""The page of a comparison: one HTML file that needs nothing beside it and asks no network for anything."""

from customauth.compare.page.html import render as render

__all__ = ["render"]
