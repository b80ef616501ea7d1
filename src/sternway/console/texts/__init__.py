"""Every word of the console, by subject. Templates and views name them here; none writes its own."""

from sternway.console.texts.apps import *  # noqa: F403
from sternway.console.texts.around import *  # noqa: F403
from sternway.console.texts.builds import *  # noqa: F403
from sternway.console.texts.people import *  # noqa: F403
from sternway.console.texts.rack import *  # noqa: F403
from sternway.console.texts.releases import *  # noqa: F403
from sternway.console.texts.settings import *  # noqa: F403
from sternway.console.texts.traffic import *  # noqa: F403
