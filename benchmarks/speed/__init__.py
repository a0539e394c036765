"""Speed, side by side with Meta's `sam2` and with `transformers`: ``make bench``."""
