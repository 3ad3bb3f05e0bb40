//go:build !linux && !darwin

package tall

// FreeSpace is the number of bytes that may still be written to a folder's file system.
// ok is false where that cannot be told; then a full disk shows when it is.
func FreeSpace(string) (bytes int64, ok bool) { return 0, false }
