//go:build !linux

package tensor

// adviseHuge does nothing: the system chooses its pages itself.
func adviseHuge([]float32) {}
