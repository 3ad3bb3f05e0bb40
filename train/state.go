package train

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"tall"
	"tall/nn"
	"tall/tensor"
	"tall/weights"
)

// Extension of the checkpoints written here.
const Extension = ".safetensors"

// Names of optimiser moments in a checkpoint, before the parameter's name.
const (
	firstMoment  = "adam.m."
	secondMoment = "adam.v."
)

// Keys of a checkpoint's metadata that this package owns.
const (
	metaStep     = "tall.step"
	metaEpoch    = "tall.epoch"
	metaBatch    = "tall.batch"
	metaRNG      = "tall.rng"
	metaSeed     = "tall.seed"
	metaAdamStep = "tall.adam_step"
	metaBest     = "tall.best"
)

// State is where a run stands: what a checkpoint holds beside the parameters.
type State struct {
	Step  int    // steps done
	Epoch int    // the epoch under way, from 0
	Batch int    // batches of it done
	Seed  uint64 // the run's seed
	RNG   []byte // the generator as it was at the epoch's start
	Best  float64
	// HasMoments: the checkpoint has the optimiser's moments, and a run
	// resumed from it continues bit for bit.
	HasMoments bool
	AdamStep   int
}

// save writes the checkpoint of a state; one with moments can be resumed from. It
// copies values a piece at a time: a state is as large as all the rest of a run.
func save(path string, b tensor.Memory, params []*nn.Param, s State, meta map[string]string) error {
	meta = maps.Clone(meta)
	if meta == nil {
		meta = map[string]string{}
	}
	meta[metaStep] = strconv.Itoa(s.Step)
	meta[metaEpoch] = strconv.Itoa(s.Epoch)
	meta[metaSeed] = strconv.FormatUint(s.Seed, 10)
	meta[metaBest] = strconv.FormatFloat(s.Best, 'g', -1, 64)
	buf := make([]float32, pieceValues)
	var tensors []weights.Stream
	add := func(name string, shape []int, m tensor.Mat) {
		tensors = append(tensors, weights.Stream{
			Spec: weights.Spec{Name: name, Shape: shape},
			Values: func(part func([]float32) error) error {
				return pieces(m, func(piece tensor.Mat) error {
					b.Download(buf[:piece.Cols], piece)
					return part(buf[:piece.Cols])
				})
			},
		})
	}
	for _, p := range params {
		add(p.Name, p.Shape, p.Value)
	}
	if s.HasMoments {
		meta[metaBatch] = strconv.Itoa(s.Batch)
		meta[metaRNG] = base64.StdEncoding.EncodeToString(s.RNG)
		meta[metaAdamStep] = strconv.Itoa(s.AdamStep)
		for _, p := range params {
			add(firstMoment+p.Name, p.Shape, p.M)
			add(secondMoment+p.Name, p.Shape, p.V)
		}
	}
	return weights.WriteStreams(path, meta, tensors)
}

// pieceValues is how many values are copied to or from a file at a time.
const pieceValues = 1 << 18

// pieces calls each with a contiguous matrix in rows (1, pieceValues), the last of
// what remains.
func pieces(m tensor.Mat, each func(piece tensor.Mat) error) error {
	n := m.Rows * m.Cols
	row := m.Reshape(1, n)
	for at := 0; at < n; at += pieceValues {
		if err := each(row.ColRange(at, min(at+pieceValues, n))); err != nil {
			return err
		}
	}
	return nil
}

// Restore loads parameters, and the optimiser's moments where the file has
// them, and returns the state that the file records. A file that records none
// (.pdparams, or anybody's safetensors) gives the parameters and a State whose
// epoch is the number in its name plus 1 (TALL_epoch4: 5), or 0.
func Restore(b tensor.Backend, params []*nn.Param, f *weights.File) (State, error) {
	if err := LoadParams(b, params, f); err != nil {
		return State{}, err
	}
	s := State{Epoch: epochOfName(f.Path)}
	if f.Meta[metaStep] == "" {
		return s, nil
	}
	r := metaReader{f: f}
	s.Step, s.Epoch = r.number(metaStep), r.number(metaEpoch)
	s.Seed = r.seed()
	s.Best = r.float(metaBest)
	if f.Meta[metaRNG] == "" {
		return s, r.err
	}
	s.HasMoments = true
	s.Batch, s.AdamStep = r.number(metaBatch), r.number(metaAdamStep)
	s.RNG = r.bytes(metaRNG)
	if r.err == nil {
		if err := new(rand.PCG).UnmarshalBinary(s.RNG); err != nil {
			r.fail(metaRNG, err)
		}
	}
	if r.err != nil {
		return State{}, r.err
	}
	for _, p := range params {
		for prefix, m := range map[string]tensor.Mat{firstMoment: p.M, secondMoment: p.V} {
			ts, err := f.Match([]weights.Spec{{Name: prefix + p.Name, Shape: p.Shape}})
			if err == nil {
				err = upload(b, m, f, ts[0])
			}
			if err != nil {
				return State{}, err
			}
		}
	}
	return s, nil
}

// SeedOf returns the seed of the run that wrote a checkpoint, where the file
// records it.
func SeedOf(f *weights.File) (seed uint64, ok bool) {
	seed, err := strconv.ParseUint(f.Meta[metaSeed], 10, 64)
	return seed, err == nil
}

// LoadParams loads the parameters alone, as --pretrain and --weights want it.
func LoadParams(b tensor.Backend, params []*nn.Param, f *weights.File) error {
	specs := make([]weights.Spec, len(params))
	for i, p := range params {
		specs[i] = weights.Spec{Name: p.Name, Shape: p.Shape}
	}
	tensors, err := f.Match(specs)
	if err != nil {
		return err
	}
	for i, p := range params {
		if err := upload(b, p.Value, f, tensors[i]); err != nil {
			return err
		}
	}
	return nil
}

// upload copies a tensor of the file into a contiguous matrix.
func upload(b tensor.Memory, m tensor.Mat, f *weights.File, t weights.Tensor) error {
	row, at := m.Reshape(1, m.Rows*m.Cols), 0
	return f.Values(t, func(values []float32) error {
		b.Upload(row.ColRange(at, at+len(values)), values)
		at += len(values)
		return nil
	})
}

// metaReader reads numbers from a checkpoint's metadata, keeping the first error.
type metaReader struct {
	f   *weights.File
	err error
}

func (r *metaReader) fail(key string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: metadata %s is %q: %w (%w); use an older checkpoint, or load it with --pretrain",
			r.f.Path, key, r.f.Meta[key], err, tall.ErrFormat)
	}
}

func (r *metaReader) number(key string) int {
	n, err := strconv.Atoi(r.f.Meta[key])
	if err == nil && n < 0 {
		err = errors.New("negative")
	}
	if err != nil {
		r.fail(key, err)
	}
	return n
}

func (r *metaReader) float(key string) float64 {
	x, err := strconv.ParseFloat(r.f.Meta[key], 64)
	if err != nil {
		r.fail(key, err)
	}
	return x
}

func (r *metaReader) seed() uint64 {
	n, err := strconv.ParseUint(r.f.Meta[metaSeed], 10, 64)
	if err != nil {
		r.fail(metaSeed, err)
	}
	return n
}

func (r *metaReader) bytes(key string) []byte {
	data, err := base64.StdEncoding.DecodeString(r.f.Meta[key])
	if err != nil {
		r.fail(key, err)
	}
	return data
}

var epochName = regexp.MustCompile(`_epoch(\d{1,9})(\.[a-z]+)?$`)

func epochOfName(path string) int {
	m := epochName.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // at most nine digits: cannot fail
	return n + 1
}

// Find resolves what --resume, --pretrain and --weights name: a file, or a prefix
// to which .safetensors or .pdparams is added.
func Find(name string) (string, error) {
	folder := false
	for _, ext := range []string{"", Extension, ".pdparams"} {
		info, err := os.Stat(name + ext)
		switch {
		case err == nil && !info.IsDir():
			return name + ext, nil
		case err == nil && ext == "":
			folder = true
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("weights: %w", err)
		}
	}
	if folder {
		return "", fmt.Errorf("weights: %w: %s is a folder; name a checkpoint in it, such as %s", tall.ErrMissing, name, filepath.Join(name, "TALL"))
	}
	return "", fmt.Errorf("weights: %w: there is no file %s, %s or %s", tall.ErrMissing,
		name, filepath.Base(name)+Extension, filepath.Base(name)+".pdparams")
}

// prune removes the oldest per-epoch files beyond the newest keep (0: keep all).
func prune(dir, name string, newest, keep int) error {
	if keep <= 0 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		m := epochName.FindStringSubmatch(e.Name())
		if m == nil || m[2] != Extension || !strings.HasPrefix(e.Name(), name+"_epoch") {
			continue
		}
		if n, err := strconv.Atoi(m[1]); err == nil && n <= newest-keep {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeLeftovers removes the temporary files of runs that were killed while
// they wrote a checkpoint. Nobody else writes here: the caller holds the lock.
func removeLeftovers(dir, name string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+name) && strings.HasSuffix(e.Name(), ".tmp") {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// setAside renames what an earlier run left in the folder, where a new one
// begins there: a command given twice, or without its --resume, must not destroy
// the work of days with its first state. Per-epoch files are overwritten, as in
// the reference.
func setAside(o Options) error {
	state := filepath.Join(o.Dir, o.Name+Extension)
	if o.Resume != nil && same(filepath.Dir(o.Resume.Path), o.Dir) {
		return nil // the same run goes on
	}
	if _, err := os.Stat(state); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for from, to := range map[string]string{
		o.Name + Extension:           o.Name + "_previous" + Extension,
		o.Name + "_best" + Extension: o.Name + "_previous_best" + Extension,
		MetricsName:                  "metrics_previous.jsonl",
	} {
		err := os.Rename(filepath.Join(o.Dir, from), filepath.Join(o.Dir, to))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if o.Notify != nil {
		o.Notify(Event{Kind: Noted, Message: fmt.Sprintf("%s holds an earlier run: its state is kept as %s_previous, its per-epoch files will be replaced", o.Dir, o.Name)})
	}
	return nil
}

// same reports whether two paths, of which one may be absolute or lead through a
// link, name the same file or folder.
func same(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}
