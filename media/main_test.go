package media

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// No test may leave a goroutine or a child process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if left := children(); len(left) > 0 {
			fmt.Fprintln(os.Stderr, "processes are left:", left)
			code = 1
		}
		os.Exit(code)
	}))
}

// children lists this process's children, the dead that nobody waited for among them
// (Linux; elsewhere none).
func children() []string {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var out []string
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// pid (name) state ppid ...; the name may hold anything, parentheses too.
		_, rest, _ := strings.Cut(string(data), "(")
		i := strings.LastIndexByte(rest, ')')
		if i < 0 {
			continue
		}
		if fields := strings.Fields(rest[i+1:]); len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			out = append(out, path+" "+rest[:i]+" "+fields[0])
		}
	}
	return out
}
