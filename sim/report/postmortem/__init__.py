"""The post-mortem of a run, from a `Result` alone: `account.py` as data, `text.py` as Markdown."""
