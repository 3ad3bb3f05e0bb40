package server

import (
	"tall/library"
)

// Options of a server.
type Options struct {
	Library *library.Library
	// Open lets requests without a token do everything: for a server that this machine's
	// users alone can reach.
	Open   bool
	Tokens Tokens
}

// Server answers the HTTP API.
type Server struct {
	o        Options
	sessions sessions
}
