"""Caddy as the router: a front that holds the clients, and two backs that know the hosts.

Loading a configuration closes idle client connections, so the front's never changes. It also drops a few
requests that arrive meanwhile: Go's HTTP server closes a fresh connection without an answer if its shutdown
begins before the request was read (golang/go issue 75591). So a changed table of hosts is loaded into the
back that gets no requests, and then the front is pointed at it by replacing a file.

A promotion is no load at all: the configuration says which host belongs to which app, and files beside it
(`slots`) say which processes answer; replacing one symlink switches an app.

Another version of Caddy, or other addresses to listen on, are no load either. A front and two backs are a
generation; a new one is started beside the one that serves (`generation`). The live back names the generation that
serves: pointing at one of the new is the moment of the change. Its front is started last, and from then on gets all
new connections (`listening`). What served before goes when it carries nothing any more (`leaving`).

Modules: `names` (who is called what), `configuration` (the JSON, pure; `serving` what a back does with a request,
`proxies` how it is passed on), `record` (the routes of each app, durable), `slots` (the files that Caddy reads for
each request), `files` (both, and the table of hosts), `lock`, `process` (start, find, stop), `admin` (Caddy's API),
`part` (one Caddy from start to stop), `backs` (the two), `generation`, `listening`, `leaving`, `access_log` and
`counting` (what was answered), `router` (the whole).
"""
