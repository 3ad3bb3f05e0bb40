// Package server is the HTTP API of a library and the page that uses it.
//
// [New] makes a handler; [Server.Serve] runs it with the time limits of a server that
// strangers may reach. /openapi.json describes the API.
//
// What it trusts: the library's catalog and the files it was given as options. What it does
// not: everything in a request. A request passes, from outside in, the allow-list of host
// names, the checks against other web sites, the rate of its client and the token, and then
// the limits of what it asks for (options.go). Paths that clients name must lie in the
// configured roots with links resolved, and are opened so that they cannot lead out
// (folders.go); errors are problem details, RFC 9457 (problem.go).
package server
