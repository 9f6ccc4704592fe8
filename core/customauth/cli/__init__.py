"""The ``customauth`` command: one file a command. Only this package prints or exits."""
