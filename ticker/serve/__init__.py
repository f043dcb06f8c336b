"""From Redis to readers: one public port, prepared answers, and one frame per group of websocket clients."""
