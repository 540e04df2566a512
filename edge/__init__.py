"""The edge agent: recognises, settles and keeps facts with no network, and syncs when there is one."""
