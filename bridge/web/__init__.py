"""The endpoints of the HTTP API, a module a subject; `bridge.api` puts them together."""
