package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"tall/numpy"
)

// scriptCommands are what the scripts need beyond testscript's own: files of
// the formats, damaged ones, and comparisons.
var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"windows":   scriptWindows,
	"npy":       scriptNpy,
	"hugenpy":   scriptHugeNpy,
	"sentences": scriptSentences,
	"cut":       scriptCut,
	"jsonlines": scriptJSONLines,
	"samerun":   scriptSameRun,
	"notemp":    scriptNoTemp,
	"replace":   scriptReplace,

	"clipcorpus": scriptClipCorpus,
	"sameresult": scriptSameResult,
	"above":      scriptAbove,
	"samescore":  scriptSameScore,

	"pictures":    scriptPictures,
	"scenes":      scriptScenes,
	"colorcorpus": scriptColorCorpus,
	"foundat":     scriptFoundAt,
	"clipmodel":   scriptClipModel,
	"code":        scriptCode,
	"globs":       scriptGlobs,
}

// windows DIR DIM VIDEO FRAMES LENGTH writes the windows of one length of a
// video, strided by half of it. The values depend on the names alone.
func scriptWindows(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 5, "windows DIR DIM VIDEO FRAMES LENGTH")
	dir, video := ts.MkAbs(args[0]), args[2]
	dim, frames, length := number(ts, args[1]), number(ts, args[3]), number(ts, args[4])
	ts.Check(os.MkdirAll(dir, 0o755))
	for start := 1; start+length <= frames; start += length / 2 {
		name := fmt.Sprintf("%s_%d_%d", video, start, start+length)
		ts.Check(numpy.WriteFile(filepath.Join(dir, name+".npy"), []int{dim}, vectorOf(name, dim)))
	}
}

// npy FILE DIM VALUE writes an array of one value.
func scriptNpy(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "npy FILE DIM VALUE")
	value, err := strconv.ParseFloat(args[2], 32)
	ts.Check(err)
	v := make([]float32, number(ts, args[1]))
	for i := range v {
		v[i] = float32(value)
	}
	ts.Check(numpy.WriteFile(ts.MkAbs(args[0]), []int{len(v)}, v))
}

// hugenpy FILE writes an npy whose header claims 2^60 values.
func scriptHugeNpy(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "hugenpy FILE")
	header := fmt.Appendf(nil, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }", int64(1)<<60)
	header = append(header, bytes.Repeat([]byte(" "), 117-len(header))...)
	header = append(header, '\n')
	file := append([]byte("\x93NUMPY\x01\x00"), binary.LittleEndian.AppendUint16(nil, uint16(len(header)))...)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), append(append(file, header...), make([]byte, 64)...), 0o644))
}

// sentences FILE DIM CLIP... writes a *_clip-sentvec.pkl with one vector a clip; a
// clip NAME=nan has a NaN in it.
func scriptSentences(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 3, "sentences FILE DIM CLIP...")
	dim := number(ts, args[1])
	var clips numpy.List
	for i, clip := range args[2:] {
		clip, bad := strings.CutSuffix(clip, "=nan")
		v := vectorOf(fmt.Sprint(clip, i), dim)
		if bad {
			v[0] = float32(math.NaN())
		}
		clips = append(clips, numpy.List{clip, numpy.List{numpy.FromFloat32([]int{dim}, v)}})
	}
	var b bytes.Buffer
	ts.Check(numpy.PickleTo(&b, clips, 2))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o644))
}

// vectorOf is a vector that depends on a name alone.
func vectorOf(name string, dim int) []float32 {
	var seed uint64
	for _, c := range []byte(name) {
		seed = seed*131 + uint64(c)
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	v := make([]float32, dim)
	for i := range v {
		v[i] = rng.Float32()
	}
	return v
}

// cut FILE BYTES shortens a file; a negative number counts from the end.
func scriptCut(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "cut FILE BYTES")
	path, n := ts.MkAbs(args[0]), int64(number(ts, args[1]))
	if n < 0 {
		info, err := os.Stat(path)
		ts.Check(err)
		n += info.Size()
	}
	ts.Check(os.Truncate(path, n))
}

// jsonlines FILE [KEY,KEY...] checks that every line of a file (stdout and stderr
// name those of the last command) is a JSON object, with exactly these keys in
// this order where they are given.
func scriptJSONLines(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1 || len(args) == 2, "jsonlines FILE [KEY,KEY...]")
	lines := 0
	scanner := bufio.NewScanner(strings.NewReader(ts.ReadFile(args[0])))
	for ; scanner.Scan(); lines++ {
		keys, err := objectKeys(scanner.Bytes())
		if err != nil {
			ts.Fatalf("%s:%d: %v: %s", args[0], lines+1, err, scanner.Text())
		}
		if len(args) == 2 && strings.Join(keys, ",") != args[1] {
			ts.Fatalf("%s:%d: keys %v, want %s", args[0], lines+1, keys, args[1])
		}
	}
	ts.Check(scanner.Err())
	if lines == 0 {
		ts.Fatalf("%s is empty", args[0])
	}
}

// objectKeys are the keys of a JSON object in their order.
func objectKeys(line []byte) ([]string, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	var whole map[string]any
	if err := json.Unmarshal(line, &whole); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != nil { // {
		return nil, err
	}
	var keys []string
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		keys = append(keys, key.(string))
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// samerun DIR DIR [FILE] compares what two runs left, or one file of it: the
// checkpoints byte for byte, the metrics but for the seconds.
func scriptSameRun(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2 || len(args) == 3, "samerun DIR DIR [FILE]")
	var runs [2]map[string]string
	for i, dir := range args[:2] {
		files, err := runFiles(ts.MkAbs(dir))
		ts.Check(err)
		if len(args) == 3 {
			files = map[string]string{args[2]: files[args[2]]}
		}
		runs[i] = files
	}
	for name, want := range runs[0] {
		if got, ok := runs[1][name]; !ok || got != want {
			ts.Fatalf("%s differs between %s and %s (or is not there)", name, args[0], args[1])
		}
	}
	if len(runs[0]) == 0 || len(runs[0]) != len(runs[1]) {
		ts.Fatalf("%s holds %d files, %s %d", args[0], len(runs[0]), args[1], len(runs[1]))
	}
}

// runFiles reads the checkpoints and metrics of a run.
func runFiles(dir string) (map[string]string, error) {
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		switch {
		case err != nil:
			return nil, err
		case e.Name() == "metrics.jsonl":
			lines := strings.Split(string(data), "\n")
			for i, line := range lines {
				lines[i], _, _ = strings.Cut(line, `,"seconds"`)
			}
			files[e.Name()] = strings.Join(lines, "\n")
		case strings.HasSuffix(e.Name(), ".safetensors"):
			files[e.Name()] = string(data)
		}
	}
	return files, nil
}

// notemp DIR... checks that nothing half-written lies anywhere in the folders.
func scriptNoTemp(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 0, "notemp DIR...")
	for _, dir := range args {
		left, err := temporaries(ts.MkAbs(dir))
		ts.Check(err)
		if len(left) > 0 {
			ts.Fatalf("left in %s: %v", dir, left)
		}
	}
}

// temporaries lists what looks like a temporary file below a folder.
func temporaries(dir string) (left []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if path == filepath.Join(dir, ".tmp") { // testscript's own
			return filepath.SkipDir
		}
		if err == nil && (strings.Contains(d.Name(), ".tmp") || strings.HasPrefix(d.Name(), ".synth-") || strings.HasPrefix(d.Name(), ".rows-")) {
			left = append(left, path)
		}
		return err
	})
	return left, err
}

// replace FILE OLD NEW replaces text in a file; it must occur. \n in NEW is a line
// break.
func scriptReplace(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "replace FILE OLD NEW")
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	if !bytes.Contains(data, []byte(args[1])) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(path, bytes.ReplaceAll(data, []byte(args[1]), []byte(strings.ReplaceAll(args[2], `\n`, "\n"))), 0o644))
}

func usage(ts *testscript.TestScript, neg, ok bool, text string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", text)
	}
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}
