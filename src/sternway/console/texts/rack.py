"""Words of the rack and of history."""

# --- the rack ---
RACK = "Rack"
RACK_NAMED = "Rack {name}"
RACK_LOGS = "Logs of the rack"
VERSIONS = "Versions"
VERSION_COLUMNS = ("Version", "Active since", "Status", "Reason")
NO_VERSIONS = "No history of versions yet."
UPDATE = "Update"
UPDATE_RACK = "Update the rack"
MOVE_TO = "Move the rack to {version}"
MOVE_MEANS = (
    "The version is tried on a copy of what the rack stores, then takes over, and is taken back if it does not work. "
    "Apps keep serving all the time."
)
MOVE_NOW = "Move the rack"
BACK_TO_RACK = "Back to the rack"
PARAMETERS = "Parameters"
RACK_PROCESSES = "What runs of the rack"
RACK_HISTORY = "History"

# --- history ---
HISTORY = "History"
HISTORY_OF_RACK = "History of the rack"
SUBJECT = "About"
SUBJECTS = {
    "release": "Release",
    "environment": "Environment",
    "scale": "Scale",
    "settings": "Settings",
    "app": "App",
    "rack": "Rack",
    "other": "Other",
}
AS_IT_WAS_AT = "As it was at (UTC)"
SHOW_WAY_BACK = "Show the way back"
NO_HISTORY = "Nothing was done yet."
