"""The page: sections put together and written as one HTML file."""
