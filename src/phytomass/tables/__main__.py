"""Print the dictionary of every column, as it stands in `docs/tables.md`."""

import sys

from phytomass.tables import dictionary_markdown

if __name__ == "__main__":
    sys.stdout.write(dictionary_markdown())
