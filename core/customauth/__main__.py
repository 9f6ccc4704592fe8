"""``python -m customauth``: the command, for where its script is not on the path."""

from customauth.cli.start import run

run()
