//go:build !amd64

package tensor

// kernelSets lists the kernels of this processor, best first.
func kernelSets() []*kernels { return []*kernels{genericKernels()} }

func peakLoops() []peakLoop { return nil }
