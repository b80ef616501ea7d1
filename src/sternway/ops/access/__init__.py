"""Use cases of access: who calls, users, deploy tokens, the contract's tokens, and browsers that are signed in.

The rack's password is not known here: whoever serves compares it first, and its bearer is `core.access.ADMIN`.
"""

from sternway.ops.access.browsers import Session as Session
from sternway.ops.access.browsers import close_all as close_all
from sternway.ops.access.browsers import close_session as close_session
from sternway.ops.access.browsers import open_session as open_session
from sternway.ops.access.browsers import resume as resume
from sternway.ops.access.callers import authenticate as authenticate
from sternway.ops.access.callers import known_by as known_by
from sternway.ops.access.callers import recheck as recheck
from sternway.ops.access.invitations import accept_invitation as accept_invitation
from sternway.ops.access.invitations import invite as invite
