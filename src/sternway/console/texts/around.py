"""Words around every page: times, statuses, errors."""

# --- times ---
JUST_NOW = "just now"
AGO = "{span} ago"
UNDER_A_SECOND = "less than a second"
UNITS = {
    "SECOND": ("second", "seconds"),
    "MINUTE": ("minute", "minutes"),
    "HOUR": ("hour", "hours"),
    "DAY": ("day", "days"),
    "WEEK": ("week", "weeks"),
    "MONTH": ("month", "months"),
    "YEAR": ("year", "years"),
}

# --- around every page ---
SKIP = "Skip to the content"
MAIN_NAV = "Main"
WHERE = "You are here"
PAGES = "Pages"
FOOTER = "Sternway {version}"
LOST = "The rack does not answer. What you see may be out of date; trying again…"
SIGN_OUT = "Sign out"
ACTIONS = "Actions"
NEVER_MIND = "Never mind"
SAVE = "Save"
BY = "by {name}"
MADE_BY = "made by {by}"
REASON = "Reason"
REASON_LABEL = "Reason (optional)"
REASON_PLACEHOLDER = "It stays in history"
ADDED = "add"
CHANGED = "change"
REMOVED = "remove"
NAME = "Name"
VALUE = "Value"
HIDDEN = "hidden"
NONE = "None"
ALL = "All"
CREATED = "Created"
DESCRIPTION = "Description"

# --- errors ---
ERROR_TITLE = "That did not work"
NO_SUCH_PAGE = "There is no such page"
NO_SUCH_PAGE_HINT = "What was here may have been deleted."
FAULT = "Something went wrong"
FAULT_HINT = "The log of the rack says more, under the id {id}."
TO_APPS = "To the apps"
NOT_A_COUNT = "count: not a number of processes"
NOT_A_COUNT_HINT = "give a number from 0 to 1000"
NOT_A_MOMENT = "since: not a moment"
NOT_A_MOMENT_HINT = "write it like 2026-01-31T12:00:00"
ENGINE_SLOW = "it takes too long to answer"
ENGINE_SILENT = "What runs is not known now: {problem}. What is up keeps serving."

# --- statuses ---
STATUSES = {
    "active": "Active",
    "running": "Running",
    "updating": "Updating",
    "rollback": "Rolling back",
    "deleting": "Being deleted",
    "pending": "Waiting",
    "reverting": "Reverting",
    "reverted": "Reverted",
    "superseded": "Superseded",
    "cancelled": "Cancelled",
    "completed": "Done",
    "gone": "Gone",
    "standby": "Standby",
    "invited": "Invited",
    "created": "Waiting",
    "complete": "Complete",
    "failed": "Failed",
    "healthy": "Healthy",
    "starting": "Starting",
    "unhealthy": "Unhealthy",
    "crashed": "Crashed",
    "stopping": "Stopping",
}
HEALTHS = {
    "starting": "starting",
    "healthy": "healthy",
    "unhealthy": "unhealthy",
    "failed": "crashed",
    "stopping": "stopping",
    "frozen": "standby",
}
PROMOTION_WORDS = {
    "pending": "Ordered",
    "updating": "Being promoted",
    "reverting": "Being reverted",
    "completed": "Promoted",
    "reverted": "Reverted; ordered",
    "superseded": "Superseded; ordered",
    "cancelled": "Cancelled; ordered",
}
