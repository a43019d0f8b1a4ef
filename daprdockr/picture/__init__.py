"""The cluster as tables: rows for programs, and the columns by which people read them. Values in, values out."""
