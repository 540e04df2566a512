"""Cameras in a kitchen: masks, phones and more seen in zones, alarms that last, snapshots that spare bystanders."""
