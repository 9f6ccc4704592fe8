"""Named profiles: connection options under a name, in a TOML file; secrets stand there as references only.

``keys`` says what a profile may hold, ``reading`` reads the file, ``references`` follows the references.
"""
