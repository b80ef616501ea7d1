"""Caddy as the router: a front that holds the clients, and a back that knows the hosts.

Two processes, because loading a configuration closes idle client connections: the front's never changes.
Two places of truth, because a promotion must not be a load: the back's configuration knows which host
belongs to which app, and files beside it (`slots`) say which processes answer; replacing one symlink
switches an app.

Modules: `configuration` (the JSON, pure), `record` (the routes of each app, durable), `slots` (the files
that Caddy reads for each request), `process` (start, adopt, stop), `admin` (its API), `router` (the whole).
"""
