"""Every word of the console. Templates and views name them; none writes its own."""

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

# --- signing in ---
SIGN_IN = "Sign in"
SIGN_IN_TO = "Sign in to {rack}"
PASSWORD = "Password"
SIGN_IN_HINT = "The password of the rack is the one in"
SIGN_IN_OPEN_HINT = "This rack has no password: everybody on this machine may sign in."
WRONG_PASSWORD = "Name and password do not fit."
TOO_OFTEN = "Too many attempts failed:"
USER_NAME = "Name"
USER_NAME_PLACEHOLDER = "empty for the password of the rack"
SIGN_OUT_EVERYWHERE = "Sign out everywhere"
WELCOME = "Welcome"
WELCOME_TO = "Welcome to {rack}"
INVITATION = "Invitation"
NEW_PASSWORD = "New password"
OLD_PASSWORD = "Present password"
AGAIN = "The same again"
ACCEPT = "Set the password"
PASSWORDS_DIFFER = "The two passwords differ."
CHANGE_PASSWORD = "Change the password"
FIRST_ADMIN_HINT = "You signed in with the password of the rack. Invite yourself as a user, so that history names you."

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

# --- apps ---
APPS = "Apps"
RACK_LINE = "{name}, on {kind}, version {version}"
NOTHING_ACTIVE = "Nothing is active yet"
LAST_PROMOTION = "{status} by {by}"
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
NO_SERVICES = "Nothing runs yet. Deploy a first release:"

# --- releases ---
RELEASES = "Releases"
RELEASE = "Release"
RELEASES_CAPTION = "Releases, the newest first"
RELEASE_COLUMNS = ("Id", "Created", "What", "Build", "Status")
ALL_RELEASES = "All releases"
NO_RELEASES = "No releases yet. Each deploy and each change of the environment makes one, and all are kept."
NO_MORE_RELEASES = "There are no older ones."
NEWER = "Newer"
OLDER = "Older"
ROLLBACK = "Rollback"
PROMOTE = "Promote"
ROLL_BACK_TO = "Roll back to {id}"
ROLLBACK_TO = "Rollback to {id}"
PROMOTE_ID = "Promote {id}"
COPY_OF = "Copy of"
A_COPY_OF = "A copy of"
AGAINST_ACTIVE = "Against the active release"
ENVIRONMENT = "Environment"
NO_ENVIRONMENT = "No variables."
MANIFEST = "Manifest"
MANIFEST_DIFFERS = "differs"
SAME = "the same"
FILES = "Source"
FILES_DIFFER = "{count} files differ"
SETTINGS = "Settings"
KINDS = {"added": "add", "changed": "change", "removed": "remove"}
COMPARE = "Compare"
FROM = "From"
TO = "To"
NOTHING_TO_COMPARE = "There is nothing to compare yet."
NO_DIFFERENCE = "Nothing differs: it has the same build, environment and manifest as the active release."

# --- going back ---
ROLLBACK_MEANS = (
    "A copy of this release is put on top of the list and promoted. The active release keeps serving until every "
    "process of the copy is healthy, and nothing is lost from the list."
)
PROMOTE_MEANS = "The active release keeps serving until every process of this one is healthy."
WHAT_CHANGES = "What changes"
CHECKS = "Checks"
CHECK_OK = "OK"
CHECK_BAD = "Problem"
CHECK_OPEN = "Unknown"
COMMANDS_AHEAD = "What runs before anything is started"
ON_REQUEST = "Not from here: only with --run-rollback-commands."
NOT_TAKEN_BACK = "What does not come back"
EXPECTED = "Expected to take {span}."
MEASURED = "The median of the last {count} of this app."
STANDS_BY = "Everything that it needs stands by."
WHAT_COMES_BACK = "What comes back"
PARTS = (("", "All of it"), ("env", "Only the environment"), ("build", "Only the build"))
NO_SUCH_PART = "part: there is no such part"
SETTINGS_DIFFERED = "When this release was last active, other settings held:"
BRING_SETTINGS_BACK = "Bring these settings back as well"
SETTINGS_STAY_SET = "They take effect at once, and stay set whatever becomes of the promotion."
SETTINGS_SAME = "What is set for the app was the same then; nothing changes."
NEVER_SET = "It was never active, so there are no settings of its time. What is set stays as it is."
CANNOT = "It cannot be rolled back to as things stand."
FORCE_LABEL = "Take the place of the promotion that runs"
ROLL_BACK_NOW = "Roll back"
PROMOTE_NOW = "Promote"
BACK_TO_RELEASES = "To the releases"
PROMOTION_OF = "Promotion of {id}"
ROLLING_BACK = "Rolling back"
PROMOTING = "Promoting"
PROGRESS = {
    "pending": "{verb}: {id} waits for its turn",
    "updating": "{verb}: {id} is being started",
    "reverting": "Reverting: {id} did not get healthy, or was cancelled",
    "completed": "Done: {id} was made active",
    "reverted": "Reverted: {id} was not made active",
    "superseded": "Superseded: another release took the place of {id}",
    "cancelled": "Cancelled: {id} was not made active",
}
ORDERED_BY = "Ordered by {by}"
TOOK = "took {span}"
STAYED = "{id} stayed active all the time. No request was sent to the release that failed."
IN_PROGRESS = "In progress"
UNDO = "Undo: back to {id}"
UNDO_MEANS = "Puts a copy of {id} on top and promotes it."
UNDO_REASON = "undo of {id}"
CANCEL = "Cancel"
CANCEL_MEANS = "What was active before stays active."
LOGS_OF_MOMENT = "Logs from this moment"

# --- requests ---
TRAFFIC = "Requests"
PERCENT = "{number}%"
NO_FIGURE = "\N{EN DASH}"
UNDER_A_MILLISECOND = "< 1 ms"
MILLISECONDS = "{number} ms"
SECONDS_SHORT = "{number} s"
MIB = "{number} MiB"
GIB = "{number} GiB"
HOUR_CHART = "Requests a minute: {said}"
HOUR_TOTAL = "{requests} requests in the last hour, {share} failed"
HOUR_EMPTY = "No requests in the last hour"
REQUESTS_A_SECOND = "Requests a second"
ERRORS = "Failed"
MEDIAN = "Median time"
SLOW = "95% within"
REQUESTS_AND_ERRORS = "Requests, and those that failed"
TOP_RATE = "up to {top} a second"
TOP_TIME = "up to {top}"
REQUESTS_CHART = "Requests of the last five minutes: {requests}, of which {errors} failed"
LATENCY_CHART = "How long answers took in the last minute: {median} in the middle, 95% within {slow}"
FIVE_MINUTES_AGO = "5 minutes ago"
NOW = "now"
FIGURES_MEAN = "Figures are of the last minute. Failed are those answered with a status of 500 or more."
COUNTED_SINCE = "Counted since {at}."
NO_TRAFFIC_KNOWN = "The router does not say now what is asked of this app."
REQUESTS_FAILED = "{requests} requests, {errors} failed"
AT_CLOCK = "{at:%H:%M:%S}"
SWITCH_MARK = "switch {at}"
ACROSS_SWITCHED = (
    "Traffic was switched at {at} UTC. Before: {before}. In the second of the switch: {then}. Since then: {after}."
)
ACROSS_NOT_SWITCHED = "No traffic was switched. {before}."
CAPACITY = "Capacity"
CPU = "Processor"
MEMORY = "Memory"
CPU_USED = "Apps use {used} of {whole} cores"
MEMORY_USED = "Apps use {used} of {whole}"
USE_COLUMNS = ("App", "Processes", "Cores", "Memory")
USE_PROCESSES = "{count} running"
USE_CORES = "{cpu} cores"
USES_UNKNOWN = "Not known now: {names}."

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

# --- builds ---
BUILDS = "Builds"
BUILD = "Build"
BUILD_COLUMNS = ("Id", "Status", "Description", "Release", "Created")
NO_BUILDS = "No builds yet."
COMMIT = "Commit"
DURATION = "Took"
ARTIFACTS = "Artifacts for"
PRINTED = "Output"
CANCEL_BUILD = "Cancel the build"

# --- deploying ---
DEPLOY = "Deploy"
DEPLOY_MEANS = (
    "The source is built, and what comes out is promoted at once. What is active keeps serving until every "
    "process of the new release is healthy, and stays if it does not get so."
)
OPTIONAL = "(optional)"
FROM_ARCHIVE = "From an archive"
ARCHIVE = "Archive of the source"
ARCHIVE_HINT = "A tar, compressed or not, of up to 2 GiB, with convox.yml at its top:"
PACK_COMMAND = "tar czf source.tgz ."
FILE_NAME_OTHERWISE = "The name of the file"
UPLOAD = "Upload and deploy"
UPLOADING = "Uploading…"
FROM_REPOSITORY = "From a Git repository"
REPOSITORY = "Address"
REPOSITORY_EXAMPLE = "https://example.com/shop.git"
REPOSITORY_HINT = (
    "By http or https. A name and a token in the address are used once and kept nowhere. "
    "Submodules and files of LFS are not fetched."
)
REF = "Branch, tag or commit"
REF_OTHERWISE = "The default branch"
SUBJECT_OTHERWISE = "The subject of the commit"
FETCH = "Fetch and deploy"
FETCHING = "Fetching…"
BY_COMMAND = "From a directory on your machine:"
DEPLOY_COMMAND = "sternway deploy -a {app}"
NO_FILE = "archive: no file was chosen"
NO_FILE_HINT = "choose a .tgz or .tar of the source"
ONE_FILE = "archive: more than one file was sent"
CUT_OFF = "archive: the upload was cut off"
UNREADABLE_FORM = "form: it cannot be read"
PROMOTED_NEXT = "Its release is promoted as soon as it is built."
NOT_PROMOTED = "Its release was not promoted: {problem}"
SEE_PROMOTION = "See its promotion"

# --- environment ---
ENV_OF = "Of {id}. Values are kept sealed and are not shown."
ENV_FAILED = {
    "reverting": "{id} is the newest release, and is just being reverted.",
    "reverted": "{id} is the newest release, but was reverted.",
    "cancelled": "{id} is the newest release, but its promotion was cancelled.",
}
ENV_FAILED_MEANS = "A change begins with it and its build all the same, as on the command line."
ENV_WHY = "Why it was not made active"
ENV_TO_ACTIVE = "Begin at the active {id} instead"
ENV_TO_NEWEST = "Begin at the newest release instead"
REMOVE = "Remove"
REMOVE_KEY = "Remove {key}"
SET_LABEL = "Add or change"
SET_HINT = "One KEY=VALUE a line. Variables that you do not name stay as they are."
REVIEW = "Review the change"
ENV_SAVE_MEANS = "Saving makes a new release. It is not active before you promote it."
ENV_REASON_PLACEHOLDER = "Why it changes"
ENV_SAME = "environment: nothing would change"
ENV_SAME_HINT = "set a variable, or mark one to be removed"
ENV_CHANGED_MEANWHILE = "environment: somebody else made a newer release meanwhile"
ENV_CHANGED_MEANWHILE_HINT = "look at the environment again, and repeat your change"

# --- settings ---
SETTINGS_MEAN = (
    "What is set here holds for every release and takes effect at once. A rollback leaves it as it is, "
    "unless you ask for it to come back as well."
)
PARAMETER_MEANINGS = {
    "Standby": (
        "How long what a promotion replaced is kept, so that going back is a switch and not a start: "
        "a time (90s, 10m, 1d), a number of releases, or off.",
        "10m",
    ),
    "AskReason": ("Whether people are asked why they change something; scripts never are.", ""),
    "channel": ("Where new versions of the rack come from: an http address or a directory.", ""),
    "registry": ("Where copies of images are kept: HOST, HOST:PORT or HOST/PATH. Empty: nowhere.", ""),
    "standby_memory": ("What all that stands by may use together: MiB, or a share of the machine's memory.", "25%"),
}
PARAMETER_CHOICES = {"AskReason": (("", "Do not ask"), ("yes", "Ask"))}
BY_DEFAULT = "Without a value: {value}."
OTHER_PARAMETER = "Another parameter"
OTHER_PARAMETER_HINT = "Parameters that mean nothing to this rack are kept for clients to which they do."
NOT_SAVED_ONE = "Nothing was saved: one value cannot be used."
NOT_SAVED = "Nothing was saved: {count} values cannot be used."
NOT_SET = "not set"
SCALE_MEANS = "How many processes each service has, from now on and over releases."
BY_MANIFEST = "{count} by the manifest"
SAVE_SCALE = "Save the scale"
SAVE_PARAMETERS = "Save the parameters"
NOTHING_TO_SCALE = "No release is active yet, so there is nothing to scale."
LOCK = "Lock"
UNLOCK = "Unlock"
LOCK_TITLE = "Lock"
IS_LOCKED = "This app is locked: nobody can delete it before it is unlocked."
IS_NOT_LOCKED = "A locked app cannot be deleted. Deploys and rollbacks go on as ever."
DOMAINS = "Domains"
DOMAINS_MEAN = "They stand in the manifest and come with each release; to change them, deploy."
NO_DOMAINS = "The manifest names none, so services answer at the hosts that the rack gives them."
NO_REASON = "reason: this app wants to know why"
NO_REASON_HINT = "go back, say why in a few words, and send it again"
REASON_WANTED_LABEL = "Reason"
REASON_WANTED_HINT = "This app asks why. It stays in history."

# --- resources and timers ---
RESOURCES = "Resources"
RESOURCE_COLUMNS = ("Name", "Kind", "Options", "Used by")
RESOURCE_USER = "{service} as {variable}"
TIMERS = "Timers"
TIMER_COLUMNS = ("Name", "When (UTC)", "Command", "Service")
NO_EFFECT_YET = "These stand in the manifest and are kept with each release. They have no effect on this rack yet."

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

# --- people ---
PEOPLE = "People"
USERS = "Users"
NO_USERS = "Nobody but those who have the password of the rack."
ROLE = "May"
ROLES = {"r": "Look", "rw": "Operate", "rwa": "Administer"}
FOR_APPS = "Apps"
ALL_APPS = "all, and the rack"
MANAGE = "Manage"
CHANGE_ROLE = "Change"
INVITE = "Invite"
INVITE_AGAIN = "Invite again"
INVITED = "{name} is invited"
INVITED_HINT = "Send this address to them: with it they choose a password, once, within a week."
TOKENS = "Deploy tokens"
NO_TOKENS = "None. A deploy token lets a program call the rack, with a role of its own."
DAYS = "Days"
FOR_EVER = "for ever"
MAKE_TOKEN = "Make a token"
TOKEN_MADE = "Token {name}"
TOKEN_HINT = "Give it to the program as the password in RACK_URL."
EXPIRES = "expires"
REVOKE = "Revoke"
REVOKE_TOKEN = "Revoke {name}"
NOT_DAYS = "days: not a number of days"
NOT_DAYS_HINT = "leave it empty for a token that does not expire"
SHOWN_ONCE = "It is shown this once, and kept nowhere."
DONE = "Done"
AUDIT = "Audit"
WHO = "Who"
