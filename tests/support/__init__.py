"""What tests of every area share: fixtures stay in conftest files, helpers are imported from here."""
