"""From an article to its claims: sentences, and who says what."""
