package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"tall"
)

// MetricsName is the file in the save directory that holds a line for each
// logged step.
const MetricsName = "metrics.jsonl"

// Record is a line of metrics.jsonl. Parts of the loss are written as
// loss_NAME beside it.
type Record struct {
	Step    int
	Epoch   int
	Loss    float64
	Parts   []Part
	LR      float64
	Seconds float64 // since the run (or its resumption) began
}

// MarshalJSON writes {"step","epoch","loss","loss_NAME"...,"lr","seconds"}.
func (r Record) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"step":%d,"epoch":%d,"loss":%s`, r.Step, r.Epoch, number(r.Loss))
	for _, p := range r.Parts {
		key, err := json.Marshal("loss_" + p.Name)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, ",%s:%s", key, number(p.Value))
	}
	fmt.Fprintf(&b, `,"lr":%s,"seconds":%.3f}`, number(r.LR), r.Seconds)
	return b.Bytes(), nil
}

// number writes a float as JSON has it: NaN and infinities do not exist there.
func number(x float64) []byte {
	out, err := json.Marshal(x)
	if err != nil {
		return []byte("null")
	}
	return out
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Record) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if _, err := dec.Token(); err != nil { // {
		return err
	}
	*r = Record{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := tok.(string)
		var value *float64
		if err := dec.Decode(&value); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if value == nil {
			continue
		}
		r.set(key, *value)
	}
	return nil
}

func (r *Record) set(key string, value float64) {
	switch key {
	case "step":
		r.Step = int(value)
	case "epoch":
		r.Epoch = int(value)
	case "loss":
		r.Loss = value
	case "lr":
		r.LR = value
	case "seconds":
		r.Seconds = value
	default:
		if len(key) > len("loss_") {
			r.Parts = append(r.Parts, Part{key[len("loss_"):], value})
		}
	}
}

// ReadMetrics reads metrics.jsonl. A half-written last line (a run was killed)
// is passed over; any other bad line is an error that names it.
func ReadMetrics(path string) ([]Record, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []Record
	scanner := bufio.NewScanner(bytes.NewReader(data))
	for line := 1; scanner.Scan(); line++ {
		var r Record
		if err := json.Unmarshal(scanner.Bytes(), &r); err != nil {
			if !bytes.HasSuffix(data, []byte("\n")) && !bytes.Contains(data, append(bytes.Clone(scanner.Bytes()), '\n')) {
				break
			}
			return nil, fmt.Errorf("%s:%d: %w: %w; remove the file or the line", path, line, tall.ErrFormat, err)
		}
		out = append(out, r)
	}
	return out, scanner.Err()
}

// metricsFile appends to metrics.jsonl.
type metricsFile struct{ f *os.File }

// openMetrics begins the file anew, or, for a run resumed at step, keeps its
// lines up to that step: later ones will be computed again.
func openMetrics(path string, step int) (*metricsFile, error) {
	var kept bytes.Buffer
	if step > 0 {
		old, err := ReadMetrics(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, r := range old {
			if r.Step > step {
				break
			}
			line, err := json.Marshal(r)
			if err != nil {
				return nil, err
			}
			kept.Write(append(line, '\n'))
		}
	}
	err := tall.ReplaceFile(path, func(w io.Writer) error {
		_, err := kept.WriteTo(w)
		return err
	})
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &metricsFile{f}, nil
}

func (m *metricsFile) write(r Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = m.f.Write(append(line, '\n')) // one write: a kill leaves whole lines
	return err
}

func (m *metricsFile) close() error { return m.f.Close() }
