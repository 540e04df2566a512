"""Payment rules as pure code, used at the lane to decide and in the cloud to judge, show and test."""
