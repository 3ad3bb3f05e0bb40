package report

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"tall"
)

// Lines are the lines of one plot, such as the loss and its parts against the
// step. The zero value is empty and ready to use.
type Lines struct {
	names  []string
	points map[string]plotter.XYs
	lost   int // points that were not finite
}

// PlotOptions are the words of a plot.
type PlotOptions struct {
	Title string
	X, Y  string // names of the axes
	// Headroom is left free above the lines, as a share of their height, for a
	// legend that would stand on them.
	Headroom float64
}

// Add appends a point to the line of a name; lines are drawn, and listed in the
// legend, in the order in which their names first came. A point that is not
// finite is left out.
func (l *Lines) Add(name string, x, y float64) {
	if l.points == nil {
		l.points = map[string]plotter.XYs{}
	}
	if _, ok := l.points[name]; !ok {
		l.names = append(l.names, name)
		l.points[name] = nil
	}
	if math.IsNaN(x+y) || math.IsInf(x+y, 0) {
		l.lost++
		return
	}
	l.points[name] = append(l.points[name], plotter.XY{X: x, Y: y})
}

// WriteSVG draws the plot into a file, atomically. Without any point it is an
// error that wraps [tall.ErrMissing].
func (l *Lines) WriteSVG(path string, o PlotOptions) error {
	if !l.any() {
		return fmt.Errorf("%s: %w: no points to plot", path, tall.ErrMissing)
	}
	return tall.ReplaceFile(path, func(w io.Writer) error { return l.EncodeSVG(w, o) })
}

func (l *Lines) any() bool {
	for _, p := range l.points {
		if len(p) > 0 {
			return true
		}
	}
	return false
}

// Size of a plot and of its letters; SVG scales, so that these fix proportions.
const (
	plotWidth  = 8 * vg.Inch
	plotHeight = 4.5 * vg.Inch
	fontSize   = 11 // points
)

// palette is Okabe and Ito's, which color-blind readers can tell apart.
var palette = []color.NRGBA{
	{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}, // blue
	{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff}, // vermilion
	{R: 0x00, G: 0x9e, B: 0x73, A: 0xff}, // green
	{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff}, // purple
	{R: 0xe6, G: 0x9f, B: 0x00, A: 0xff}, // orange
	{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff}, // light blue
}

// EncodeSVG draws the plot. The vertical axis is logarithmic where all values
// are positive and span more than a factor of 20, as a loss and its parts do.
// Lines of many points are drawn as their mean, over their full range in a pale
// tint.
func (l *Lines) EncodeSVG(w io.Writer, o PlotOptions) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = o.Title, o.X, o.Y
	p.Title.Padding = vg.Points(8)
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	p.Title.TextStyle.Font = font.From(sans, fontSize+2)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font = font.From(sans, fontSize)
		a.Label.Padding = vg.Points(4)
		a.Tick.Label.Font = font.From(sans, fontSize-1)
		a.Color = color.Gray{0x60}
		a.Tick.Color = color.Gray{0x60}
	}
	p.Legend.TextStyle.Font = font.From(sans, fontSize)
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(4)
	p.Legend.XOffs, p.Legend.YOffs = -vg.Points(6), -vg.Points(4)

	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{0xe4}, color.Gray{0xe4}
	p.Add(grid)
	for i, name := range l.names {
		if err := l.draw(p, name, palette[i%len(palette)]); err != nil {
			return fmt.Errorf("plot of %s: %w", name, err)
		}
	}
	l.scale(p)
	if o.Headroom > 0 && p.Y.Max > p.Y.Min {
		p.Y.Max += o.Headroom * (p.Y.Max - p.Y.Min)
	}

	canvas := vgsvg.New(plotWidth, plotHeight)
	page := draw.New(canvas)
	page.SetColor(p.BackgroundColor)
	page.Fill(page.Path())
	// Room at the right, where the last tick's label would be cut.
	p.Draw(draw.Crop(page, vg.Points(4), -vg.Points(14), vg.Points(4), -vg.Points(6)))
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return err
	}
	// Arial has Liberation Sans's widths, by which the text was placed.
	_, err := w.Write(bytes.ReplaceAll(svg.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif")))
	return err
}

// maxPoints is the number of columns in which a line is averaged; more points
// cannot be told apart on a screen.
const maxPoints = 400

func (l *Lines) draw(p *plot.Plot, name string, c color.NRGBA) error {
	points := l.points[name]
	if len(points) == 0 {
		return nil
	}
	mean := points
	if len(points) > 2*maxPoints {
		var extremes plotter.XYs
		mean, extremes = thin(points, maxPoints)
		line, err := plotter.NewLine(extremes)
		if err != nil {
			return err
		}
		line.Color, line.Width = tint(c), vg.Points(0.6)
		p.Add(line)
	}
	line, err := plotter.NewLine(mean)
	if err != nil {
		return err
	}
	line.Color, line.Width = c, vg.Points(1.6)
	p.Add(line)
	if len(points) == 1 { // a line of one point is invisible
		dot, err := plotter.NewScatter(points)
		if err != nil {
			return err
		}
		dot.GlyphStyle = draw.GlyphStyle{Color: c, Radius: vg.Points(2.5), Shape: draw.CircleGlyph{}}
		p.Add(dot)
	}
	p.Legend.Add(name+"\u00a0\u00a0", line) // room, should a viewer's font be wider
	return nil
}

// tint is a color on white at a third of its strength. (Transparency would say
// the same, but not every SVG viewer agrees on it.)
func tint(c color.NRGBA) color.NRGBA {
	mix := func(v uint8) uint8 { return uint8((int(v) + 2*255) / 3) }
	return color.NRGBA{R: mix(c.R), G: mix(c.G), B: mix(c.B), A: 0xff}
}

// thin cuts points into n runs and returns their means, and their smallest and
// largest values in turn.
func thin(points plotter.XYs, n int) (mean, extremes plotter.XYs) {
	for i := range n {
		run := points[i*len(points)/n : (i+1)*len(points)/n]
		m, lo, hi := plotter.XY{}, run[0], run[0]
		for _, p := range run {
			m.X += p.X / float64(len(run))
			m.Y += p.Y / float64(len(run))
			if p.Y < lo.Y {
				lo = p
			}
			if p.Y > hi.Y {
				hi = p
			}
		}
		mean = append(mean, m)
		if lo.X > hi.X {
			lo, hi = hi, lo
		}
		extremes = append(extremes, lo, hi)
	}
	return mean, extremes
}

// scale sets the ranges and ticks of the axes.
func (l *Lines) scale(p *plot.Plot) {
	p.X.Tick.Marker = ticker(linearTicks)
	p.Y.Tick.Marker = ticker(linearTicks)
	if p.X.Min == p.X.Max {
		p.X.Min, p.X.Max = p.X.Min-1, p.X.Max+1
	}
	switch {
	case p.Y.Min > 0 && p.Y.Max/p.Y.Min > 20:
		p.Y.Scale = plot.LogScale{}
		p.Y.Tick.Marker = ticker(logTicks)
		p.Y.Min, p.Y.Max = p.Y.Min/1.15, p.Y.Max*1.15
	case p.Y.Min == p.Y.Max:
		margin := max(1e-3, math.Abs(p.Y.Max)/10)
		p.Y.Min, p.Y.Max = p.Y.Min-margin, p.Y.Max+margin
	case p.Y.Min >= 0:
		p.Y.Min, p.Y.Max = 0, p.Y.Max*1.05 // a loss is seen against 0
	default:
		margin := (p.Y.Max - p.Y.Min) / 20
		p.Y.Min, p.Y.Max = p.Y.Min-margin, p.Y.Max+margin
	}
}

type ticker func(lo, hi float64) []plot.Tick

func (t ticker) Ticks(lo, hi float64) []plot.Tick { return t(lo, hi) }

// linearTicks are at multiples of 1, 2 or 5 times a power of ten, about seven.
func linearTicks(lo, hi float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/4)))
	for _, m := range []float64{5, 2} {
		if (hi-lo)/(m*step) >= 4 {
			step *= m
			break
		}
	}
	var out []plot.Tick
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+step*1e-9; i++ {
		v := i * step
		out = append(out, plot.Tick{Value: v, Label: number(v, step)})
		if len(out) > 50 { // rounding at huge values: never many
			break
		}
	}
	return out
}

// logTicks are at powers of ten; where these are few, at 2 and 5 times them too.
func logTicks(lo, hi float64) []plot.Tick {
	decades := math.Log10(hi / lo)
	every := max(1, math.Ceil(decades/8))
	var out []plot.Tick
	for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, e)
			if v < lo || v > hi {
				continue
			}
			t := plot.Tick{Value: v}
			if m == 1 && math.Mod(e, every) == 0 || m != 1 && decades < 3 {
				t.Label = number(v, v)
			}
			out = append(out, t)
		}
	}
	return out
}

// number formats a tick with the digits that its step needs.
func number(v, step float64) string {
	if v == 0 {
		return "0" // and never -0
	}
	if a := max(math.Abs(v), step); a >= 1e6 || a < 1e-3 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := int(max(0, -math.Floor(math.Log10(step)+1e-9)))
	return strconv.FormatFloat(v, 'f', digits, 64)
}
