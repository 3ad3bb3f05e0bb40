package dataset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"

	"tall"
	"tall/feature"
	"tall/numpy"
)

// Clips says how a file of clips and sentence vectors is read. The zero value
// keeps whole vectors and TACoS's clock.
type Clips struct {
	Dim     int     // length to which vectors are cut (sent_vec_dim); 0: as they are
	FPS     float64 // of the frames in the clips' names; 0: feature.DefaultFPS
	Split   string  // of every example
	Lengths Lengths // frames of the videos, for Example.Duration; nil: unknown
}

// ReadClipSentences reads a *_clip-sentvec.pkl with vectors cut to dim values, in
// TACoS's clock. See [Clips.Read].
func ReadClipSentences(path string, dim int) ([]tall.Example, error) {
	return Clips{Dim: dim}.Read(path)
}

// Read reads a *_clip-sentvec.pkl, the pickle [[clip, [vector, ...]], ...] in which
// clip is {video}_{start}_{end} in frames: one example a sentence, in the file's
// order. An example's ID is its clip and the number of its sentence there,
// "s27-d50.avi_233_485#0". Texts are not in these files.
//
// Errors wrap [tall.ErrFormat] and [tall.ErrUnsafe] (the pickle), [tall.ErrShape]
// (vectors shorter than Dim or each other) and [tall.ErrNotFinite], and name the
// clip.
func (c Clips) Read(path string) ([]tall.Example, error) {
	entries, err := readClips(path)
	if err != nil {
		return nil, err
	}
	if c.FPS == 0 {
		c.FPS = feature.DefaultFPS
	}
	var out []tall.Example
	heard := map[string]int{} // sentences of a clip so far; a clip may be listed twice
	dim, of := c.Dim, ""
	for _, e := range entries {
		for _, v := range e.vectors {
			k := heard[e.clip]
			heard[e.clip]++
			id := fmt.Sprintf("%s#%d", e.clip, k)
			vector := v.Float32()
			switch {
			case len(vector) == 0:
				return nil, fmt.Errorf("%w: %s: the sentence vector %s is empty", tall.ErrShape, path, id)
			case dim == 0:
				dim, of = len(vector), id
			case c.Dim == 0 && len(vector) != dim:
				return nil, fmt.Errorf("%w: %s: the sentence vector %s has %d values, %s has %d", tall.ErrShape, path, id, len(vector), of, dim)
			case len(vector) < dim:
				return nil, fmt.Errorf("%w: %s: the sentence vector %s has %d values, the configuration wants %d; set sent_vec_dim to at most %d", tall.ErrShape, path, id, len(vector), dim, len(vector))
			}
			vector = vector[:dim:dim]
			if bad := feature.NotFinite(vector); bad > 0 {
				return nil, fmt.Errorf("%w: %s: clip %s, sentence %d: %d of %d values of its vector are NaN or infinite; make the file again, or leave the sentence out", tall.ErrNotFinite, path, e.clip, k, bad, dim)
			}
			x := tall.Example{
				ID: id, Video: e.video, Split: c.Split, FPS: c.FPS,
				Sentence: tall.Sentence{Manifest: tall.Manifest{Dim: dim}, Vector: vector},
				Truth:    []tall.Span{e.span},
			}
			if frames, ok := c.Lengths.Frames(e.video); ok {
				x.Duration = float64(frames) / c.FPS
			}
			out = append(out, x)
		}
	}
	return out, nil
}

// readTACoS reads TALL's pickles for a corpus, by their path.
func readTACoS(_ io.Reader, f corpusFile, g *gathering) error {
	examples, err := Clips{FPS: g.o.FPS, Split: f.split}.Read(f.path)
	for _, e := range examples {
		g.add(record{Example: e, at: spot{file: f.path}}, nil)
	}
	return err
}

// clip is one entry of a *_clip-sentvec.pkl.
type clip struct {
	clip, video string
	span        tall.Span // frames
	vectors     []*numpy.Array
}

// readClips reads the structure of a *_clip-sentvec.pkl.
func readClips(path string) ([]clip, error) {
	v, err := unpickle(path)
	if err != nil {
		return nil, err
	}
	clips, err := toClips(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return clips, nil
}

func toClips(v any) ([]clip, error) {
	const form = "the form is [[clip name, [vector, ...]], ...], as in *_clip-sentvec.pkl"
	fail := func(format string, args ...any) ([]clip, error) {
		return nil, fmt.Errorf("%w: %s; %s", tall.ErrFormat, fmt.Sprintf(format, args...), form)
	}
	list, ok := sequence(v)
	if !ok {
		return fail("the pickle holds %s", kind(v))
	}
	out := make([]clip, 0, len(list))
	for i, v := range list {
		pair, ok := sequence(v)
		if !ok || len(pair) != 2 {
			return fail("entry %d is %s", i, kind(v))
		}
		name, ok := text(pair[0])
		if !ok {
			return fail("the name of entry %d is %s", i, kind(pair[0]))
		}
		e := clip{clip: name}
		video, start, end, err := feature.SplitName(name)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
		e.video, e.span = video, tall.Span{Start: float64(start), End: float64(end)}
		vectors, ok := sequence(pair[1])
		if !ok {
			return fail("the vectors of entry %d, %s, are %s", i, name, kind(pair[1]))
		}
		for k, v := range vectors {
			a, ok := v.(*numpy.Array)
			if !ok {
				return fail("sentence %d of entry %d, %s, is %s", k, i, name, kind(v))
			}
			e.vectors = append(e.vectors, a)
		}
		out = append(out, e)
	}
	return out, nil
}

// Lengths are the numbers of frames of videos, by name.
type Lengths map[string]int

// ReadLengths reads a video_allframes_info.pkl, the pickle {name: frames}. Its
// names have no .avi, which [Lengths.Frames] allows for.
func ReadLengths(path string) (Lengths, error) {
	v, err := unpickle(path)
	if err != nil {
		return nil, err
	}
	lengths, err := toLengths(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return lengths, nil
}

func toLengths(v any) (Lengths, error) {
	d, ok := v.(*numpy.Dict)
	if !ok {
		return nil, fmt.Errorf("%w: the pickle holds %s; the form is {name: number of frames}, as in video_allframes_info.pkl", tall.ErrFormat, kind(v))
	}
	out := make(Lengths, d.Len())
	for k, v := range d.All() {
		name, ok := text(k)
		if !ok {
			return nil, fmt.Errorf("%w: the name of a video is %s", tall.ErrFormat, kind(k))
		}
		n, ok := count(v)
		if !ok {
			return nil, fmt.Errorf("%w: the length of %q must be a number of frames from 1 to %d", tall.ErrFormat, name, math.MaxInt32)
		}
		out[name] = n
	}
	return out, nil
}

// Frames is the length of a video in frames, listed under its name or under its
// name without .avi.
func (l Lengths) Frames(video string) (int, bool) {
	n, ok := l[video]
	if !ok {
		n, ok = l[strings.TrimSuffix(video, ".avi")]
	}
	return n, ok
}

func unpickle(path string) (any, error) {
	v, err := numpy.UnpickleFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s does not exist; correct the path (clip_sentvec, movie_length_info) or put the file there", tall.ErrMissing, path)
	}
	return v, err
}

// sequence takes lists and tuples, which converters do not keep apart.
func sequence(v any) ([]any, bool) {
	switch v := v.(type) {
	case numpy.List:
		return v, true
	case numpy.Tuple:
		return v, true
	}
	return nil, false
}

// text takes strings and, from Python 3, bytes.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return "", false
}

// count takes a positive whole number, which some files hold as a float.
func count(v any) (int, bool) {
	f := 0.0
	switch v := v.(type) {
	case int64:
		f = float64(v)
	case float64:
		f = v
	}
	return int(f), f >= 1 && f <= math.MaxInt32 && f == math.Trunc(f)
}

// kind names a value of a pickle for an error.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case numpy.List:
		return fmt.Sprintf("a list of %d", len(v))
	case numpy.Tuple:
		return fmt.Sprintf("a tuple of %d", len(v))
	case *numpy.Dict:
		return "a dict"
	case *numpy.Array:
		return fmt.Sprintf("an array of shape %v", v.Shape)
	case string:
		return fmt.Sprintf("the text %.40q", v)
	case bool:
		return "a bool"
	}
	return "a number or bytes"
}
