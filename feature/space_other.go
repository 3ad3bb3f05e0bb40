//go:build !linux && !darwin

package feature

// freeSpace cannot tell here; a full disk shows when the pack is written.
func freeSpace(string) (int64, bool) { return 0, false }
