"""Words of builds and of deploying."""

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
