"""The business of an organisation, a folder a domain; a domain is entered through its `service.py` and `events.py`."""
