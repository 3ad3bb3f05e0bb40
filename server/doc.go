// Package server is the HTTP API of a library and the page that uses it.
package server
