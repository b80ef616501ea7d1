"""The Protocols between the use cases and the world. Adapters fill them, `bootstrap` chooses.

Errors are those of `core.errors`; an adapter translates whatever its library raises. "It does not answer"
is an error and never an empty answer.
"""

from sternway.ports.builder import Builder as Builder
from sternway.ports.builder import BuildOrder as BuildOrder
from sternway.ports.builder import BuildResult as BuildResult
from sternway.ports.engine import Capabilities as Capabilities
from sternway.ports.engine import Engine as Engine
from sternway.ports.logs import Journal as Journal
from sternway.ports.logs import LogLine as LogLine
from sternway.ports.logs import LogQuery as LogQuery
from sternway.ports.logs import Logs as Logs
from sternway.ports.machine import Clock as Clock
from sternway.ports.machine import Ids as Ids
from sternway.ports.machine import Secrets as Secrets
from sternway.ports.objects import Objects as Objects
from sternway.ports.processes import Execution as Execution
from sternway.ports.processes import OneOff as OneOff
from sternway.ports.processes import Pipe as Pipe
from sternway.ports.processes import Processes as Processes
from sternway.ports.processes import Session as Session
from sternway.ports.processes import TerminalSize as TerminalSize
from sternway.ports.processes import Usage as Usage
from sternway.ports.repositories import Fetched as Fetched
from sternway.ports.repositories import Repositories as Repositories
from sternway.ports.router import Router as Router
from sternway.ports.router import Traffic as Traffic
from sternway.ports.store import Apps as Apps
from sternway.ports.store import Brought as Brought
from sternway.ports.store import Builds as Builds
from sternway.ports.store import CommandRuns as CommandRuns
from sternway.ports.store import Deleted as Deleted
from sternway.ports.store import Deployments as Deployments
from sternway.ports.store import Events as Events
from sternway.ports.store import Exports as Exports
from sternway.ports.store import Leases as Leases
from sternway.ports.store import Ledger as Ledger
from sternway.ports.store import Logins as Logins
from sternway.ports.store import Parameters as Parameters
from sternway.ports.store import Promotions as Promotions
from sternway.ports.store import Refusal as Refusal
from sternway.ports.store import Releases as Releases
from sternway.ports.store import SignIns as SignIns
from sternway.ports.store import Step as Step
from sternway.ports.store import Store as Store
from sternway.ports.store import Tokens as Tokens
from sternway.ports.store import Users as Users
from sternway.ports.versions import Move as Move
from sternway.ports.versions import Offer as Offer
from sternway.ports.versions import Outcome as Outcome
from sternway.ports.versions import Versions as Versions
