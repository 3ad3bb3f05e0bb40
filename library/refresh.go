package library

import (
	"context"
)

// stale lists the videos whose features are ready, but not measured or indexed for all
// localizers: one was added since, or the index was deleted.
func (l *Library) stale(ctx context.Context) ([]Task, error) {
	all, err := l.all(ctx)
	if err != nil {
		return nil, err
	}
	var out []Task
	for i := range l.o.Engines {
		e := &l.o.Engines[i]
		ready := all.ready(e.Name)
		old := make([]bool, len(ready))
		for k, v := range ready {
			old[k] = !e.measured(*v.features)
		}
		missing, err := l.unindexed(ctx, e, ready)
		if err != nil {
			return nil, err
		}
		for _, k := range missing {
			old[k] = true
		}
		for k, v := range ready {
			if old[k] {
				out = append(out, Task{v.ID, e.Name})
			}
		}
	}
	return out, nil
}

// measured tells whether features are calibrated for all localizers.
func (e *Engine) measured(f Features) bool {
	for _, l := range e.Localizers {
		if _, ok := f.Calibration[l.ID]; !ok && l.Bank != nil {
			return false
		}
	}
	return true
}

// unindexed are the numbers of videos that the index lacks in some space.
func (l *Library) unindexed(ctx context.Context, e *Engine, videos []*searched) ([]int, error) {
	if l.o.Index == nil {
		return nil, nil
	}
	var out []int
	for _, space := range e.spaces() {
		keys := make([]Key, len(videos))
		for i, v := range videos {
			keys[i] = Key{space.Name, v.ID, v.features.Hash}
		}
		missing, err := l.o.Index.Scan(ctx, Scan{Keys: keys}, func(int, Products) {})
		if err != nil {
			return nil, err
		}
		out = append(out, missing...)
	}
	return out, nil
}

// refresh measures and indexes features that are ready, where that is not done. The video
// is searched meanwhile.
func (w *work) refresh(ctx context.Context, e *Engine, v Video, f Features) error {
	missing, err := w.unindexed(ctx, e, []*searched{{&v, &f}})
	if err != nil || len(missing) == 0 && e.measured(f) {
		return err
	}
	file := w.featuresFile(e.Name, v.ID)
	fresh := Features{Encoder: e.Name, State: Ready}
	if err := w.admit(ctx, e, v.ID, file, &fresh); err != nil || fresh.Hash != f.Hash {
		problem, markErr := w.damaged(ctx, v.ID, f, func(ctx context.Context) (string, error) { return w.featuresProblem(ctx, v.ID, f, file) })
		if markErr != nil || problem != "" {
			return markErr
		}
		return err
	}
	stays := false
	err = w.o.Catalog.Update(context.WithoutCancel(ctx), v.ID, func(v *Video, found bool) (bool, error) {
		have := featuresOf(*v, e.Name)
		if stays = same(have, f); stays {
			*have = fresh
		}
		return found, nil
	})
	if err != nil || stays {
		return err
	}
	return w.forget(ctx, v.ID, e.Name) // removed meanwhile
}
