package numpy

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"
	"strings"

	"tall"
)

// Things a pickle may name. Python would import and call them; here each is a
// label that REDUCE compares, and what it stands for is done by the functions
// below, for exactly the arguments that numpy, Python and Paddle write.
const (
	reconstruct = global("numpy.core.multiarray._reconstruct")
	scalar      = global("numpy.core.multiarray.scalar")
	fromBuffer  = global("numpy.core.numeric._frombuffer")
	ndarray     = global("numpy.ndarray")
	dtype       = global("numpy.dtype")
	encode      = global("_codecs.encode")
	bytesType   = global("builtins.bytes")
	byteArray   = global("builtins.bytearray")
	tupleType   = global("builtins.tuple")
	evalData    = global("builtins.eval")
	orderedDict = global("collections.OrderedDict")
)

// allowed maps the spellings of Python 2 and 3 and of numpy 1 and 2 to one.
func allowed(module, name string) (global, bool) {
	switch module {
	case "__builtin__":
		module = "builtins"
	case "numpy._core.multiarray":
		module = "numpy.core.multiarray"
	case "numpy._core.numeric":
		module = "numpy.core.numeric"
	}
	switch g := global(module + "." + name); g {
	case reconstruct, scalar, fromBuffer, ndarray, dtype, encode, bytesType, byteArray, tupleType, evalData, orderedDict:
		// A dot in the name could spell an allowed path in a way that Python would
		// look up elsewhere.
		return g, !strings.Contains(name, ".")
	}
	return "", false
}

const onlyData = "a pickle may only hold numpy arrays and plain data"

func refused(what string) error {
	hint := ""
	if strings.HasPrefix(what, "torch") {
		hint = " (a PyTorch file? save its tensors as numpy arrays or safetensors)"
	}
	return fmt.Errorf("%w: %.200s: %s; refused%s", tall.ErrUnsafe, what, onlyData, hint)
}

// global looks a name up in the short list of what is allowed.
func (m *machine) global(op byte) error {
	var module, name string
	if op == opStackGlobal {
		n, err := m.pop()
		if err != nil {
			return err
		}
		mod, err := m.pop()
		if err != nil {
			return err
		}
		var ok1, ok2 bool
		name, ok1 = str(n)
		module, ok2 = str(mod)
		if !ok1 || !ok2 {
			return fmt.Errorf("%w: a name made of a %s and a %s", tall.ErrFormat, kindOf(mod), kindOf(n))
		}
	} else {
		var err error
		if module, name, err = m.names(); err != nil {
			return err
		}
	}
	g, ok := allowed(module, name)
	if !ok {
		return refused(module + "." + name)
	}
	return m.push(g, costSlot)
}

func (m *machine) names() (module, name string, err error) {
	line, err := m.src.line()
	if err != nil {
		return "", "", err
	}
	module = string(line)
	line, err = m.src.line()
	return module, string(line), err
}

// refuse names the opcodes that make objects, or things that are no data.
func (m *machine) refuse(op byte) error {
	switch op {
	case opInst:
		module, name, err := m.names()
		if err != nil {
			return err
		}
		return refused("an instance of " + module + "." + name)
	case opObj, opNewObj, opNewObjEx:
		what := "an instance"
		for _, v := range slices.Backward(m.stack[m.floor():]) {
			if g, ok := v.(global); ok {
				what += " of " + string(g)
				break
			}
		}
		return refused(what)
	case opPersID, opBinPersID:
		return refused("a persistent id (a PyTorch file? save its tensors as numpy arrays or safetensors)")
	case opExt1, opExt2, opExt4:
		return refused("an extension code")
	case opNextBuffer, opReadOnlyBuffer:
		return refused("an out-of-band buffer, whose bytes are in another file")
	}
	return refused("a set")
}

// str gives a text or Python-2 str as a Go string.
func str(v any) (string, bool) {
	switch v := v.(type) {
	case text:
		return string(v), true
	case str2:
		return string(v), true
	}
	return "", false
}

// raw gives bytes or a Python-2 str.
func raw(v any) ([]byte, bool) {
	switch v := v.(type) {
	case []byte:
		return v, true
	case str2:
		return v, true
	}
	return nil, false
}

// reduce makes the value that calling a global with a tuple would make.
func (m *machine) reduce() error {
	a, err := m.pop()
	if err != nil {
		return err
	}
	f, err := m.pop()
	if err != nil {
		return err
	}
	g, ok1 := f.(global)
	t, ok2 := a.(*tuple)
	if !ok1 || !ok2 {
		return fmt.Errorf("%w: a call of a %s with a %s", tall.ErrUnsafe, kindOf(f), kindOf(a))
	}
	v, cost, err := m.call(g, t.items)
	if err != nil {
		return err
	}
	return m.push(v, cost)
}

func (m *machine) call(g global, args Tuple) (v any, cost int, err error) {
	odd := func() (any, int, error) {
		kinds := make([]string, 0, 4)
		for _, a := range args[:min(len(args), 4)] {
			kinds = append(kinds, kindOf(a))
		}
		return nil, 0, refused(fmt.Sprintf("%s(%s), not as numpy, Python or Paddle write it", g, strings.Join(kinds, ", ")))
	}
	switch g {
	case reconstruct: // (ndarray, (0,), b'b'): an empty array, which BUILD fills
		if len(args) == 3 && args[0] == any(ndarray) {
			return &Array{Shape: []int{0}, DType: DType{Kind: 'i', Size: 1}, Data: []byte{}}, costArray, nil
		}
	case dtype: // ('f4', align, copy); the byte order follows in BUILD
		if len(args) >= 1 && len(args) <= 3 {
			if s, ok := str(args[0]); ok {
				d, err := parseDType([]byte(s))
				return &elementType{d}, costContainer, err
			}
		}
	case scalar: // (dtype, bytes)
		if len(args) == 2 {
			d, ok1 := args[0].(*elementType)
			b, ok2 := raw(args[1])
			if ok1 && ok2 && len(b) == d.Size {
				return scalarValue(b, d.DType), costNumber, nil
			}
		}
	case fromBuffer:
		if a, cost, err := m.frombuffer(args); a != nil || err != nil {
			return a, cost, err
		}
	case encode: // (text, 'latin1'): how Python 3 writes bytes in protocols 0 to 2
		if len(args) == 2 {
			s, ok1 := args[0].(text)
			if codec, ok2 := str(args[1]); ok1 && ok2 && (codec == "latin1" || codec == "latin-1") {
				if err := m.spend(len(s)); err != nil { // before it is made
					return nil, 0, err
				}
				b, err := latin1(s)
				return b, costBytes, err
			}
		}
	case bytesType: // (): b'' in protocols 0 to 2
		if len(args) == 0 {
			return []byte{}, costBytes, nil
		}
	case byteArray: // (), (bytes,), and (text, 'latin-1') from Python 2
		switch {
		case len(args) == 0:
			return []byte{}, costBytes, nil
		case len(args) == 1:
			if b, ok := raw(args[0]); ok {
				return b, costBytes, nil
			}
		case len(args) == 2:
			return m.call(encode, args)
		}
	case orderedDict: // (), and ([[key, value], ...],) from Python 2
		switch len(args) {
		case 0:
			return new(Dict), costContainer, nil
		case 1:
			if l, ok := args[0].(*list); ok {
				d, err := m.fromPairs(l)
				return d, costContainer, err
			}
		}
	case tupleType: // ((name, array),): how Paddle reduces a tensor inside nested objects
		if len(args) == 1 {
			if t, ok := args[0].(*tuple); ok {
				return t, 0, nil
			}
		}
	case evalData: // ('data', {'data': array}): how Paddle reduces a LoDTensor
		if len(args) == 2 {
			s, _ := str(args[0])
			d, ok := args[1].(*Dict)
			if ok && s == "data" && d.Len() == 1 {
				if v, ok := d.Get("data"); ok {
					if a, ok := v.(*Array); ok {
						return a, 0, nil
					}
				}
			}
		}
	case ndarray: // never called
	}
	return odd()
}

func (m *machine) fromPairs(l *list) (*Dict, error) {
	d := new(Dict)
	for _, item := range l.items {
		var pair []any
		switch p := item.(type) {
		case *list:
			pair = p.items
		case *tuple:
			pair = p.items
		}
		if len(pair) != 2 {
			return nil, fmt.Errorf("%w: an OrderedDict of something else than pairs", tall.ErrFormat)
		}
		if err := m.setItems(d, pair); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// latin1 turns text back into the bytes that Python spelled as characters.
func latin1(s text) ([]byte, error) {
	n, ok := latin1Length(s)
	if !ok {
		return nil, fmt.Errorf("%w: a character beyond U+00FF in bytes that are spelled as Latin-1", tall.ErrFormat)
	}
	// Half of the bytes of an array take two in UTF-8, in no order that a
	// processor could predict: no branches. A leading byte leaves its lowest bit
	// for bit 6 of the next, and is overwritten by it.
	out := make([]byte, n)
	at, bit6 := 0, byte(0)
	for _, c := range s {
		out[at] = c | bit6
		lead := c >> 7 & (c >> 6)
		bit6 = lead & c & 1 << 6
		at += int(1 &^ lead)
	}
	return out, nil
}

// latin1Length counts the characters of UTF-8 and tells whether all of it is
// valid and at most U+00FF: ASCII, and pairs of C2 or C3 and 80 to BF. It looks at
// eight bytes at a time, of which each has its answer in its highest bit.
func latin1Length(s []byte) (n int, ok bool) {
	const (
		high = 0x8080808080808080
		low7 = 0x7f7f7f7f7f7f7f7f
		c3   = 0xc3c3c3c3c3c3c3c3
		ones = 0x0101010101010101
	)
	var bad, open uint64 // open: the byte before was a leading one
	count := func(x uint64) {
		follow := x & high &^ (x << 1) // 10xxxxxx
		other := (x | ones) ^ c3       // 0 for C2 and C3
		lead := ^(other&low7 + low7 | other) & high
		bad |= x&high ^ (lead | follow)  // any other leading byte
		bad |= follow ^ (lead<<8 | open) // one without the other
		open = lead >> 56
		n -= bits.OnesCount64(lead)
	}
	n = len(s)
	for ; len(s) >= 8; s = s[8:] {
		count(binary.LittleEndian.Uint64(s))
	}
	var rest [8]byte // ASCII behind what remains
	copy(rest[:], s)
	count(binary.LittleEndian.Uint64(rest[:]))
	return n, bad|open == 0
}

// scalarValue is a numpy scalar as the plain Go value.
func scalarValue(b []byte, d DType) any {
	switch d.Kind {
	case 'b':
		return b[0] != 0
	case 'i':
		return signed(b, d.Size, d.order())
	case 'u':
		u := unsigned(b, d.Size, d.order())
		if u > math.MaxInt64 {
			return new(big.Int).SetUint64(u)
		}
		return int64(u)
	}
	switch d.Size {
	case 2:
		return float64(half(d.order().Uint16(b)))
	case 4:
		return float64(math.Float32frombits(d.order().Uint32(b)))
	}
	return math.Float64frombits(d.order().Uint64(b))
}
