"""Jobs: when their runs begin, on which node, and what becomes of them."""
