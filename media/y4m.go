package media

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"tall"
)

// formatY4M is the Format of an Info of a Y4M file: YUV4MPEG2, as mjpegtools' yuv4mpeg(5)
// describes it. A line of text with size and rate, then for each picture a line FRAME and
// the planes Y, Cb, Cr as bytes.
const formatY4M = "y4m"

const (
	magicY4M = "YUV4MPEG2"
	// maxHeadY4M bounds a header line, bytes; real ones have below 100.
	maxHeadY4M = 1024
)

// headY4M is the first line of a Y4M file.
type headY4M struct {
	width, height int
	num, den      int // frames a second
	aspectNum     int // shape of a pixel
	aspectDen     int
	chroma        string // "420", "422", "444", "411", "mono"
	full          bool   // values 0 to 255 in the place of 16 to 235
}

func isY4M(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, len(magicY4M)+1)
	_, err = io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return string(head) == magicY4M+" ", nil
}

// readLine reads a header line without its end, maxHeadY4M bytes at most.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF) && len(line) == 0:
		return "", io.EOF
	case errors.Is(err, io.EOF):
		return "", io.ErrUnexpectedEOF
	case errors.Is(err, bufio.ErrBufferFull) || len(line) > maxHeadY4M:
		return "", fmt.Errorf("%w: a header line is longer than %d bytes", tall.ErrFormat, maxHeadY4M)
	case err != nil:
		return "", err
	}
	return string(line[:len(line)-1]), nil
}

// parseHeadY4M reads the first line.
func parseHeadY4M(line string) (headY4M, error) {
	h := headY4M{aspectNum: 1, aspectDen: 1, chroma: "420"}
	fields := strings.Split(line, " ")
	if fields[0] != magicY4M {
		return h, fmt.Errorf("%w: the first line does not begin with %s", tall.ErrFormat, magicY4M)
	}
	bad := func(field string) (headY4M, error) {
		return h, fmt.Errorf("%w: %q in the first line", tall.ErrFormat, field)
	}
	for _, field := range fields[1:] {
		if field == "" {
			continue
		}
		value := field[1:]
		var ok bool
		switch field[0] {
		case 'W', 'H':
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > maxPixels {
				return bad(field)
			}
			if field[0] == 'W' {
				h.width = n
			} else {
				h.height = n
			}
		case 'F':
			if h.num, h.den, ok = ratio(value, ":"); !ok {
				return bad(field)
			}
		case 'A':
			if num, den, ok := ratio(value, ":"); ok { // 0:0 is unknown
				h.aspectNum, h.aspectDen = num, den
			}
		case 'C':
			if h.chroma, ok = chromaY4M(value); !ok {
				return h, fmt.Errorf("%w: color space %q; 8-bit 420, 422, 444, 411 and mono are read: convert it with ffmpeg -pix_fmt yuv420p", tall.ErrFormat, value)
			}
		case 'X':
			h.full = h.full || strings.EqualFold(value, "COLORRANGE=FULL")
		}
	}
	if h.width == 0 || h.height == 0 {
		return h, fmt.Errorf("%w: the first line lacks the size (W, H)", tall.ErrFormat)
	}
	if h.width > maxPixels/h.height {
		return h, fmt.Errorf("%w: a frame of %d x %d pixels is larger than 8192 x 8192", tall.ErrUnsafe, h.width, h.height)
	}
	if h.den == 0 {
		h.num, h.den = 25, 1 // ffmpeg's default too
	}
	return h, nil
}

// chromaY4M maps the names of color spaces to how the planes lie. Where the samples of
// 4:2:0 sit within their pixels makes no difference that can be seen.
func chromaY4M(name string) (string, bool) {
	switch name {
	case "420", "420jpeg", "420mpeg2", "420paldv":
		return "420", true
	case "422", "444", "411", "mono":
		return name, true
	}
	return "", false
}

// chromaSize is the size of the planes Cb and Cr; 0, 0 without any.
func (h headY4M) chromaSize() (width, height int) {
	switch h.chroma {
	case "420":
		return (h.width + 1) / 2, (h.height + 1) / 2
	case "422":
		return (h.width + 1) / 2, h.height
	case "411":
		return (h.width + 3) / 4, h.height
	case "444":
		return h.width, h.height
	}
	return 0, 0
}

// frameSize is the number of bytes of a picture.
func (h headY4M) frameSize() int {
	w, ht := h.chromaSize()
	return h.width*h.height + 2*w*ht
}

// shown is the size with square pixels.
func (h headY4M) shown() (int, int) {
	a := float64(h.aspectNum) / float64(h.aspectDen)
	if a < 0.1 || a > 10 {
		return h.width, h.height
	}
	return max(1, int(math.Round(float64(h.width)*a))), h.height
}

// fileY4M is an open Y4M file; it is a strip.
type fileY4M struct {
	path string
	f    io.ReadSeekCloser
	r    *bufio.Reader
	head headY4M
	at   int // the picture whose header comes next
	yuv  []byte
}

func openY4M(path string, f io.ReadSeekCloser) (*fileY4M, error) {
	y := &fileY4M{path: path, f: f, r: bufio.NewReaderSize(f, 64<<10)}
	line, err := readLine(y.r)
	if err == nil {
		y.head, err = parseHeadY4M(line)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: the first line does not end", tall.ErrFormat)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return y, nil
}

// begin reads a picture's header; io.EOF: there are no more.
func (y *fileY4M) begin() error {
	line, err := readLine(y.r)
	if err != nil {
		return err
	}
	if line != "FRAME" && !strings.HasPrefix(line, "FRAME ") {
		return fmt.Errorf("%w: picture %d does not begin with FRAME", tall.ErrFormat, y.at)
	}
	return nil
}

// skip passes over a picture's planes.
func (y *fileY4M) skip() error {
	n := int64(y.head.frameSize())
	if n <= int64(y.r.Buffered()) {
		_, err := y.r.Discard(int(n))
		return err
	}
	// Beyond the end seeking is no error; the caller looks where it ends.
	_, err := y.f.Seek(n-int64(y.r.Buffered()), io.SeekCurrent)
	y.r.Reset(y.f)
	return err
}

// picture reads picture i, which must not be before the last one, as RGB.
func (y *fileY4M) picture(i int, dst []byte) ([]byte, error) {
	for {
		if err := y.begin(); err != nil {
			return dst, y.broken(err)
		}
		y.at++
		if y.at > i {
			break
		}
		if err := y.skip(); err != nil {
			return dst, y.broken(err)
		}
	}
	if y.yuv == nil {
		y.yuv = make([]byte, y.head.frameSize())
	}
	if _, err := io.ReadFull(y.r, y.yuv); err != nil {
		return dst, y.broken(err)
	}
	if n := y.head.width * y.head.height * 3; len(dst) != n {
		dst = make([]byte, n)
	}
	y.head.rgb(y.yuv, dst)
	return dst, nil
}

func (y *fileY4M) size(int) (int, int) { return y.head.width, y.head.height }

func (y *fileY4M) Close() error { return y.f.Close() }

func (y *fileY4M) broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: the file ends within picture %d: it is cut off", tall.ErrFormat, y.at)
	}
	return fmt.Errorf("%s: %w", y.path, err)
}

// count walks over the pictures' headers. A last picture that is cut off does not count.
func (y *fileY4M) count(size int64) (int, error) {
	for {
		switch err := y.begin(); {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return y.at, nil
		case err != nil:
			return y.at, fmt.Errorf("%s: %w", y.path, err)
		}
		if err := y.skip(); errors.Is(err, io.EOF) {
			return y.at, nil
		} else if err != nil {
			return y.at, fmt.Errorf("%s: %w", y.path, err)
		}
		at, err := y.f.Seek(0, io.SeekCurrent)
		if err != nil {
			return y.at, err
		}
		if at-int64(y.r.Buffered()) > size {
			return y.at, nil
		}
		y.at++
	}
}

func probeY4M(path string, size int64) (Info, error) {
	f, err := os.Open(path)
	if err != nil {
		return Info{}, err
	}
	defer f.Close()
	y, err := openY4M(path, f)
	if err != nil {
		return Info{}, err
	}
	h := y.head
	width, height := h.shown()
	if err := checkSize(path, width, height); err != nil {
		return Info{}, err
	}
	n, err := y.count(size)
	if err != nil {
		return Info{}, err
	}
	if n == 0 {
		return Info{}, fmt.Errorf("%s: %w: it holds no whole picture", path, tall.ErrFormat)
	}
	info := Info{
		Path: path, Width: width, Height: height, FPSNum: h.num, FPSDen: h.den, Frames: n,
		Codec: "rawvideo", Format: formatY4M, Pixels: "yuv" + h.chroma + "p",
	}
	if h.chroma == "mono" {
		info.Pixels = "gray"
	}
	info.Duration = float64(n) / info.FPS()
	return info, checkDuration(info)
}

func readY4M(ctx context.Context, info Info, s Sampling) (*Reader, error) {
	f, err := os.Open(info.Path)
	if err != nil {
		return nil, err
	}
	y, err := openY4M(info.Path, f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return readStrip(ctx, y, info, s), nil
}

// rgb converts planes to pixels: BT.601, or BT.709 for HD, as players do when nothing is
// said; colors are taken from the nearest sample.
func (h headY4M) rgb(yuv, dst []byte) {
	cw, ch := h.chromaSize()
	luma := yuv[:h.width*h.height]
	cb := yuv[len(luma):][:cw*ch]
	cr := yuv[len(luma)+len(cb):][:cw*ch]
	c := colorsOf(hd(h.width, h.height), h.full)
	if cw == 0 {
		for i, y := range luma {
			v := clip(c.y * (int32(y) - c.black))
			dst[3*i], dst[3*i+1], dst[3*i+2] = v, v, v
		}
		return
	}
	stepX, stepY := (h.width+cw-1)/cw, (h.height+ch-1)/ch
	for row := range h.height {
		line := luma[row*h.width:][:h.width]
		us, vs := cb[row/stepY*cw:][:cw], cr[row/stepY*cw:][:cw]
		out := dst[row*h.width*3:][:h.width*3]
		for x, y := range line {
			u, v := int32(us[x/stepX])-128, int32(vs[x/stepX])-128
			base := c.y * (int32(y) - c.black)
			out[3*x] = clip(base + c.rv*v)
			out[3*x+1] = clip(base - c.gu*u - c.gv*v)
			out[3*x+2] = clip(base + c.bu*u)
		}
	}
}

// colors are the factors from YCbCr to RGB, in 1/65536.
type colors struct{ black, y, rv, gu, gv, bu int32 }

// colorsOf computes them from the definition: ITU-R BT.601 (kr 0.299, kb 0.114) or BT.709
// (kr 0.2126, kb 0.0722); limited range has 219 steps of luma from 16 on and 224 of chroma.
func colorsOf(bt709, full bool) colors {
	kr, kb := 0.299, 0.114
	if bt709 {
		kr, kb = 0.2126, 0.0722
	}
	luma, chroma, black := 255.0/219, 255.0/224, int32(16)
	if full {
		luma, chroma, black = 1, 1, 0
	}
	kg := 1 - kr - kb
	fixed := func(x float64) int32 { return int32(math.Round(x * 65536)) }
	return colors{
		black: black, y: fixed(luma),
		rv: fixed(2 * (1 - kr) * chroma),
		gu: fixed(2 * (1 - kb) * kb / kg * chroma), gv: fixed(2 * (1 - kr) * kr / kg * chroma),
		bu: fixed(2 * (1 - kb) * chroma),
	}
}

func clip(v int32) byte {
	v = (v + 1<<15) >> 16
	return byte(max(0, min(255, v)))
}
