package library

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"

	"tall"
	"tall/calibrate"
)

// Calibration is what the bank's sentences reach over a video.
type Calibration struct {
	calibrate.Null
	// Best is the evidence that each sentence found for its best moment, which tells what
	// chance finds over several videos together.
	Best BankScores
}

// BankScores are the scores of the bank's sentences, -Inf where nothing was found. As JSON
// they are the base64 of float32, little-endian: a catalog holds many.
type BankScores []float64

// MarshalText implements [encoding.TextMarshaler].
func (b BankScores) MarshalText() ([]byte, error) {
	raw := make([]byte, 0, 4*len(b))
	for _, v := range b {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(v)))
	}
	return base64.StdEncoding.AppendEncode(nil, raw), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (b *BankScores) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil || len(raw)%4 != 0 {
		return fmt.Errorf("%w: scores of the bank's sentences", tall.ErrFormat)
	}
	*b = nil
	for ; len(raw) > 0; raw = raw[4:] {
		*b = append(*b, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))))
	}
	return nil
}

// calibration measures what the bank's sentences reach over a video, for each localizer.
func calibration(ctx context.Context, e *Engine, features *tall.Features) (map[string]Calibration, error) {
	out := map[string]Calibration{}
	for _, l := range e.Localizers {
		if l.Bank == nil {
			continue
		}
		bank, err := l.Bank(ctx)
		if err != nil {
			return nil, err
		}
		p, err := l.Prepare(ctx, features)
		if err != nil {
			return nil, err
		}
		best, err := calibrate.Best(ctx, p, bank, nil)
		if err != nil {
			return nil, err
		}
		out[l.ID] = Calibration{calibrate.Fit(best), best}
	}
	return out, nil
}

// among is what chance finds over all videos that are searched.
func (q *question) among(all *snapshot) calibrate.Null {
	whole := len(q.videos) == len(all.ready(q.engine.Name))
	key := q.engine.Name + "\x00" + q.localizer.ID
	if whole {
		if null, ok := all.chance.Load(key); ok {
			return null.(calibrate.Null)
		}
	}
	nulls, best := make([]calibrate.Null, len(q.videos)), make([][]float64, len(q.videos))
	for i, v := range q.videos {
		c := v.features.Calibration[q.localizer.ID]
		nulls[i], best[i] = c.Null, c.Best
	}
	null := calibrate.Among(nulls, best)
	if whole {
		all.chance.Store(key, null)
	}
	return null
}
