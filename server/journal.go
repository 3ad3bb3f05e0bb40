package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"sync"
	"time"

	"tall"
	"tall/library"
)

// Verdict is what somebody says of a moment.
type Verdict string

// The verdicts.
const (
	Right Verdict = "right"
	Wrong Verdict = "wrong"
	Moved Verdict = "moved" // it is right where it was moved to
)

// Judgment is what somebody said of a moment that was found.
type Judgment struct {
	Sentence string     `json:"sentence"`
	Video    library.ID `json:"video"`
	Duration float64    `json:"duration"` // of the video, seconds
	Span     tall.Span  `json:"span"`     // seconds
	Found    tall.Span  `json:"found"`    // seconds: where it was before it was moved
	Verdict  Verdict    `json:"verdict"`
	Time     time.Time  `json:"time"`
}

// Journal keeps judgments.
type Journal interface {
	Add(ctx context.Context, j Judgment) error
	// All yields them in the order in which they were added.
	All(ctx context.Context) iter.Seq2[Judgment, error]
}

// FileJournal is a [Journal] in a file of JSON Lines, to which lines are only ever added.
type FileJournal struct {
	path string
	mu   sync.Mutex
}

// NewFileJournal names a file, which need not exist yet.
func NewFileJournal(path string) *FileJournal { return &FileJournal{path: path} }

// journalLine bounds a line, in bytes.
const journalLine = 1 << 20

// Add implements [Journal]: the line is on the disk when it returns.
func (f *FileJournal) Add(_ context.Context, j Judgment) (err error) {
	line, err := json.Marshal(j)
	if err != nil {
		return err
	}
	if len(line) >= journalLine {
		return fmt.Errorf("%w: a judgment of %d bytes", tall.ErrFormat, len(line))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if n := info.Size(); n > 0 {
		last := make([]byte, 1)
		if _, err := file.ReadAt(last, n-1); err != nil {
			return err
		}
		if last[0] != '\n' { // a crash cut the last line off
			line = append([]byte{'\n'}, line...)
		}
	}
	if _, err := file.Write(append(line, '\n')); err != nil {
		return err
	}
	return file.Sync()
}

// All implements [Journal]. A line that a crash cut off is passed over.
func (f *FileJournal) All(ctx context.Context) iter.Seq2[Judgment, error] {
	return func(yield func(Judgment, error) bool) {
		file, err := os.Open(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Judgment{}, err)
			return
		}
		defer file.Close()
		r := bufio.NewReaderSize(io.Reader(file), 64<<10)
		for {
			line, err := r.ReadBytes('\n')
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(Judgment{}, err)
				return
			}
			var j Judgment
			if len(bytes.TrimSpace(line)) > 0 && json.Unmarshal(line, &j) == nil && j.Video != "" && !yield(j, nil) {
				return
			}
			if err != nil {
				return
			}
		}
	}
}
