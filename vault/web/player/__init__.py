"""The player: links, sessions and the page that plays a recording."""
