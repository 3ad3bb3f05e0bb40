//go:build accel && unix && (amd64 || arm64)

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tall/feature"
	"tall/internal/shared"
	"tall/weights"
)

// networkFile writes the YAML file of EfficientNet-Lite0 into a new folder, the network
// beside it, and points to the library.
func networkFile(t *testing.T, output string) (dir string) {
	t.Helper()
	if os.Getenv("TALL_ONNXRUNTIME") == "" {
		t.Setenv("TALL_ONNXRUNTIME", shared.Asset(t, "onnxruntime"))
	}
	model, err := os.ReadFile(shared.Asset(t, "efficientnet-lite0/efficientnet-lite0.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	text := "model: lite0.onnx\nname: efficientnet-lite0\nwidth: 224\nheight: 224\nshort: 256\nwhite: 255\nmean: [127, 127, 127]\nstd: [128, 128, 128]\nrate: 0.5\noutput: " + output + "\n"
	for name, data := range map[string][]byte{"lite0.onnx": model, "net.yaml": []byte(text)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// rows reads the features of a video.
func rows(t *testing.T, path string) weights.Tensor {
	t.Helper()
	f, err := weights.Read(path)
	if err != nil || len(f.Tensors) != 1 {
		t.Fatal(err)
	}
	return f.Tensors[0]
}

// TestEncode_ONNX: a real video by a real network.
func TestEncode_ONNX(t *testing.T) {
	video := shared.Video(t, "vtest.avi")
	shared.Tool(t, "ffmpeg")
	dir := networkFile(t, "features")
	args := []string{"encode", video, "--encoder", "onnx:net.yaml", "--out", "out"}
	mustRun(t, dir, args...)
	d, err := feature.ReadDescription(filepath.Join(dir, "out"), "")
	if err != nil || d.Encoder != "onnx:efficientnet-lite0" || d.Dim != 1280 || d.Stride != 2 || d.Window != 2 || !strings.HasPrefix(d.WeightsHash, "sha256:") {
		t.Fatalf("%+v, %v", d, err)
	}
	got := rows(t, filepath.Join(dir, "out", "vtest.safetensors"))
	// 795 frames at 10 frames a second.
	if !slices.Equal(got.Shape, []int{40, 1280}) {
		t.Errorf("%v", got.Shape)
	}
	if len(got.Data) < 2*1280 || slices.Equal(got.Data[:1280], got.Data[1280:2560]) || slices.Min(got.Data) < 0 || slices.Max(got.Data) > 6 {
		t.Error("rows are not means of values from 0 to 6 that change with time")
	}
	// Again: nothing to do. On one thread, the same bits.
	cmd, stderr := program(t, dir, args...)
	if err := cmd.Run(); err != nil || !strings.Contains(stderr.String(), "already encoded") {
		t.Errorf("%v\n%s", err, stderr)
	}
	mustRun(t, dir, "encode", video, "--encoder", "onnx:net.yaml", "--out", "one", "--threads", "1")
	if one := rows(t, filepath.Join(dir, "one", "vtest.safetensors")); !slices.Equal(one.Data, got.Data) {
		t.Error("rows depend on the number of threads")
	}
	// What is made otherwise goes into another folder.
	yaml, err := os.ReadFile(filepath.Join(dir, "net.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "l2.yaml"), append(yaml, "normalize: l2\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, stderr = program(t, dir, "encode", video, "--encoder", "onnx:l2.yaml", "--out", "out")
	if err := cmd.Run(); err == nil || !strings.Contains(stderr.String(), "normalization") {
		t.Errorf("%v\n%s", err, stderr)
	}
}

// TestEncode_ONNXClasses: what the network sees in real pictures is what they show, so
// sizes, colors and their order arrive as they were in its training.
func TestEncode_ONNXClasses(t *testing.T) {
	dir := networkFile(t, "logits")
	// Numbers of ImageNet's classes.
	classes := map[string]int{"apple": 948, "orange": 950, "baboon": 372, "messi5": 805 /* soccer ball */}
	args := []string{"encode", "--encoder", "onnx:net.yaml", "--out", "out", "--rate", "25"}
	for name := range classes {
		picture, err := os.ReadFile(shared.Video(t, name+".jpg"))
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(dir, name)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "0001.jpg"), picture, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, folder)
	}
	mustRun(t, dir, args...)
	for name, want := range classes {
		got := rows(t, filepath.Join(dir, "out", name+".safetensors"))
		if best := slices.Index(got.Data, slices.Max(got.Data)); best != want {
			t.Errorf("%s is class %d, want %d", name, best, want)
		}
	}
}

// TestFind_ONNXLibraryMissing: what a user without the library reads.
func TestFind_ONNXLibraryMissing(t *testing.T) {
	dir := networkFile(t, "features")
	cmd, stderr := program(t, dir, "find", shared.Video(t, "vtest.avi"), "a man", "--encoder", "onnx:net.yaml", "--onnxruntime", "nowhere")
	if err := cmd.Run(); err == nil || code(t, err) != exitFailed || !strings.Contains(stderr.String(), "nowhere does not exist") {
		t.Errorf("%v\n%s", err, stderr)
	}
}
