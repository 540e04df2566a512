"""SQLite under one writer: group commit over lanes, migrations, room on the disk, recovery."""
