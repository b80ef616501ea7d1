"""Words of the list of apps and of one app: services, logs, resources."""

# --- apps ---
APPS = "Apps"
RACK_LINE = "{name}, on {kind}, version {version}"
NOTHING_ACTIVE = "Nothing is active yet"
LAST_PROMOTION = "{status} by {by}"
APP_USES = "{count} running, {cpu} cores, {memory}"
APP_USES_UNKNOWN = "What it uses is not known now"
NO_APPS = "No apps yet"
NO_APPS_HINT = "Make the first one from the directory of its source:"

# --- one app ---
APP_NAV = "Of this app"
TABS = (
    ("Overview", ""),
    ("Releases", "/releases"),
    ("Builds", "/builds"),
    ("Environment", "/environment"),
    ("Logs", "/logs"),
    ("Settings", "/settings"),
    ("History", "/history"),
)
LOCKED = "Locked"
SERVICES = "Services"
SERVICE = "Service"
HEALTHY_OF = "{healthy} of {count} healthy"
NOT_ACTIVE = "not part of the active release"
PROCESSES_OF = "Processes of {service}"
PROCESS = "Process"
HEALTH = "Health"
USES = "Uses"
USAGE = "{cpu:.2f} cores, {memory:.0f} MiB"
STARTED = "Started"
STOP = "Stop"
STOP_PROCESS = "Stop {id}; another takes its place"
COUNT_LABEL = "Processes"
SCALE = "Scale"
RESTART = "Restart"
RESTART_OF = "Restart {service}"
NO_SERVICES = "Nothing runs yet. Deploy a first release:"

# --- logs ---
LOGS = "Logs"
CONTAINS = "Contains"
SINCE = "From (UTC)"
FAILED_LINES = "What the processes of {id} printed"
FAILED_LINES_MEANS = "The last {count} lines of what this release started, until it was taken down."
NO_FAILED_LINES = "They printed nothing, or nothing of it is kept."
ALL_FAILED_LINES = "All of it in the logs"
FILTER = "Filter"
PAUSE = "Pause"
RESUME = "Resume"
TO_NOW = "To now"
NO_LINES = "No lines yet. New ones appear here by themselves."

# --- resources and timers ---
RESOURCES = "Resources"
RESOURCE_COLUMNS = ("Name", "Kind", "Options", "Used by")
RESOURCE_USER = "{service} as {variable}"
TIMERS = "Timers"
TIMER_COLUMNS = ("Name", "When (UTC)", "Command", "Service")
NO_EFFECT_YET = "These stand in the manifest and are kept with each release. They have no effect on this rack yet."
