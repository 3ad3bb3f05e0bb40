package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// envChild makes the test binary the program itself, for tests that need a real
// process to send signals to.
const envChild = "TALL_TEST_CHILD"

func TestMain(m *testing.M) {
	program := func() { os.Exit(Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }
	if os.Getenv(envChild) == "1" {
		program()
	}
	testscript.Main(m, map[string]func(){"tall": program})
}

// TestScript runs the commands as users do: each script of testdata/script in a
// folder of its own. [long] guards what belongs to the long tier.
func TestScript(t *testing.T) {
	repository, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "long":
				return os.Getenv("TALL_LONG") == "1", nil
			case "posix": // a shell, ulimit
				return runtime.GOOS != "windows", nil
			case "root": // whom no permission keeps out
				return os.Geteuid() == 0, nil
			}
			return false, nil
		},
		Cmds: scriptCommands,
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("NO_COLOR", "1")
			env.Setenv("REPOSITORY", repository)
			return nil
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}
