//go:build unix

package media

import (
	"os/exec"
	"syscall"
)

// group puts the child into a process group of its own, which is killed as a whole: a
// wrapper script around ffmpeg then leaves nothing behind.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
