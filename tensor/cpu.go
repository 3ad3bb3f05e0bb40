package tensor

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
)

// KernelVariable is the environment variable that forces a set of kernels:
// one of the names that [Kernels] returns.
const KernelVariable = "TALL_KERNEL"

// CPU is the [Backend] of the processor that runs the program. Its buffers for
// packed operands are kept between calls. It holds no goroutines between calls,
// so it needs no Close.
type CPU struct {
	threads int
	k       *kernels
	scratch []scratch // one per worker
	sums    []float64 // partial sums of a reduction, one per block
}

// scratch is what one worker needs to itself.
type scratch struct {
	a, b   []float32 // packed operands
	scores []float32 // of attention
}

var _ Backend = (*CPU)(nil)

// hostMem is memory of the Go heap.
type hostMem struct{ data []float32 }

// Len returns the number of values.
func (h *hostMem) Len() int { return len(h.data) }

// NewCPU returns a backend that runs on up to threads threads; 0 means
// GOMAXPROCS. The kernels are the best that the processor has, or those that
// [KernelVariable] names; it panics if that names none. [NewCPUKernel] returns
// an error instead.
func NewCPU(threads int) *CPU {
	c, err := NewCPUKernel(threads, os.Getenv(KernelVariable))
	if err != nil {
		panic(err)
	}
	return c
}

// NewCPUKernel is [NewCPU] with the kernels named: one of [Kernels], or "" for
// the best. The error of an unknown or unsupported name lists the valid ones.
func NewCPUKernel(threads int, name string) (*CPU, error) {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	sets := kernelSets()
	i := 0
	if name != "" {
		i = slices.IndexFunc(sets, func(k *kernels) bool { return k.name == name })
		if i < 0 {
			return nil, fmt.Errorf("tensor: %s=%q: no such kernels on this processor; valid are %s",
				KernelVariable, name, strings.Join(Kernels(), ", "))
		}
	}
	return &CPU{threads: threads, k: sets[i], scratch: make([]scratch, threads)}, nil
}

// Kernels lists the names of the kernels this processor can run, best first.
// The last is always "generic", the pure-Go twin.
func Kernels() []string {
	sets := kernelSets()
	names := make([]string, len(sets))
	for i, k := range sets {
		names[i] = k.name
	}
	return names
}

// Name says which kernels run: "cpu/avx512", "cpu/avx2" or "cpu/generic".
func (c *CPU) Name() string { return "cpu/" + c.k.name }

// Threads is the most threads that a call uses.
func (c *CPU) Threads() int { return c.threads }

// Alloc returns n zeros.
func (c *CPU) Alloc(n int) Mem {
	data := make([]float32, n)
	adviseHuge(data)
	return &hostMem{data: data}
}

// Upload copies src, Rows*Cols contiguous values, into dst.
func (c *CPU) Upload(dst Mat, src []float32) {
	if len(src) != dst.Rows*dst.Cols {
		panic(fmt.Sprintf("tensor: upload of %d values into (%d, %d)", len(src), dst.Rows, dst.Cols))
	}
	d := host(dst)
	for r := range dst.Rows {
		copy(d.row(r), src[r*dst.Cols:])
	}
}

// Download copies src into dst, Rows*Cols contiguous values.
func (c *CPU) Download(dst []float32, src Mat) {
	if len(dst) != src.Rows*src.Cols {
		panic(fmt.Sprintf("tensor: download of (%d, %d) into %d values", src.Rows, src.Cols, len(dst)))
	}
	s := host(src)
	for r := range src.Rows {
		copy(dst[r*src.Cols:(r+1)*src.Cols], s.row(r))
	}
}

// view is a matrix in host memory: element (r, c) is data[r*stride + c].
type view struct {
	data       []float32
	rows, cols int
	stride     int
}

// host opens m and checks that it lies within its memory.
func host(m Mat) view {
	h, ok := m.Mem.(*hostMem)
	if !ok {
		panic(fmt.Sprintf("tensor: memory of another backend (%T)", m.Mem))
	}
	if m.Rows < 0 || m.Cols < 0 || m.Off < 0 || m.Stride < 0 {
		panic(fmt.Sprintf("tensor: matrix (%d, %d) at %d, stride %d", m.Rows, m.Cols, m.Off, m.Stride))
	}
	if m.Rows == 0 || m.Cols == 0 {
		return view{rows: m.Rows, cols: m.Cols, stride: m.Cols}
	}
	if m.Rows > 1 && m.Stride < m.Cols {
		panic(fmt.Sprintf("tensor: rows of %d overlap, stride %d", m.Cols, m.Stride))
	}
	end := m.Off + (m.Rows-1)*m.Stride + m.Cols
	if end > len(h.data) {
		panic(fmt.Sprintf("tensor: (%d, %d) at %d, stride %d, ends at %d of %d values",
			m.Rows, m.Cols, m.Off, m.Stride, end, len(h.data)))
	}
	return view{data: h.data[m.Off:end:end], rows: m.Rows, cols: m.Cols, stride: m.Stride}
}

// row is row r.
func (v view) row(r int) []float32 {
	if v.cols == 0 {
		return nil
	}
	return v.data[r*v.stride : r*v.stride+v.cols]
}

// part is the view of some rows and columns.
func (v view) part(r0, r1, c0, c1 int) view {
	if r0 == r1 || c0 == c1 {
		return view{rows: r1 - r0, cols: c1 - c0}
	}
	from, to := r0*v.stride+c0, (r1-1)*v.stride+c1
	return view{data: v.data[from:to:to], rows: r1 - r0, cols: c1 - c0, stride: v.stride}
}

// contiguous says whether the rows follow one another without gaps.
func (v view) contiguous() bool { return v.stride == v.cols || v.rows <= 1 }

// sameShape opens matrices that must have the shape of the first.
func sameShape(op string, first Mat, rest ...Mat) {
	for _, m := range rest {
		if m.Rows != first.Rows || m.Cols != first.Cols {
			panic(fmt.Sprintf("tensor: %s: (%d, %d) with (%d, %d)", op, first.Rows, first.Cols, m.Rows, m.Cols))
		}
	}
}

// wantShape checks one matrix.
func wantShape(op, name string, m Mat, rows, cols int) {
	if m.Rows != rows || m.Cols != cols {
		panic(fmt.Sprintf("tensor: %s: %s is (%d, %d), want (%d, %d)", op, name, m.Rows, m.Cols, rows, cols))
	}
}
