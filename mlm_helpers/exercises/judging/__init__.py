"""How an answer is read and judged."""
