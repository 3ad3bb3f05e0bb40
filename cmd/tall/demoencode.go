package main

import (
	"context"
	"path/filepath"
	"sync"

	"tall/encode"
	"tall/synth/kitchen"
)

// encode renders all videos straight into the encoder, several at a time, and returns how
// many seconds they last.
func (d *demo) encode(ctx context.Context) (float64, error) {
	threads, err := d.workers()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	videos := d.kitchen.Videos()
	total := 0.0
	for i := range videos {
		total += videos[i].Duration()
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		done float64
	)
	bar := d.con.progress("render and encode", "s of video")
	defer bar.finish()
	next := make(chan *kitchen.Video)
	for range min(threads, len(videos)) {
		wg.Go(func() {
			video, err := encode.OpenVideo("classical", encode.Options{Threads: 1})
			if err != nil {
				cancel(err)
			}
			for v := range next {
				if ctx.Err() != nil {
					continue
				}
				if err := d.encodeVideo(ctx, video, v); err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				done += v.Duration()
				bar.set(int(done), int(total), "")
				mu.Unlock()
			}
		})
	}
	for i := range videos {
		next <- &videos[i]
	}
	close(next)
	wg.Wait()
	return total, context.Cause(ctx)
}

func (d *demo) encodeVideo(ctx context.Context, video encode.Video, v *kitchen.Video) error {
	info := v.Info()
	frames, err := v.Frames(video.Sampling(info))
	if err != nil {
		return err
	}
	f := encode.Files{Video: video}
	_, err = f.SaveFrames(ctx, info, frames, filepath.Join(d.dir, demoFeatures), v.Name, nil)
	return err
}
