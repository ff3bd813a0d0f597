"""Result tables as records: one row per column says its type, unit, heading, writing and meaning.

Writers, readers, the headings of the report, the tests of the contract and the users' dictionary
(`docs/tables.md`, `results/README.txt`) all come from `records.csv` and `columns.csv`.
"""

from phytomass.tables.dictionary import dictionary_markdown, dictionary_text
from phytomass.tables.methods import method, method_words, methods
from phytomass.tables.records import Column, Pool, Table, pools, read, table, tables, write

__all__ = [
    "Column",
    "Pool",
    "Table",
    "dictionary_markdown",
    "dictionary_text",
    "method",
    "method_words",
    "methods",
    "pools",
    "read",
    "table",
    "tables",
    "write",
]
