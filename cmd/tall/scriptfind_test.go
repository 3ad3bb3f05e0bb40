package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"tall"
	"tall/dataset"
)

// Of the videos that scenes and colorcorpus write.
const (
	sceneFPS    = 8
	sceneWidth  = 64
	sceneHeight = 48
)

// sceneColors are Y, Cb and Cr (BT.601).
var sceneColors = map[string][3]byte{
	"red": {81, 90, 240}, "green": {145, 54, 34}, "blue": {41, 240, 110}, "yellow": {210, 16, 146}, "gray": {126, 128, 128},
}

// scenes FILE COLOR:SECONDS... writes a Y4M video in which the color changes.
func scriptScenes(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 2, "scenes FILE COLOR:SECONDS...")
	var colors []string
	var seconds []int
	for _, scene := range args[1:] {
		color, s, _ := strings.Cut(scene, ":")
		colors, seconds = append(colors, color), append(seconds, number(ts, s))
	}
	ts.Check(writeScenes(ts.MkAbs(args[0]), colors, seconds))
}

func writeScenes(path string, colors []string, seconds []int) error {
	var w bytes.Buffer
	fmt.Fprintf(&w, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n", sceneWidth, sceneHeight, sceneFPS)
	frame := 0
	for i, color := range colors {
		yuv, ok := sceneColors[color]
		if !ok {
			return fmt.Errorf("no color %s", color)
		}
		for range seconds[i] * sceneFPS {
			w.WriteString("FRAME\n")
			for y := range sceneHeight { // a bright block wanders through
				for x := range sceneWidth {
					v := yuv[0]
					if (x-frame)&31 < 6 && y > 20 && y < 28 {
						v = 235
					}
					w.WriteByte(v)
				}
			}
			for _, chroma := range yuv[1:] {
				w.Write(slices.Repeat([]byte{chroma}, sceneWidth*sceneHeight/4))
			}
			frame++
		}
	}
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, w.Bytes(), 0o644))
}

// colorcorpus DIR writes videos in which the screen turns to a color for a while, with
// annotations, and the configuration of a small model.
func scriptColorCorpus(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "colorcorpus DIR")
	dir := ts.MkAbs(args[0])
	rng := rand.New(rand.NewPCG(3, 9))
	var examples []tall.Example
	for v := range 14 {
		split := "train"
		if v >= 12 {
			split = "val"
		}
		name := fmt.Sprintf("c%02d", v)
		order := []string{"red", "green", "blue", "yellow"}
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		var colors []string
		var seconds []int
		at := 0
		for _, color := range order[:3] {
			gray, length := 2+rng.IntN(4), 4+rng.IntN(3)
			colors, seconds = append(colors, "gray", color), append(seconds, gray, length)
			examples = append(examples, tall.Example{
				ID: name + color, Video: name, Split: split, FPS: 1,
				Sentence: tall.Sentence{Text: "the screen turns " + color},
				Truth:    []tall.Span{{Start: float64(at + gray), End: float64(at + gray + length)}},
			})
			at += gray + length
		}
		for i := range examples {
			if examples[i].Video == name {
				examples[i].Duration = float64(at + 3)
			}
		}
		ts.Check(writeScenes(filepath.Join(dir, "videos", name+".y4m"), append(colors, "gray"), append(seconds, 3)))
	}
	ts.Check(dataset.WriteAnnotations(filepath.Join(dir, "annotations.jsonl"), examples))
	ts.Check(os.WriteFile(filepath.Join(dir, "small.yaml"), []byte("MODEL:\n  semantic_size: 32\n  hidden_size: 32\nTRAIN:\n  batch_size: 16\n  learning_rate: 0.005\n"), 0o644))
}

// foundat FILE SENTENCE START END IOU checks that an output of tall find --json has, for
// a sentence, a best moment with at least that IoU with the span.
func scriptFoundAt(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 5, "foundat FILE SENTENCE START END IOU")
	var got findJSON
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &got))
	for _, a := range got.Answers {
		if a.Sentence != args[1] {
			continue
		}
		if len(a.Moments) == 0 {
			ts.Fatalf("%q: no match, confidence %.3f", a.Sentence, a.Confidence)
		}
		var start, end, least float64
		if _, err := fmt.Sscan(strings.Join(args[2:], " "), &start, &end, &least); err != nil {
			ts.Fatalf("%v", err)
		}
		m := a.Moments[0]
		if iou := tall.IoU(tall.Span{Start: m.Start, End: m.End}, tall.Span{Start: start, End: end}); iou < least {
			ts.Fatalf("%q: %.2f to %.2f, IoU %.2f with %s to %s", a.Sentence, m.Start, m.End, iou, args[2], args[3])
		}
		return
	}
	ts.Fatalf("no answer to %q", args[1])
}

// globs N PATTERN checks how many files a pattern finds.
func scriptGlobs(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "globs N PATTERN")
	found, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(found) != number(ts, args[0]) {
		ts.Fatalf("%s finds %d files: %v", args[1], len(found), found)
	}
}

// code N PROGRAM ARG... runs a program that must end with the exit code N.
func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 2, "code N PROGRAM ARG...")
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != number(ts, args[0]) {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}
