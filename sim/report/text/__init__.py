"""Results in words: terminal, Markdown, timelines, progress."""
