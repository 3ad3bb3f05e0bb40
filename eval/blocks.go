package eval

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"tall"
)

const (
	blockSize = 1 << 20
	// maxLine is the length of the longest line in bytes, docs/formats.md.
	maxLine = 16 << 20
)

// stretch is what was read of a stretch of a JSON Lines file.
type stretch struct {
	predictions []Prediction
	numbers     []int // of the line of each prediction
	notes       notes
	err         error
}

// block is a stretch of whole lines.
type block struct {
	index, line int // the number of its first line
	data        []byte
	ended       bool // its last line has an end
}

// readBlocks cuts a JSON Lines file into blocks, has all processors parse them,
// and returns what they found in the order of the file, or the first error of it.
// No more of the file than a few blocks is in memory at a time.
func readBlocks(r io.Reader, name string, parse func(b block, into *stretch)) (*stretch, error) {
	workers := runtime.GOMAXPROCS(0)
	blocks := make(chan block, workers)
	var (
		mu    sync.Mutex
		found []*stretch
		wg    sync.WaitGroup
		bad   bool // an error was found: what follows in the file need not be read
	)
	free := sync.Pool{New: func() any { return new([]byte) }}
	for range workers {
		wg.Go(func() {
			for b := range blocks {
				out := new(stretch)
				if out.err = b.tooLong(name); out.err == nil {
					parse(b, out)
				}
				free.Put(&b.data)
				mu.Lock()
				for len(found) <= b.index {
					found = append(found, nil)
				}
				found[b.index] = out
				bad = bad || out.err != nil
				mu.Unlock()
			}
		})
	}
	err := cut(r, name, func(b block) bool {
		buf := free.Get().(*[]byte)
		b.data = append((*buf)[:0], b.data...)
		blocks <- b
		mu.Lock()
		defer mu.Unlock()
		return !bad
	})
	close(blocks)
	wg.Wait()
	all := new(stretch)
	for _, l := range found {
		if l.err != nil {
			return nil, l.err
		}
		all.predictions = append(all.predictions, l.predictions...)
		all.numbers = append(all.numbers, l.numbers...)
		all.notes.merge(&l.notes)
	}
	return all, err
}

// cut calls each with blocks of whole lines, valid during the call, until the
// file ends or each returns false.
func cut(r io.Reader, name string, each func(block) bool) error {
	buf := make([]byte, 0, blockSize)
	b := block{line: 1}
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		whole := bytes.LastIndexByte(buf, '\n') + 1
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return fmt.Errorf("%s: %w", name, err)
		case err != nil:
			if len(buf) > 0 {
				b.data, b.ended = buf, whole == len(buf)
				each(b)
			}
			return nil
		case len(buf) < cap(buf):
			continue
		case whole == 0 && len(buf) > maxLine:
			return fmt.Errorf("%s:%d: %w: the line is longer than %d MiB; this is no file of JSON lines", name, b.line, tall.ErrFormat, maxLine>>20)
		case whole == 0:
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
			continue
		}
		b.data, b.ended = buf[:whole], true
		if !each(b) {
			return nil
		}
		b.index++
		b.line += bytes.Count(b.data, []byte{'\n'})
		buf = buf[:copy(buf, buf[whole:])]
	}
}

// tooLong looks for a line that is longer than maxLine.
func (b block) tooLong(name string) (err error) {
	if len(b.data) <= maxLine {
		return nil
	}
	b.each(func(n int, line []byte, _ bool) bool {
		if len(line) > maxLine {
			err = fmt.Errorf("%s:%d: %w: the line is longer than %d MiB; this is no file of JSON lines", name, n, tall.ErrFormat, maxLine>>20)
		}
		return err == nil
	})
	return err
}

// each calls f for the lines of a block that hold more than blanks, without
// their ends, until it returns false.
func (b block) each(f func(n int, line []byte, whole bool) bool) {
	data := b.data
	for n := b.line; len(data) > 0; n++ {
		line, rest, found := bytes.Cut(data, []byte{'\n'})
		data = rest
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(bytes.TrimSpace(line)) > 0 && !f(n, line, found) {
			return
		}
	}
}
