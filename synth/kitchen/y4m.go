package kitchen

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"

	"tall/media"
)

// writeY4M writes frames as a Y4M file, 4:2:0 in the limited range: BT.601, or BT.709
// where the picture is HD, as readers take it. Chroma is the mean of four pixels.
func writeY4M(w io.Writer, width, height, fps int, frames media.Source) error {
	out := bufio.NewWriterSize(w, 1<<20)
	fmt.Fprintf(out, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n", width, height, fps)
	c := yuvOf(width >= 1280 || height > 576)
	planes := make([]byte, width*height*3/2)
	for {
		f, err := frames.Next()
		if errors.Is(err, io.EOF) {
			return out.Flush()
		}
		if err != nil {
			return err
		}
		c.planes(f, planes)
		if _, err := out.WriteString("FRAME\n"); err != nil {
			return err
		}
		if _, err := out.Write(planes); err != nil {
			return err
		}
	}
}

// yuv are the factors from RGB to YCbCr, in 1/65536: (r, g, b) of each.
type yuv struct{ y, cb, cr [3]int32 }

func yuvOf(hd bool) yuv {
	kr, kb := 0.299, 0.114
	if hd {
		kr, kb = 0.2126, 0.0722
	}
	kg := 1 - kr - kb
	fixed := func(x float64) int32 { return int32(math.Round(x * 65536)) }
	y, cb, cr := 219.0/255, 224.0/255/(2*(1-kb)), 224.0/255/(2*(1-kr))
	return yuv{
		y:  [3]int32{fixed(kr * y), fixed(kg * y), fixed(kb * y)},
		cb: [3]int32{fixed(-kr * cb), fixed(-kg * cb), fixed((1 - kb) * cb)},
		cr: [3]int32{fixed((1 - kr) * cr), fixed(-kg * cr), fixed(-kb * cr)},
	}
}

// planes converts a frame of even size.
func (c *yuv) planes(f media.Frame, out []byte) {
	w, h := f.Width, f.Height
	luma, cb, cr := out[:w*h], out[w*h:w*h*5/4], out[w*h*5/4:]
	for i := range luma {
		p := f.Pix[3*i : 3*i+3]
		luma[i] = byte(16 + (c.y[0]*int32(p[0])+c.y[1]*int32(p[1])+c.y[2]*int32(p[2])+1<<15)>>16)
	}
	for y := 0; y < h; y += 2 {
		for x := 0; x < w; x += 2 {
			var sum [3]int32
			for _, at := range [...]int{y*w + x, y*w + x + 1, (y+1)*w + x, (y+1)*w + x + 1} {
				for i := range sum {
					sum[i] += int32(f.Pix[3*at+i])
				}
			}
			i := y/2*(w/2) + x/2
			cb[i] = byte(128 + (c.cb[0]*sum[0]+c.cb[1]*sum[1]+c.cb[2]*sum[2]+1<<17)>>18)
			cr[i] = byte(128 + (c.cr[0]*sum[0]+c.cr[1]*sum[1]+c.cr[2]*sum[2]+1<<17)>>18)
		}
	}
}
