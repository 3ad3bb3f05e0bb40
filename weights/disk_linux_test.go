package weights

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The environment variable by which the tests below start themselves as the
// process that writes: "full PATH" with room for a megabyte, "forever PATH".
const writerEnv = "TALL_TEST_WRITER"

func TestMain(m *testing.M) {
	task, path, ok := strings.Cut(os.Getenv(writerEnv), " ")
	switch {
	case !ok:
		os.Exit(m.Run())
	case task == "full":
		// A limit on the size of files fails a write as a full disk does: in the
		// middle, by the system, with a part of it on disk.
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}); err != nil {
			panic(err)
		}
		err := Write(path, &File{Tensors: large(2)})
		if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), path) {
			panic(err)
		}
	case task == "forever":
		for value := float32(0); ; value++ {
			if err := Write(path, &File{Tensors: large(value)}); err != nil {
				panic(err)
			}
		}
	}
}

// large is 8 MB of one value.
func large(value float32) []Tensor {
	data := make([]float32, 2<<20)
	for i := range data {
		data[i] = value
	}
	return []Tensor{{Name: "w", Shape: []int{len(data)}, Data: data}}
}

func writer(t *testing.T, task, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerEnv+"="+task+" "+path)
	return cmd
}

func TestWrite_FullDisk(t *testing.T) {
	for _, ext := range []string{".safetensors", ".pdparams", ".pdiparams"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "TALL"+ext)
		if err := Write(path, &File{Tensors: large(1)}); err != nil {
			t.Fatal(err)
		}
		if out, err := writer(t, "full", path).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		f, err := Read(path)
		if err != nil || f.Tensors[0].Data[0] != 1 {
			t.Errorf("the old file: %v", err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("left over: %v", entries)
		}
	}
}

// TestWrite_Killed kills a process that writes without end: what lies under the
// name is always a whole file.
func TestWrite_Killed(t *testing.T) {
	kills := 3
	if os.Getenv("TALL_LONG") == "1" {
		kills = 50
	}
	path := filepath.Join(t.TempDir(), "TALL.safetensors")
	if err := Write(path, &File{Tensors: large(-1)}); err != nil {
		t.Fatal(err)
	}
	for i := range kills {
		cmd := writer(t, "forever", path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(30+7*i) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // "signal: killed" is what was asked for
		f, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range f.Tensors[0].Data {
			if v != f.Tensors[0].Data[0] {
				t.Fatal("two writes in one file")
			}
		}
	}
}
