"""Services: what the vault can do, by subject. ``service.py`` lists it, ``jobs.py`` what runs without a request."""
