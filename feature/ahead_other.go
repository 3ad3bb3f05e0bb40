//go:build !linux

package feature

// readSingly does nothing here: the system reads around a row as it sees fit.
func readSingly([]byte) {}

// prefetch does nothing here.
func prefetch([]byte, int, int) {}

// await does nothing here: rows are fetched when they are copied.
func await([]byte, int, int) {}
