package numpy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"tall"
)

// Values that live on the stack only; sealing turns them into public ones.
type (
	str2   []byte // Python 2 str: bytes or text, the pickle does not say
	text   []byte // unicode, valid UTF-8
	global string // "module.name" of something allowed
	list   struct {
		items List
		mark  seal
	}
	tuple struct {
		items Tuple
		mark  seal
	}
	elementType struct{ DType } // numpy.dtype, a pointer because BUILD sets its byte order
	absent      struct{}        // an unset place in the memo
)

// machine runs a pickle. Unlike Python's it can make nothing but data, and it
// keeps account of the memory it uses: however a pickle refers to itself, it
// gets no more than a fixed multiple of its size.
type machine struct {
	src    *source
	stack  []any
	marks  []int // stack heights
	memo   []any
	sparse map[uint32]any // memo places far beyond the rest
	memos  int            // places set
	spent  int64
	limit  int64
}

const (
	freeMemory = 64 << 20 // what any pickle may use
	perByte    = 32       // and for each of its bytes: a list of one small int, memoised, takes 5 to 7
	overhead   = 4 << 30  // beyond the size of the pickle itself, in any case

	// Approximate costs of values, in bytes.
	costSlot      = 16
	costNumber    = 8
	costBytes     = 24
	costContainer = 64
	costArray     = 160
)

func memoryLimit(size int64) int64 {
	if size > math.MaxInt64/perByte {
		return math.MaxInt64
	}
	return freeMemory + min(perByte*size, overhead+size)
}

func unpickle(src *source) (any, error) {
	m := &machine{src: src, limit: memoryLimit(src.remaining())}
	for {
		at := src.offset()
		op, err := src.byte()
		if err != nil && !errors.Is(err, tall.ErrFormat) { // the disk's or network's
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("%w: the pickle ends at byte %d without its STOP; fetch or write the file again", tall.ErrFormat, at)
		}
		if op == opStop {
			break
		}
		if err := m.step(op); err != nil {
			return nil, fmt.Errorf("pickle, byte %d (opcode %s): %w", at, opcode(op), err)
		}
	}
	v, err := m.pop()
	if err != nil {
		return nil, fmt.Errorf("pickle, at its end: %w", err)
	}
	if len(m.stack) != 0 || len(m.marks) != 0 {
		return nil, fmt.Errorf("%w: pickle, at its end: %d values are left over", tall.ErrFormat, len(m.stack))
	}
	return sealed(v, memoryLimit(src.offset()))
}

func (m *machine) step(op byte) error {
	switch op {
	case opProto:
		version, err := m.src.byte()
		if err == nil && version > 5 {
			err = fmt.Errorf("%w: pickle protocol %d, known are 0 to 5", tall.ErrFormat, version)
		}
		return err
	case opFrame: // a hint for buffering; the opcodes inside say all
		n, err := m.number(8)
		if err == nil && n > uint64(m.src.remaining()) {
			err = fmt.Errorf("%w: truncated: a frame of %d bytes, %d remain; fetch or write the file again", tall.ErrFormat, n, m.src.remaining())
		}
		return err

	case opMark:
		m.marks = append(m.marks, len(m.stack))
		return m.spend(costSlot)
	case opPop:
		if n := len(m.marks); n > 0 && m.marks[n-1] == len(m.stack) {
			m.marks = m.marks[:n-1]
			return nil
		}
		_, err := m.pop()
		return err
	case opPopMark:
		_, err := m.popMark()
		return err
	case opDup:
		v, err := m.top()
		if err != nil {
			return err
		}
		return m.push(v, 0)

	case opNone:
		return m.push(nil, 0)
	case opNewTrue:
		return m.push(true, 0)
	case opNewFalse:
		return m.push(false, 0)
	case opBinInt1:
		n, err := m.number(1)
		return m.pushNumber(int64(n), err)
	case opBinInt2:
		n, err := m.number(2)
		return m.pushNumber(int64(n), err)
	case opBinInt:
		n, err := m.number(4)
		return m.pushNumber(int64(int32(n)), err)
	case opInt, opLong, opFloat:
		return m.decimal(op)
	case opLong1, opLong4:
		return m.long(op)
	case opBinFloat:
		b, err := m.src.short(8)
		if err != nil {
			return err
		}
		return m.push(math.Float64frombits(binary.BigEndian.Uint64(b)), costNumber)

	case opString, opUnicode, opBinString, opShortBinString, opBinUnicode, opShortBinUnicode,
		opBinUnicode8, opBinBytes, opShortBinBytes, opBinBytes8, opByteArray8:
		return m.bytes(op)

	case opEmptyList:
		return m.push(&list{items: List{}}, costContainer)
	case opEmptyDict:
		return m.push(&Dict{}, costContainer)
	case opEmptyTuple:
		return m.push(&tuple{items: Tuple{}}, costContainer)
	case opList, opTuple, opDict:
		items, err := m.popMark()
		if err != nil {
			return err
		}
		return m.collect(op, items)
	case opTuple1, opTuple2, opTuple3:
		return m.shortTuple(int(op) - opTuple1 + 1)
	case opAppend, opAppends, opSetItem, opSetItems:
		return m.extend(op)

	case opPut, opBinPut, opLongBinPut, opMemoize:
		return m.put(op)
	case opGet, opBinGet, opLongBinGet:
		return m.get(op)

	case opGlobal, opStackGlobal:
		return m.global(op)
	case opReduce:
		return m.reduce()
	case opBuild:
		return m.build()
	case opInst, opObj, opNewObj, opNewObjEx, opPersID, opBinPersID, opExt1, opExt2, opExt4,
		opEmptySet, opFrozenSet, opAddItems, opNextBuffer, opReadOnlyBuffer:
		return m.refuse(op)
	}
	return fmt.Errorf("%w: no such pickle opcode; is this a pickle?", tall.ErrFormat)
}

// spend accounts for memory.
func (m *machine) spend(bytes int) error {
	m.spent += int64(bytes)
	if m.spent > m.limit {
		return fmt.Errorf("%w: it unpacks to more than %d bytes, far more than it holds", tall.ErrUnsafe, m.limit)
	}
	return nil
}

func (m *machine) push(v any, cost int) error {
	m.stack = append(m.stack, v)
	return m.spend(costSlot + cost)
}

func (m *machine) pushNumber(n int64, err error) error {
	if err != nil {
		return err
	}
	return m.push(n, costNumber)
}

// floor is the height below which the stack belongs to an outer mark.
func (m *machine) floor() int {
	if n := len(m.marks); n > 0 {
		return m.marks[n-1]
	}
	return 0
}

var errStack = fmt.Errorf("%w: it takes more values than it made", tall.ErrFormat)

func (m *machine) top() (any, error) {
	if len(m.stack) <= m.floor() {
		return nil, errStack
	}
	return m.stack[len(m.stack)-1], nil
}

func (m *machine) pop() (any, error) {
	v, err := m.top()
	if err == nil {
		m.stack[len(m.stack)-1] = nil
		m.stack = m.stack[:len(m.stack)-1]
	}
	return v, err
}

// popMark takes everything above the last mark. The items are valid until the
// next push.
func (m *machine) popMark() ([]any, error) {
	n := len(m.marks)
	if n == 0 {
		return nil, fmt.Errorf("%w: no mark to go back to", tall.ErrFormat)
	}
	at := m.marks[n-1]
	items := m.stack[at:]
	m.marks, m.stack = m.marks[:n-1], m.stack[:at]
	return items, nil
}

// collect makes a list, tuple or dict of items on the stack.
func (m *machine) collect(op byte, items []any) error {
	cost := costContainer + costSlot*len(items)
	switch op {
	case opList:
		return m.push(&list{items: append(List{}, items...)}, cost)
	case opTuple:
		return m.push(&tuple{items: append(Tuple{}, items...)}, cost)
	}
	d := new(Dict)
	if err := m.setItems(d, items); err != nil {
		return err
	}
	return m.push(d, cost)
}

func (m *machine) shortTuple(n int) error {
	if len(m.stack)-n < m.floor() {
		return errStack
	}
	at := len(m.stack) - n
	items := append(Tuple(nil), m.stack[at:]...)
	m.stack = m.stack[:at]
	return m.push(&tuple{items: items}, costContainer+n*costSlot)
}

func (m *machine) setItems(d *Dict, items []any) error {
	if len(items)%2 != 0 {
		return fmt.Errorf("%w: a key without a value", tall.ErrFormat)
	}
	for i := 0; i < len(items); i += 2 {
		cost, err := d.set(items[i], items[i+1])
		if err != nil {
			return err
		}
		if err := m.spend(cost + 4*costSlot); err != nil {
			return err
		}
	}
	return nil
}

// extend adds items to the list or dict below them.
func (m *machine) extend(op byte) error {
	var items []any
	var err error
	switch op {
	case opAppends, opSetItems:
		items, err = m.popMark()
	case opAppend, opSetItem:
		n := 1
		if op == opSetItem {
			n = 2
		}
		if at := len(m.stack) - n; at < m.floor() {
			err = errStack
		} else {
			items, m.stack = m.stack[at:], m.stack[:at]
		}
	}
	if err != nil {
		return err
	}
	onto, err := m.top()
	if err != nil {
		return err
	}
	switch onto := onto.(type) {
	case *list:
		if op == opAppend || op == opAppends {
			onto.items = append(onto.items, items...)
			return m.spend(costSlot * len(items))
		}
	case *Dict:
		if op == opSetItem || op == opSetItems {
			return m.setItems(onto, items)
		}
	}
	return fmt.Errorf("%w: items for a %s", tall.ErrFormat, kindOf(onto))
}

// place reads the memo key of PUT and GET.
func (m *machine) place(op byte) (uint32, error) {
	switch op {
	case opBinPut, opBinGet:
		n, err := m.number(1)
		return uint32(n), err
	case opLongBinPut, opLongBinGet:
		n, err := m.number(4)
		return uint32(n), err
	}
	line, err := m.src.line()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(line), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%w: memo key %.40q", tall.ErrFormat, line)
	}
	return uint32(n), nil
}

func (m *machine) put(op byte) error {
	at := uint32(m.memos)
	if op != opMemoize {
		var err error
		if at, err = m.place(op); err != nil {
			return err
		}
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	// Pickles number their memo from 0 on; only a hostile one leaps.
	const leap = 1 << 10
	if int(at) >= len(m.memo)+leap {
		if m.sparse == nil {
			m.sparse = make(map[uint32]any)
		}
		if _, ok := m.sparse[at]; !ok {
			m.memos++
		}
		m.sparse[at] = v
		return m.spend(6 * costSlot)
	}
	cost := 0
	for len(m.memo) <= int(at) {
		m.memo = append(m.memo, absent{})
		cost += costSlot
	}
	if m.memo[at] == any(absent{}) {
		m.memos++
	}
	m.memo[at] = v
	return m.spend(cost)
}

func (m *machine) get(op byte) error {
	at, err := m.place(op)
	if err != nil {
		return err
	}
	var v any = absent{}
	if int(at) < len(m.memo) {
		v = m.memo[at]
	}
	if _, unset := v.(absent); unset {
		var ok bool
		if v, ok = m.sparse[at]; !ok {
			return fmt.Errorf("%w: memo place %d was never set", tall.ErrFormat, at)
		}
	}
	return m.push(v, 0)
}
