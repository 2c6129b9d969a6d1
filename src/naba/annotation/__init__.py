"""People and labels: which labels look wrong, which rows to label next, and what several people's answers say."""
