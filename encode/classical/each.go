package classical

import (
	"sync"
	"sync/atomic"
)

// each calls f(worker, task) once for each task in [0, tasks) on up to threads
// goroutines, and returns when all are done. What a task computes must not depend on
// its worker.
func each(threads, tasks int, f func(worker, task int)) {
	var next atomic.Int64
	work := func(worker int) {
		for t := int(next.Add(1)) - 1; t < tasks; t = int(next.Add(1)) - 1 {
			f(worker, t)
		}
	}
	var wg sync.WaitGroup
	for w := 1; w < min(threads, tasks); w++ {
		wg.Go(func() { work(w) })
	}
	work(0)
	wg.Wait()
}
