"""The commands of operators and editors: `board`, `watch`, `verify`, `doctor`, `record`, `replay`."""
