"""Words of the environment and the settings of an app."""

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
