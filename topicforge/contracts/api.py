"""What core and plugins agree on: the project name of the hooks and the contract's number."""

import pluggy

PROJECT = "topicforge"
#: number of the plugin contract; a plugin module states the one it was written for
API_VERSION = 1

hookimpl = pluggy.HookimplMarker(PROJECT)
hookspec = pluggy.HookspecMarker(PROJECT)
