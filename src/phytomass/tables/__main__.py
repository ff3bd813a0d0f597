"""Print the dictionary of every column, as it stands in `docs/tables.md`."""

import sys

from phytomass.tables import dictionary_markdown

sys.stdout.write(dictionary_markdown())
