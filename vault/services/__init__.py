"""Services: what the vault can do, by subject. ``service.py`` lists all of it on one page."""
