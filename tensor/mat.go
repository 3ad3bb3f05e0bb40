package tensor

import "fmt"

// Mem is a run of float32 that belongs to one [Backend]; nobody else looks inside.
type Mem interface{ Len() int }

// Mat is a (Rows, Cols) matrix in a Mem: element (r, c) is at Off + r*Stride + c.
// A view costs nothing; a vector of n is (1, n).
type Mat struct {
	Mem        Mem
	Off        int
	Rows, Cols int
	Stride     int
}

// NewMat allocates a zeroed, contiguous (rows, cols) matrix.
func NewMat(b Memory, rows, cols int) Mat {
	return MatOf(b.Alloc(rows*cols), rows, cols)
}

// MatOf views the beginning of m as a contiguous (rows, cols) matrix.
func MatOf(m Mem, rows, cols int) Mat {
	if rows*cols > m.Len() {
		panic(fmt.Sprintf("tensor: (%d, %d) does not fit into %d values", rows, cols, m.Len()))
	}
	return Mat{Mem: m, Rows: rows, Cols: cols, Stride: cols}
}

// RowRange views rows [from, to).
func (m Mat) RowRange(from, to int) Mat {
	if from < 0 || to < from || to > m.Rows {
		panic(fmt.Sprintf("tensor: rows [%d, %d) of %d", from, to, m.Rows))
	}
	m.Off += from * m.Stride
	m.Rows = to - from
	return m
}

// ColRange views columns [from, to).
func (m Mat) ColRange(from, to int) Mat {
	if from < 0 || to < from || to > m.Cols {
		panic(fmt.Sprintf("tensor: columns [%d, %d) of %d", from, to, m.Cols))
	}
	m.Off += from
	m.Cols = to - from
	return m
}

// Diagonal views the diagonal of a square matrix as (Rows, 1).
func (m Mat) Diagonal() Mat {
	if m.Rows != m.Cols {
		panic(fmt.Sprintf("tensor: diagonal of (%d, %d)", m.Rows, m.Cols))
	}
	m.Cols = 1
	m.Stride++
	return m
}

// Reshape views a contiguous matrix in another shape of the same size.
func (m Mat) Reshape(rows, cols int) Mat {
	if m.Stride != m.Cols && m.Rows > 1 {
		panic("tensor: reshape of a matrix with gaps")
	}
	if rows*cols != m.Rows*m.Cols {
		panic(fmt.Sprintf("tensor: (%d, %d) reshaped to (%d, %d)", m.Rows, m.Cols, rows, cols))
	}
	m.Rows, m.Cols, m.Stride = rows, cols, cols
	return m
}
