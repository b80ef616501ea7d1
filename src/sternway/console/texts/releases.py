"""Words of releases and of going back."""

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
