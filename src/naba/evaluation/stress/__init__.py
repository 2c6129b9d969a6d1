"""What perturbed texts do to a classifier's answers: measured, as tables, and as one page."""
