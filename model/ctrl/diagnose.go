package ctrl

import (
	"fmt"
	"math"

	"tall"
	"tall/feature"
	"tall/tensor"
)

// checkLoss returns an error that wraps [tall.ErrNotFinite] where the loss of the
// last batch is NaN or infinite: it looks through the batch in the order of the
// computation for the first quantity that is not finite.
func (m *Model) checkLoss(loss Loss, data Data, members []int) error {
	if finite(loss.Total) {
		return nil
	}
	return fmt.Errorf("the loss is %g: %w: %s", loss.Total, tall.ErrNotFinite, m.diagnose(data, members))
}

const (
	causeRate = "the learning rate is likely too high; go back to the last good checkpoint and lower --learning_rate"
	causeSize = "values of this size do not fit into float32; look at the inputs of these pairs with tall doctor, and lower --learning_rate"
)

// diagnose says what is not finite first, and why that likely is.
func (m *Model) diagnose(data Data, members []int) string {
	ws := m.ws
	// of names the pair that row r of a matrix belongs to.
	of := func(r int) string { return data.describe(members[r]) }
	pair := func(r int) string {
		i, j := r/ws.n, r%ws.n
		if i == j {
			return of(i)
		}
		return fmt.Sprintf("the sentence of %s, with the window of %s", of(i), of(j))
	}
	if r, n := m.notFinite(ws.x); n > 0 {
		return fmt.Sprintf("the window features hold %d such values, first in %s; replace that feature file (tall doctor finds such files)", n, of(r))
	}
	if r, n := m.notFinite(ws.y); n > 0 {
		return fmt.Sprintf("the sentence vectors hold %d such values, first in %s; replace that sentence vector", n, of(r))
	}
	if r, n := m.notFinite(ws.target); n > 0 {
		return fmt.Sprintf("the true offsets hold %d such values, first in the %s offsets; correct the annotations of these pairs", n, [2]string{"start", "end"}[r])
	}
	for _, p := range m.Params() {
		if _, n := m.notFinite(p.Value); n > 0 {
			return fmt.Sprintf("%d of the %d values of %s are not finite before this step; %s", n, p.Len(), p.Name, causeRate)
		}
	}
	for _, stage := range []struct {
		name  string
		m     tensor.Mat
		who   func(int) string
		cause string
	}{
		{"projected windows V", ws.v, of, causeSize},
		{"projected sentences Q", ws.q, of, causeSize},
		{"hidden units h", ws.h, pair, causeRate},
		{"scores", ws.o.RowRange(0, 1).Reshape(ws.n*ws.n, 1), pair, causeRate},
		{"start offsets", ws.plane(ws.o, 1).Diagonal(), of, causeRate},
		{"end offsets", ws.plane(ws.o, 2).Diagonal(), of, causeRate},
	} {
		if r, n := m.notFinite(stage.m); n > 0 {
			return fmt.Sprintf("inputs and parameters are finite, the %s are not (%d values, first in %s); %s", stage.name, n, stage.who(r), stage.cause)
		}
	}
	return "inputs, parameters, scores and offsets are finite, their sum is not; " + causeRate
}

// notFinite counts the values of a matrix that are NaN or infinite, and returns
// the row of the first.
func (m *Model) notFinite(x tensor.Mat) (row, n int) {
	buf := make([]float32, x.Cols)
	row = -1
	for r := range x.Rows {
		m.b.Download(buf, x.RowRange(r, r+1))
		if k := feature.NotFinite(buf); k > 0 {
			if n == 0 {
				row = r
			}
			n += k
		}
	}
	return row, n
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
