package synth

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"tall/feature"
	"tall/numpy"
)

// Summary says what was written.
type Summary struct {
	Dir         string // absolute
	Config      string // path of tall.yaml in it
	Annotations string // path of annotations.jsonl in it: the sentences with their texts

	Train, Val, Test Counts
	Pairs            int   // training pairs: IoU > 0.5 and nIoL < 0.15
	Files            int   // windows, in the folders of the three parts
	Bytes            int64 // of all files
}

// Counts are those of one part.
type Counts struct {
	Videos    int `json:"videos"`
	Frames    int `json:"frames"`
	Events    int `json:"events"`
	Clips     int `json:"clips"` // events that have sentences
	Sentences int `json:"sentences"`
	Windows   int `json:"windows"` // files in its folder
}

// Write writes a corpus into dir, which is made where it does not exist. A
// folder that holds anything but an earlier corpus is refused, unless o.Force:
// then what it holds stays, except for files and folders that bear the names of
// the corpus's own. progress, which may be nil, is told how many of the window
// files are written; calls do not overlap.
//
// Everything is written into a hidden folder in dir and moved to its place at
// the end, tall.yaml last: after an error, a kill or a canceled ctx there is
// either no tall.yaml, or the one of the earlier corpus, whole. Only tall.yaml is
// forced to disk; a corpus can be written again.
//
// Too little free space is an error before anything is written.
func Write(ctx context.Context, dir string, o Options, progress func(done, total int)) (*Summary, error) {
	c, err := newCorpus(o)
	if err != nil {
		return nil, err
	}
	p, err := claim(dir, o.Force)
	if err != nil {
		return nil, err
	}
	defer p.release()
	jobs := c.jobs()
	sum := c.summarize(jobs)
	if err := p.clear(); err != nil {
		return nil, err
	}
	if err := checkRoom(p.dir, c, sum.Files); err != nil {
		return nil, err
	}
	if err := p.begin(); err != nil {
		return nil, err
	}
	w := newWorld(&c.options)
	if err := writeWindows(ctx, p.work, w, jobs, threads(o.Threads), counter(sum.Files, progress)); err != nil {
		return nil, err
	}
	if err := c.writeFiles(ctx, p.work, w, sum); err != nil {
		return nil, err
	}
	if sum.Bytes, err = totalBytes(p.work); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := p.publish(c.yaml(p.dir)); err != nil {
		return nil, err
	}
	sum.Dir = p.dir
	sum.Config, sum.Annotations = filepath.Join(p.dir, configName), filepath.Join(p.dir, annotationsName)
	return sum, nil
}

func threads(n int) int {
	if n == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return n
}

// counter turns single files into calls of progress.
func counter(total int, progress func(done, total int)) func(files int) {
	if progress == nil {
		return func(int) {}
	}
	var mu sync.Mutex
	done := 0
	progress(0, total)
	return func(files int) {
		mu.Lock()
		defer mu.Unlock()
		done += files
		progress(done, total)
	}
}

// job is the windows of one video for one folder.
type job struct {
	folder  string // below the corpus
	part    int    // whose folder it is
	video   *video
	lengths []int
}

// jobs lists the folders' contents.
func (c *corpus) jobs() []job {
	var out []job
	for i := range c.videos {
		v := &c.videos[i]
		if v.part == train || c.options.AllInTrain {
			out = append(out, job{trainFolder, train, v, trainLengths})
		}
		switch v.part {
		case val:
			out = append(out, job{valFolder, val, v, testLengths})
		case test:
			out = append(out, job{testFolder, test, v, testLengths})
		}
	}
	return out
}

// summarize counts what there is and will be.
func (c *corpus) summarize(jobs []job) *Summary {
	sum := &Summary{}
	counts := []*Counts{&sum.Train, &sum.Val, &sum.Test}
	for i := range c.videos {
		v := &c.videos[i]
		n := counts[v.part]
		n.Videos++
		n.Frames += v.frames
		n.Events += len(v.events)
		n.Clips += len(v.clips)
		for _, clip := range v.clips {
			n.Sentences += len(clip.phrasings)
		}
		if v.part == train {
			sum.Pairs += v.pairs()
		}
	}
	for _, j := range jobs {
		n := gridCount(j.video.frames, j.lengths)
		sum.Files += n
		counts[j.part].Windows += n
	}
	return sum
}

// writeWindows writes the files of all jobs below root.
func writeWindows(ctx context.Context, root string, w *world, jobs []job, threads int, wrote func(files int)) error {
	for _, j := range jobs {
		if err := os.MkdirAll(filepath.Join(root, j.folder), 0o777); err != nil {
			return err
		}
	}
	// The longest first, so that the last to run are short.
	jobs = slices.Clone(jobs)
	slices.SortStableFunc(jobs, func(a, b job) int { return b.video.frames - a.video.frames })
	queue := make(chan job, len(jobs))
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	for range threads {
		workers.Go(func() {
			for j := range queue {
				if err := j.write(ctx, root, w, wrote); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// write writes the files of one job. They are plain files: the folder as a whole
// is what takes its name at the end.
func (j job) write(ctx context.Context, root string, w *world, wrote func(files int)) error {
	dim := w.dims.Feature
	x := make([]float32, dim)
	buf := numpy.AppendHeader(nil, []int{dim})
	header := len(buf)
	s := w.stage(j.video)
	folder := filepath.Join(root, j.folder) + string(filepath.Separator)
	const batch = 64
	pending := 0
	for start, end := range grid(j.video.frames, j.lengths) {
		s.window(x, start, end)
		buf = buf[:header]
		for _, v := range x {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		if err := os.WriteFile(folder+feature.FileName(j.video.file(), start, end), buf, 0o666); err != nil {
			return fmt.Errorf("synthetic corpus: %w", err)
		}
		if pending++; pending == batch {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			wrote(pending)
			pending = 0
		}
	}
	wrote(pending)
	return context.Cause(ctx)
}
