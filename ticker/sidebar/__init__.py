"""Pure: the sidebar as HTML: its page, its fragment, its words and the gallery of its forms."""
