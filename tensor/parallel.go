package tensor

import (
	"sync"
	"sync/atomic"
)

// grain is the least number of values worth a thread of its own: below it,
// waking another core costs more than it saves.
const grain = 1 << 15

// run calls f(worker, task) once for each task in [0, tasks), on up to
// c.threads goroutines that take the next task when they are done with one, and
// returns when all are done. What a task computes must not depend on its worker.
func (c *CPU) run(tasks int, f func(worker, task int)) { runOn(c.threads, tasks, f) }

// runOn is run on up to threads goroutines.
func runOn(threads, tasks int, f func(worker, task int)) {
	workers := min(threads, tasks)
	if workers <= 1 {
		for t := range tasks {
			f(0, t)
		}
		return
	}
	var next atomic.Int64
	work := func(worker int) {
		for t := int(next.Add(1)) - 1; t < tasks; t = int(next.Add(1)) - 1 {
			f(worker, t)
		}
	}
	var wg sync.WaitGroup
	for w := 1; w < workers; w++ {
		wg.Go(func() { work(w) })
	}
	work(0)
	wg.Wait()
}

// split calls f on consecutive ranges of [0, n), where each of the n units
// costs about unit values of memory traffic.
func (c *CPU) split(n, unit int, f func(from, to int)) {
	if n == 0 {
		return
	}
	step := max(1, grain/max(unit, 1))
	if c.threads > 1 {
		// Large operands: a few ranges a thread are enough to even out a
		// thread that is held up.
		step = max(step, (n+8*c.threads-1)/(8*c.threads))
	} else {
		step = n
	}
	tasks := (n + step - 1) / step
	if tasks == 1 {
		f(0, n)
		return
	}
	c.run(tasks, func(_, t int) { f(t*step, min(n, (t+1)*step)) })
}
