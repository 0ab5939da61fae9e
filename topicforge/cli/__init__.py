"""The command line: ``topicforge demo | corpus | train | topics | transform | evaluate | ...``.

Exit codes: 0 all went well; 1 the data, a file or the training failed; 2 the command was wrong (usage,
an unknown name or option, parts that do not fit, an output that exists); 130 interrupted, where
``train`` and ``demo`` have saved the model (1 if there was none yet).

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from topicforge.cli.app import main

__all__ = ["main"]
