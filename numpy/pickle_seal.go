package numpy

import (
	"fmt"
	"math/big"

	"tall"
)

// maxDepth bounds how deep values may be nested; Python's own pickler stops at
// its recursion limit of about 1000.
const maxDepth = 1000

// seal marks a container that the last pass has met.
type seal struct {
	state  byte  // 0 unmet, 1 being sealed, 2 sealed
	height int   // of the containers inside, 0 for none
	weight int64 // of the value written out as a tree, in bytes
}

// sealed turns stack values into public ones, each container once and in place.
// It refuses values that hold themselves, and values that would take more than
// limit bytes written out as a tree.
func sealed(v any, limit int64) (any, error) {
	s := sealer{limit: limit}
	out, _, _, err := s.value(v, 0)
	if err != nil {
		return nil, fmt.Errorf("pickle: %w", err)
	}
	return out, nil
}

type sealer struct{ limit int64 }

func (s *sealer) value(v any, depth int) (out any, height int, weight int64, err error) {
	switch v := v.(type) {
	case nil, bool, int64, float64, *big.Int, string:
		return v, 0, costSlot, nil
	case text:
		return string(v), 0, costSlot, nil
	case str2:
		return string(v), 0, costSlot, nil
	case []byte:
		return v, 0, costSlot + int64(len(v)), nil
	case *Array:
		return v, 0, costArray + int64(len(v.Data)), nil
	case *list:
		err = s.items(&v.mark, depth, v.items)
		return v.items, v.mark.height + 1, v.mark.weight, err
	case *tuple:
		err = s.items(&v.mark, depth, v.items)
		return v.items, v.mark.height + 1, v.mark.weight, err
	case *Dict:
		err = s.items(&v.mark, depth, v.keys, v.values)
		return v, v.mark.height + 1, v.mark.weight, err
	}
	return nil, 0, 0, refused(kindOf(v) + " as a value")
}

func (s *sealer) items(mark *seal, depth int, rows ...[]any) error {
	if mark.state == 1 {
		return fmt.Errorf("%w: a value that holds itself", tall.ErrFormat)
	}
	if depth+mark.height >= maxDepth { // height is 0 before the first visit
		return fmt.Errorf("%w: values nested more than %d deep", tall.ErrUnsafe, maxDepth)
	}
	if mark.state == 2 {
		return nil
	}
	mark.state = 1
	total, tallest := int64(costContainer), 0
	for _, row := range rows {
		for i, v := range row {
			out, height, weight, err := s.value(v, depth+1)
			if err != nil {
				return err
			}
			row[i] = out
			tallest = max(tallest, height)
			if total += weight; total > s.limit {
				return fmt.Errorf("%w: a value that written out takes more than %d bytes, far more than the pickle holds", tall.ErrUnsafe, s.limit)
			}
		}
	}
	*mark = seal{state: 2, height: tallest, weight: total}
	return nil
}
