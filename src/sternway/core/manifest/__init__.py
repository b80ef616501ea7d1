"""`convox.yml`: its models, and how text becomes one."""

from sternway.core.manifest.manifest import Manifest as Manifest
from sternway.core.manifest.manifest import effective_in_containers as effective_in_containers
from sternway.core.manifest.manifest import not_yet_effective as not_yet_effective
from sternway.core.manifest.parse import Parsed as Parsed
from sternway.core.manifest.parse import parse as parse
from sternway.core.manifest.procfile import parse_procfile as parse_procfile
