"""The host's side of a Pawon sensor board: what it says (`parser`) and what it can be told (`commands`)."""
