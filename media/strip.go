package media

import (
	"context"
	"fmt"
	"image"
	"image/draw"
	"io"
	"math"

	xdraw "golang.org/x/image/draw"

	"tall"
)

// strip is a row of pictures of one rate that this process reads itself.
type strip interface {
	// picture reads picture i as RGB; i never falls. It may use dst.
	picture(i int, dst []byte) ([]byte, error)
	// size is that of picture i as stored, after it was read.
	size(i int) (width, height int)
	io.Closer
}

// reel samples and scales a strip.
type reel struct {
	ctx   context.Context
	strip strip
	info  Info
	s     Sampling
	end   float64

	n          int    // frames delivered
	have       int    // the picture that was read last, -1: none
	in, out    []byte // that picture as stored, and in the size that is asked for
	large      *image.RGBA
	small      *image.RGBA
	scaler     xdraw.Scaler
	scalesFrom image.Point
}

func readStrip(ctx context.Context, strip strip, info Info, s Sampling) *Reader {
	r := &reel{ctx: ctx, strip: strip, info: info, s: s, end: s.end(info), have: -1}
	return &Reader{next: r.next, close: strip.Close}
}

func (r *reel) next() (Frame, error) {
	if r.ctx.Err() != nil {
		return Frame{}, fmt.Errorf("%s: %w", r.info.Path, context.Cause(r.ctx))
	}
	i, at, ok := r.wanted()
	if !ok {
		return Frame{}, io.EOF
	}
	if i != r.have {
		if err := r.load(i); err != nil {
			return Frame{}, err
		}
	}
	width, height := r.s.size(r.info.Width, r.info.Height)
	f := Frame{Index: r.n, Time: at, Width: width, Height: height, Pix: r.out}
	r.n++
	return f, nil
}

// wanted is the picture of the next frame, and the frame's time.
func (r *reel) wanted() (i int, at float64, ok bool) {
	fps := r.info.FPS()
	if r.s.Rate > 0 {
		at = r.s.From + float64(r.n)/r.s.Rate
		i = int(math.Floor((at + slack) * fps))
		return max(0, min(i, r.info.Frames-1)), at, r.n < max(1, r.s.count(r.end))
	}
	i = max(0, int(math.Ceil((r.s.From-slack)*fps))) + r.n
	at = float64(i) / fps
	return i, at, i < r.info.Frames && at < r.end-slack
}

// load reads picture i and scales it.
func (r *reel) load(i int) error {
	var err error
	if r.in, err = r.strip.picture(i, r.in); err != nil {
		return err
	}
	width, height := r.s.size(r.info.Width, r.info.Height)
	w, h := r.strip.size(i)
	if len(r.in) != w*h*3 {
		return fmt.Errorf("%s: %w: picture %d has %d bytes for %d x %d", r.info.Path, tall.ErrShape, i, len(r.in), w, h)
	}
	r.have = i
	if w == width && h == height {
		r.out = r.in
		return nil
	}
	r.rescale(image.Pt(w, h), image.Pt(width, height))
	return nil
}

// rescale brings the picture to the frame's size: Catmull-Rom, as ffmpeg is told to.
func (r *reel) rescale(from, to image.Point) {
	if r.scaler == nil || r.scalesFrom != from {
		r.scaler, r.scalesFrom = xdraw.CatmullRom.NewScaler(to.X, to.Y, from.X, from.Y), from
		r.large, r.small = image.NewRGBA(image.Rectangle{Max: from}), image.NewRGBA(image.Rectangle{Max: to})
		r.out = make([]byte, to.X*to.Y*3)
	}
	for i, o := 0, 0; i < len(r.in); i, o = i+3, o+4 {
		r.large.Pix[o], r.large.Pix[o+1], r.large.Pix[o+2], r.large.Pix[o+3] = r.in[i], r.in[i+1], r.in[i+2], 255
	}
	r.scaler.Scale(r.small, r.small.Rect, r.large, r.large.Rect, draw.Src, nil)
	pack(r.out, r.small)
}

// pack drops the fourth byte of each pixel.
func pack(dst []byte, m *image.RGBA) {
	for i, o := 0, 0; i < len(dst); i, o = i+3, o+4 {
		dst[i], dst[i+1], dst[i+2] = m.Pix[o], m.Pix[o+1], m.Pix[o+2]
	}
}
