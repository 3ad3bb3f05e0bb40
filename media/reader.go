package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tall"
)

// Reader delivers the frames of a video; it is a [Source]. It must be closed, which ends
// ffmpeg where it still runs. Like every Source it is for one goroutine at a time.
type Reader struct {
	next    func() (Frame, error)
	close   func() error
	warning func() string
	err     error // what Next ended with
}

// Next returns the next frame, whose pixels are valid until the next call, and io.EOF
// after the last one. Errors name the file; they wrap [tall.ErrFormat] where its contents
// are to blame, and the context's error where that ended it.
func (r *Reader) Next() (Frame, error) {
	if r.err != nil {
		return Frame{}, r.err
	}
	f, err := r.next()
	if err != nil {
		r.err = err
	}
	return f, err
}

// Warning tells, after the last frame, of damage that the decoder passed over: what it
// said, or that the pictures ended long before the length that the file states. It is
// empty where all is well.
func (r *Reader) Warning() string {
	if r.warning == nil {
		return ""
	}
	return r.warning()
}

// Close ends the reading and waits for the child process. It may be called again.
func (r *Reader) Close() error {
	if r.err == nil {
		r.err = errClosed
	}
	if r.close == nil {
		return nil
	}
	return r.close()
}

// ahead bounds the bytes of frames that are read before they are asked for, so that
// ffmpeg decodes while the caller encodes.
const ahead = 16 << 20

// pipe reads frames from ffmpeg's stdout in a goroutine of its own.
type pipe struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	child  child
	info   Info
	s      Sampling
	plans  func(margin float64) plan
	plan   plan
	margin float64

	process    *process
	times      *times // nil without a filter that tells them
	full, free chan []byte
	stop       context.CancelFunc // ends this run
	done       chan struct{}
	result     error // of reading and of the process; set before done is closed

	held   []byte // the caller's
	n      int
	last   float64 // time of the last frame that ffmpeg delivered
	frozen bool    // the second run, which holds the last picture
}

func readPipe(ctx context.Context, info Info, s Sampling, c child, plans func(margin float64) plan) (*Reader, error) {
	p := &pipe{child: c, info: info, s: s, plans: plans, margin: seekMargin(info.Format)}
	p.plan = plans(p.margin)
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	if err := p.launch(); err != nil {
		p.cancel(nil)
		return nil, err
	}
	return &Reader{next: p.next, close: p.close, warning: p.warning}, nil
}

// launch starts ffmpeg and the goroutine that reads from it.
func (p *pipe) launch() error {
	p.times, p.child.stderr = nil, nil
	if p.plan.first > 0 || p.plan.list > 0 {
		p.times = newTimes(p.plan.first, p.plan.list)
		p.child.stderr = p.times
	}
	p.child.args = p.plan.args
	var ctx context.Context
	ctx, p.stop = context.WithCancel(p.ctx)
	var err error
	if p.process, err = start(ctx, p.child); err != nil {
		p.stop()
		return fmt.Errorf("%s: %w", p.info.Path, err)
	}
	size := p.plan.width * p.plan.height * 3
	n := max(2, min(9, ahead/size+1))
	p.full, p.free = make(chan []byte, n), make(chan []byte, n)
	for range n {
		p.free <- nil // made when it is needed
	}
	p.done = make(chan struct{})
	go p.read(ctx, size)
	return nil
}

// read fills buffers until the pipe ends, then waits for the process.
func (p *pipe) read(ctx context.Context, size int) {
	defer close(p.done)
	defer close(p.full)
	if p.times != nil {
		defer p.times.end()
	}
	var err error
	for err == nil {
		var buf []byte
		select {
		case buf = <-p.free:
		case <-ctx.Done():
			err = context.Cause(ctx)
			continue
		}
		if buf == nil {
			buf = make([]byte, size)
		}
		if _, err = io.ReadFull(p.process.out, buf); err == nil {
			p.full <- buf // has room for all buffers
		}
	}
	if err != io.EOF && ctx.Err() == nil { //nolint:errorlint // ReadFull returns it bare
		// The stream ends in the middle of a frame: ffmpeg is ending, or does
		// something that nobody asked for.
		p.process.out.Close()
	}
	if exit := p.process.wait(); exit != nil {
		err = exit
	}
	p.result = err
}

var errStall = errors.New("ffmpeg is stuck")

func (p *pipe) next() (Frame, error) {
	if p.held != nil {
		p.free <- p.held
	}
	stuck := fmt.Errorf("%w: nothing came for %s after frame %d; the file may be damaged there", errStall, p.plan.stall, p.n)
	stall := time.AfterFunc(p.plan.stall, func() { p.cancel(stuck) })
	defer stall.Stop()
	if p.n == 0 && p.plan.first > 0 && !p.frozen {
		if err := p.seekEarlier(); err != nil {
			return Frame{}, err
		}
	}
	if buf, ok := <-p.full; ok {
		p.held = buf
		if p.s.Rate > 0 {
			p.last = p.s.From + float64(p.n)/p.s.Rate
		}
	} else {
		if err := p.ended(); err != io.EOF || !p.lasts() { //nolint:errorlint // bare
			return Frame{}, err
		}
		if p.n == 0 {
			return p.freeze()
		}
		<-p.free // the last picture goes on; nothing has been read over it
	}
	f := Frame{Index: p.n, Width: p.plan.width, Height: p.plan.height, Pix: p.held}
	if p.s.Rate > 0 {
		f.Time = p.s.From + float64(p.n)/p.s.Rate
	} else {
		at, ok := p.times.next()
		if !ok {
			return Frame{}, fmt.Errorf("%s: ffmpeg did not say the time of frame %d", p.info.Path, p.n)
		}
		f.Time = at + p.plan.shift
		p.last = f.Time
	}
	p.n++
	return f, nil
}

// seekEarlier begins anew where seeking landed behind the picture that is shown at the
// beginning of the part.
func (p *pipe) seekEarlier() error {
	for p.plan.seek > 0 {
		began, ok := p.times.beginning()
		if !ok || began+p.plan.shift <= p.s.From+slack {
			return nil
		}
		p.margin *= marginFactor
		p.plan = p.plans(p.margin)
		if err := p.relaunch(); err != nil {
			return err
		}
	}
	return nil
}

// relaunch ends the run and starts another one, by the plan.
func (p *pipe) relaunch() error {
	p.stop()
	<-p.done
	return p.launch()
}

// lasts says whether the last picture is still shown at the time of the next frame.
// ffmpeg ends at the beginning of the last picture. In containers that give each picture a
// time of its own it lasts to the end that the file states, unless the decoder complained:
// then the rest may have been lost. In others it lasts as long as any.
func (p *pipe) lasts() bool {
	if p.s.Rate == 0 || p.frozen && p.n == 0 || p.n >= p.s.count(p.s.end(p.info)) {
		return false
	}
	if indexed(p.info.Format) && len(p.process.said.lines()) == 0 {
		return true
	}
	end := p.last
	if p.n > 0 {
		end += 1 / p.s.Rate
	}
	if fps := p.info.FPS(); fps > 0 {
		end += 1 / fps
	}
	return p.n == 0 || p.s.From+float64(p.n)/p.s.Rate < end
}

// freeze runs ffmpeg again, for the last picture alone: the first run ended without any,
// because the part begins after the beginning of the last picture.
func (p *pipe) freeze() (Frame, error) {
	p.frozen = true
	p.plan.args = p.plan.freeze()
	if err := p.launch(); err != nil {
		return Frame{}, err
	}
	return p.next()
}

// ended says why no more frames come: io.EOF where nothing is wrong.
func (p *pipe) ended() error {
	<-p.done
	if p.ctx.Err() != nil || p.result != io.EOF { //nolint:errorlint // ReadFull returns it bare
		if errors.Is(p.result, io.ErrUnexpectedEOF) && len(p.process.said.lines()) == 0 {
			return fmt.Errorf("%s: %w: what ffmpeg delivers ends within frame %d", p.info.Path, tall.ErrFormat, p.n)
		}
		return explain(p.ctx, p.info.Path, p.process.said, p.result)
	}
	if p.n == 0 && (p.frozen || p.s.Rate == 0) {
		return explain(p.ctx, p.info.Path, p.process.said, fmt.Errorf("%w: no picture could be decoded", tall.ErrFormat))
	}
	return io.EOF
}

func (p *pipe) warning() string {
	select {
	case <-p.done:
	default:
		return ""
	}
	var text string
	// Behind a seek a decoder complains of what it has not seen.
	if lines := p.process.said.lines(); len(lines) > 0 && p.ctx.Err() == nil && p.plan.seek == 0 {
		text = p.info.Path + ": the decoder passed over damage: " + quote(p.info.Path, lines)
	}
	gap := 2.0
	if p.s.Rate > 0 {
		gap += 1 / p.s.Rate
	}
	// Without a complaint the last picture is shown to the end.
	lasts := text == "" && indexed(p.info.Format)
	if end := p.s.end(p.info); p.n > 0 && p.last+gap < end && !jumps(p.info.Format) && !lasts {
		if text == "" {
			text = p.info.Path + ": the file is cut off or damaged"
		}
		text += fmt.Sprintf("; its pictures end at %.1f s of %.1f s", p.last, end)
	}
	return text
}

func (p *pipe) close() error {
	p.cancel(errClosed)
	p.stop()
	<-p.done
	return nil
}

var errClosed = errors.New("media: the reader is closed")
