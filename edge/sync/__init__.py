"""The link to the cloud: HTTPS for facts, rights and reference; MQTT for commands, presence and samples."""
