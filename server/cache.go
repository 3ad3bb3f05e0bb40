package server

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tall"
)

// diskCache keeps pictures below a folder, up to a number of bytes: those used least
// recently go first. What several ask for at a time is made once.
type diskCache struct {
	dir  string // "": nothing is kept
	most int64
	root *os.Root

	mu      sync.Mutex
	entries map[string]*list.Element // of *cached
	recent  *list.List               // most recent first
	size    int64
	flights map[string]*flight
	making  sync.WaitGroup
}

type cached struct {
	name string
	size int64
}

// flight is the making of one picture.
type flight struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int
	data    []byte
	err     error
}

func openCache(dir string, most int64) (*diskCache, error) {
	c := &diskCache{dir: dir, most: most, entries: map[string]*list.Element{}, recent: list.New(), flights: map[string]*flight{}}
	if dir == "" {
		return c, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if c.root, err = os.OpenRoot(dir); err != nil {
		return nil, err
	}
	type found struct {
		cached
		used time.Time
	}
	var all []found
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") { // left by a crash
			_ = c.root.RemoveAll(e.Name())
			continue
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		all = append(all, found{cached{e.Name(), info.Size()}, info.ModTime()})
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.name, b.name)) })
	for _, f := range all {
		c.admit(f.name, f.size)
	}
	return c, nil
}

func (c *diskCache) close() error {
	c.making.Wait()
	if c.root == nil {
		return nil
	}
	return c.root.Close()
}

// get reads what is kept under a name, or makes it. Making ends when nobody waits for it.
func (c *diskCache) get(ctx context.Context, name string, produce func(ctx context.Context) ([]byte, error)) ([]byte, error) {
	c.mu.Lock()
	if e, ok := c.entries[name]; ok {
		c.recent.MoveToFront(e)
		c.mu.Unlock()
		if data, err := c.root.ReadFile(name); err == nil {
			return data, nil
		}
		c.mu.Lock() // somebody emptied the folder
		c.drop(name)
	}
	f, ok := c.flights[name]
	if !ok {
		making, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f = &flight{done: make(chan struct{}), cancel: cancel}
		c.flights[name] = f
		c.making.Go(func() { c.fly(making, name, f, produce) })
	}
	f.waiting++
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		if f.waiting--; f.waiting == 0 {
			f.cancel()
			if c.flights[name] == f {
				delete(c.flights, name)
			}
		}
		c.mu.Unlock()
	}()
	select {
	case <-f.done:
		return f.data, f.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (c *diskCache) fly(ctx context.Context, name string, f *flight, produce func(ctx context.Context) ([]byte, error)) {
	defer close(f.done)
	defer func() {
		if p := recover(); p != nil { // of a picture; the server goes on
			f.err = fmt.Errorf("panic: %v", p)
		}
	}()
	f.data, f.err = produce(ctx)
	if f.err == nil && c.dir != "" && int64(len(f.data)) <= c.most {
		err := tall.ReplaceFile(filepath.Join(c.dir, name), func(w io.Writer) error {
			_, err := w.Write(f.data)
			return err
		})
		if err == nil { // else it is made anew next time
			c.mu.Lock()
			c.admit(name, int64(len(f.data)))
			c.mu.Unlock()
		}
	}
}

// admit notes a file and makes room for it. The lock is held, but for opening.
func (c *diskCache) admit(name string, size int64) {
	if e, ok := c.entries[name]; ok {
		c.size -= e.Value.(*cached).size
		c.recent.Remove(e)
	}
	c.entries[name] = c.recent.PushFront(&cached{name, size})
	c.size += size
	for c.size > c.most && c.recent.Len() > 1 {
		c.remove(c.recent.Back().Value.(*cached).name)
	}
}

// drop forgets a file that is gone.
func (c *diskCache) drop(name string) {
	if e, ok := c.entries[name]; ok {
		c.size -= e.Value.(*cached).size
		c.recent.Remove(e)
		delete(c.entries, name)
	}
}

func (c *diskCache) remove(name string) {
	c.drop(name)
	if err := c.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return // it is found again when the server starts anew
	}
}

// forget removes what is kept under names that begin so.
func (c *diskCache) forget(prefix string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.entries {
		if strings.HasPrefix(name, prefix) {
			c.remove(name)
		}
	}
}
