package ctrl

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"tall/tensor"
)

// A training process at the reference's size, with parameters, gradients and two
// moments (346 MB), stays under 700 MB at its peak. The steps run in a process of
// their own, because other tests have used memory in this one.
func TestModel_StepStaysUnder700MB(t *testing.T) {
	const variable = "TALL_TEST_STEP_MEMORY"
	if os.Getenv(variable) == "1" {
		o, err := Preset("tf")
		if err != nil {
			t.Fatal(err)
		}
		m, err := New(tensor.NewCPU(0), o, 1)
		if err != nil {
			t.Fatal(err)
		}
		m.Train()
		batch := randomBatch(o, o.BatchSize, rand.New(rand.NewPCG(1, 2)))
		adam := o.Adam()
		for range 3 {
			m.Step(batch)
			adam.Update(m.b, m.Params())
		}
		return
	}
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("takes a few seconds and 500 MB; set TALL_LONG=1")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestModel_StepStaysUnder700MB$")
	cmd.Env = append(os.Environ(), variable+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10 // Linux counts KiB
	t.Logf("peak %d MiB", peak)
	if peak > 700e6>>20 {
		t.Errorf("peak memory %d MiB, want less than 700 MB", peak)
	}
}
