"""ticker: exchange streams into Redis, an honest 24-hour change, and a sidebar that moves."""

__version__ = "0.1.0"
