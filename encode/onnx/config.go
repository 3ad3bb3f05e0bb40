package onnx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tall"
	"tall/config"
)

// Config says what a network takes and gives: the content of the YAML file.
type Config struct {
	// Path is that of the YAML file.
	Path string `yaml:"-"`
	// Model is the ONNX file, relative to the folder of the YAML file and within it.
	Model string `yaml:"model"`
	// Name stands in manifests, as "onnx:NAME"; default: the name of the file, less ".onnx".
	Name string `yaml:"name"`
	// Input and Output are names in the network; they may be left out where there is one.
	Input  string `yaml:"input"`
	Output string `yaml:"output"`

	// Width and Height are those of the pictures that the network takes, pixels.
	Width  int `yaml:"width"`
	Height int `yaml:"height"`
	// Fit is "crop" (the default: the shorter side becomes Short, the middle is cut out)
	// or "stretch".
	Fit string `yaml:"fit"`
	// Short is the shorter side before the cut, pixels; default: the larger of Width and Height.
	Short int `yaml:"short"`

	// Layout is the order of the network's input: NCHW (the default) or NHWC, of windows
	// of several frames NCTHW (the default), NTCHW or NTHWC.
	Layout string `yaml:"layout"`
	// Color is the order of channels: RGB (the default) or BGR.
	Color string `yaml:"color"`
	// White is what a white pixel is before Mean and Std: 1 (the default) or 255.
	White float64 `yaml:"white"`
	// Mean and Std are subtracted and divided by, a value for each channel, in the order
	// of Color; default: 0 and 1.
	Mean []float64 `yaml:"mean"`
	Std  []float64 `yaml:"std"`

	// Rate is how many frames a second are seen; default: 1.
	Rate float64 `yaml:"rate"`
	// Window is of how many frames a row is made, T; default: 1.
	Window int `yaml:"window"`
	// Stride is how many frames lie between the beginnings of two rows; default: Window.
	Stride int `yaml:"stride"`

	// Normalize is what is done with rows: "none" (the default) or "l2", to length 1.
	Normalize string `yaml:"normalize"`
	// Dim is D. It may be left out; a network that gives another is refused.
	Dim int `yaml:"dim"`
	// Batch is N, how many rows are computed at once; default: 8, or what the network says.
	Batch int `yaml:"batch"`
}

// Bounds of a Config.
const (
	maxSide   = 4096
	maxWindow = 1024
	maxBatch  = 256
	maxRate   = 1000
	maxDim    = 1 << 20
	maxValues = 1 << 26 // of a batch: 256 MB

	defaultBatch = 8
)

var (
	namePattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	frameLayouts  = []string{"NCHW", "NHWC"}
	windowLayouts = []string{"NCTHW", "NTCHW", "NTHWC"}
)

// Read reads a YAML file and checks that its model file exists. Errors wrap
// [tall.ErrMissing], [tall.ErrFormat] or [tall.ErrUnsafe] (a model file outside the
// folder); those of the content are [config.Errors] with line and column.
func Read(path string) (*Config, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s does not exist; correct the path (onnx:FILE.yaml)", tall.ErrMissing, path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file; name the YAML file that describes a model", tall.ErrFormat, path)
	}
	// One byte more than config.Decode takes, so that it refuses what is longer.
	text, err := io.ReadAll(io.LimitReader(f, 256<<10+1))
	if err != nil {
		return nil, err
	}
	c, err := Parse(path, text)
	if err != nil {
		return nil, err
	}
	m, err := c.open()
	if err != nil {
		return nil, err
	}
	return c, m.Close()
}

// Parse reads the text of a YAML file, whose path stands in errors: a [config.Error] or
// [config.Errors], with line and column. What the text leaves out has its default. The
// model file is not looked at.
func Parse(path string, text []byte) (*Config, error) {
	c := &Config{Path: path}
	doc, err := config.Decode(path, text, c)
	if err != nil {
		return nil, err
	}
	c.Path = path
	v := &validator{doc: doc}
	c.defaults()
	c.check(v)
	if v.faults != nil {
		return nil, v.faults
	}
	return c, nil
}

// defaults sets what is left out.
func (c *Config) defaults() {
	set := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	number := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	set(&c.Name, strings.TrimSuffix(filepath.Base(filepath.FromSlash(c.Model)), ".onnx"))
	set(&c.Fit, "crop")
	set(&c.Color, "RGB")
	set(&c.Normalize, "none")
	number(&c.Window, 1)
	number(&c.Stride, c.Window)
	set(&c.Layout, c.layouts()[0])
	if c.Fit == "crop" {
		number(&c.Short, max(c.Width, c.Height))
	}
	if c.White == 0 {
		c.White = 1
	}
	if c.Rate == 0 {
		c.Rate = 1
	}
	if c.Mean == nil {
		c.Mean = []float64{0, 0, 0}
	}
	if c.Std == nil {
		c.Std = []float64{1, 1, 1}
	}
}

func (c *Config) layouts() []string {
	if c.Window > 1 {
		return windowLayouts
	}
	return append(slices.Clone(frameLayouts), windowLayouts...)
}

// validator collects faults.
type validator struct {
	doc    *config.Document
	faults config.Errors
}

func (v *validator) need(ok bool, key, format string, args ...any) bool {
	if !ok {
		v.faults = append(v.faults, v.doc.Fault("$."+key, "%s "+format, append([]any{key}, args...)...))
	}
	return ok
}

func (v *validator) oneOf(key, value string, of []string) {
	v.need(slices.Contains(of, value), key, "is %q; give one of %s", value, strings.Join(of, ", "))
}

func (v *validator) between(key string, n, low, high int) bool {
	return v.need(n >= low && n <= high, key, "is %d; give a number from %d to %d", n, low, high)
}

func (c *Config) check(v *validator) {
	if v.need(c.Model != "", "model", "is missing: name the ONNX file, relative to this file's folder") &&
		!v.need(filepath.IsLocal(filepath.FromSlash(c.Model)) && !strings.Contains(c.Model, `\`), "model",
			"is %q, which leaves the folder of this file; put the model beside this file and give its name", c.Model) {
		v.faults[len(v.faults)-1].Kind = tall.ErrUnsafe
	}
	v.need(c.Model == "" || namePattern.MatchString(c.Name), "name", "is %q; give up to 64 letters, digits, dots, dashes and underscores", c.Name)
	for _, key := range []struct{ key, name string }{{"input", c.Input}, {"output", c.Output}} {
		v.need(len(key.name) <= 1024 && !strings.Contains(key.name, "\x00"), key.key, "is no name of a network's tensor")
	}
	sized := v.between("width", c.Width, 1, maxSide)
	sized = v.between("height", c.Height, 1, maxSide) && sized
	v.oneOf("fit", c.Fit, []string{"crop", "stretch"})
	if c.Fit == "stretch" {
		v.need(c.Short == 0, "short", "means nothing where fit is stretch; remove it")
	} else if sized {
		v.between("short", c.Short, max(c.Width, c.Height), 2*maxSide)
	}
	sized = v.between("window", c.Window, 1, maxWindow) && sized
	v.between("stride", c.Stride, 1, 1<<20)
	v.oneOf("layout", c.Layout, c.layouts())
	v.oneOf("color", c.Color, []string{"RGB", "BGR"})
	v.need(c.White == 1 || c.White == 255, "white", "is %g; give 1 or 255", c.White)
	v.need(c.Rate > 0 && c.Rate <= maxRate, "rate", "is %g; give frames a second, above 0 and at most %d", c.Rate, maxRate)
	v.oneOf("normalize", c.Normalize, []string{"none", "l2"})
	v.channels("mean", c.Mean, func(x float64) bool { return math.Abs(x) <= 1e6 }, "at most 1e6 in size")
	v.channels("std", c.Std, func(x float64) bool { return x >= 1e-6 && x <= 1e6 }, "from 1e-6 to 1e6")
	v.between("dim", c.Dim, 0, maxDim)
	if v.between("batch", c.Batch, 0, maxBatch) && sized {
		v.need(c.values()*max(c.Batch, 1) <= maxValues, "width", "times height, window and batch makes %d values at once; the most is %d", c.values()*max(c.Batch, 1), maxValues)
	}
}

func (v *validator) channels(key string, values []float64, ok func(float64) bool, want string) {
	if v.need(len(values) == 3, key, "has %d values; give 3, one for each channel", len(values)) {
		for _, x := range values {
			if !v.need(ok(x), key, "holds %g; give values %s", x, want) {
				return
			}
		}
	}
}

// values is how many the input of a row has.
func (c *Config) values() int { return 3 * c.Window * c.Width * c.Height }

// Shape is that of the network's input for n rows.
func (c *Config) Shape(n int) []int64 {
	size := map[rune]int{'N': n, 'C': 3, 'T': c.Window, 'H': c.Height, 'W': c.Width}
	var shape []int64
	for _, letter := range c.Layout {
		shape = append(shape, int64(size[letter]))
	}
	return shape
}

// normalization tells, for manifests, all that changes a row's values beside the weights.
func (c *Config) normalization() string {
	size := fmt.Sprintf("stretched to %dx%d", c.Width, c.Height)
	if c.Fit == "crop" {
		size = fmt.Sprintf("short side %d, cut to %dx%d", c.Short, c.Width, c.Height)
	}
	return fmt.Sprintf("%s, %s to %g, mean %g, std %g, %d frames, output %q, %s", size, c.Color, c.White, c.Mean, c.Std, c.Window, c.Output, c.Normalize)
}
