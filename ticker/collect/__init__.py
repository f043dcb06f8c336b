"""From the exchanges into Redis: connections, feeds, yesterday's candles, and the one writer."""
