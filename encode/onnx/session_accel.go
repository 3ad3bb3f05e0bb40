//go:build accel && (linux || darwin || windows) && (amd64 || arm64)

package onnx

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"tall"
)

// Numbers of onnxruntime_c_api.h.
const (
	levelFatal      = 4 // errors come as values; nothing else belongs on the terminal
	elementFloat    = 1
	allocatorDevice = 0
	memoryDefault   = 0
)

// running is a network in libonnxruntime.
type running struct {
	library      *library
	env, session handle
	memory       handle // says that tensors lie in the main memory
	input        string
	output       string
	model        string
}

// start reads a network and finds its input and output.
func start(l *library, model []byte, c *Config, threads int) (_ session, d described, err error) {
	r := &running{library: l, model: c.Model}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if err := l.err(l.createEnv(levelFatal, "tall", &r.env)); err != nil {
		return nil, d, err
	}
	if err := l.err(l.disableTelemetry(r.env)); err != nil {
		return nil, d, err
	}
	if err := l.err(l.createCPUMemoryInfo(allocatorDevice, memoryDefault, &r.memory)); err != nil {
		return nil, d, err
	}
	if err := r.load(model, threads); err != nil {
		return nil, d, fmt.Errorf("%s: %w", c.Model, err)
	}
	if err := r.find(c, &d); err != nil {
		return nil, d, fmt.Errorf("%s: %w", c.Model, err)
	}
	r.input, r.output = d.input, d.output
	return r, d, nil
}

// load makes the session.
func (r *running) load(model []byte, threads int) error {
	l := r.library
	var options handle
	if err := l.err(l.createOptions(&options)); err != nil {
		return err
	}
	defer l.releaseOptions(options)
	for _, status := range []func() handle{
		func() handle { return l.setIntraThreads(options, int32(threads)) },
		func() handle { return l.setInterThreads(options, 1) },
		// Threads that wait for work sleep: the video is decoded meanwhile.
		func() handle { return l.addConfigEntry(options, "session.intra_op.allow_spinning", "0") },
	} {
		if err := l.err(status()); err != nil {
			return err
		}
	}
	err := l.err(l.createSession(r.env, unsafe.SliceData(model), uintptr(len(model)), options, &r.session))
	runtime.KeepAlive(model)
	return err
}

// find finds the input and the output that the YAML file names, or the only ones.
func (r *running) find(c *Config, d *described) error {
	l := r.library
	inputs, err := r.names(l.inputCount, l.inputName)
	if err != nil {
		return err
	}
	outputs, err := r.names(l.outputCount, l.outputName)
	if err != nil {
		return err
	}
	at, err := choose("input", c.Input, inputs)
	if err != nil {
		return err
	}
	if len(inputs) > 1 {
		return fmt.Errorf("%w: the network has %d inputs (%s); only networks with one, of pictures, can be run", tall.ErrShape, len(inputs), strings.Join(inputs, ", "))
	}
	out, err := choose("output", c.Output, outputs)
	if err != nil {
		return err
	}
	d.input, d.output = inputs[at], outputs[out]
	var info, tensor handle
	if err := l.err(l.inputType(r.session, uintptr(at), &info)); err != nil {
		return err
	}
	defer l.releaseType(info)
	if err := l.err(l.castToTensor(info, &tensor)); err != nil { // tensor belongs to info
		return err
	}
	if tensor == nil {
		return fmt.Errorf("%w: input %q is no tensor", tall.ErrShape, d.input)
	}
	d.shape, err = r.shape(tensor, fmt.Sprintf("input %q", d.input))
	return err
}

// choose finds the place of a name, or the only place there is.
func choose(kind, name string, names []string) (int, error) {
	if name == "" && len(names) == 1 {
		return 0, nil
	}
	if at := slices.Index(names, name); at >= 0 {
		return at, nil
	}
	if name == "" {
		return 0, fmt.Errorf("%w: the network has %d %ss; say which one (%s:): %s", tall.ErrShape, len(names), kind, kind, strings.Join(names, ", "))
	}
	return 0, fmt.Errorf("%w: the network has no %s %q; it has %s", tall.ErrMissing, kind, name, strings.Join(names, ", "))
}

// names lists the inputs or outputs.
func (r *running) names(count func(handle, *uintptr) handle, name func(handle, uintptr, handle, *handle) handle) ([]string, error) {
	l := r.library
	var allocator handle // the library's own, never freed
	if err := l.err(l.defaultAllocator(&allocator)); err != nil {
		return nil, err
	}
	var n uintptr
	if err := l.err(count(r.session, &n)); err != nil {
		return nil, err
	}
	var names []string
	for i := range n {
		var text handle
		if err := l.err(name(r.session, i, allocator, &text)); err != nil {
			return nil, err
		}
		names = append(names, goString(text))
		if err := l.err(l.allocatorFree(allocator, text)); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// shape reads the shape of a tensor of float32.
func (r *running) shape(tensor handle, what string) ([]int64, error) {
	l := r.library
	var kind int32
	if err := l.err(l.elementType(tensor, &kind)); err != nil {
		return nil, err
	}
	if kind != elementFloat {
		return nil, fmt.Errorf("%w: %s is not of float32 (its kind is %d in onnx.proto); convert the network to float32", tall.ErrShape, what, kind)
	}
	var rank uintptr
	if err := l.err(l.dimensionsCount(tensor, &rank)); err != nil {
		return nil, err
	}
	shape := make([]int64, rank)
	if err := l.err(l.dimensions(tensor, unsafe.SliceData(shape), rank)); err != nil {
		return nil, err
	}
	return shape, nil
}

// run implements session.
func (r *running) run(ctx context.Context, input []float32, shape []int64) ([]float32, []int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	l := r.library
	// The library holds these while it runs.
	var pins runtime.Pinner
	defer pins.Unpin()
	inputName, outputName := cString(r.input), cString(r.output)
	pins.Pin(unsafe.SliceData(input))
	pins.Pin(inputName)
	pins.Pin(outputName)

	var in, out, options handle
	if err := l.err(l.createTensor(r.memory, unsafe.SliceData(input), 4*uintptr(len(input)), unsafe.SliceData(shape), uintptr(len(shape)), elementFloat, &in)); err != nil {
		return nil, nil, err
	}
	defer l.releaseValue(in)
	if err := l.err(l.createRunOptions(&options)); err != nil {
		return nil, nil, err
	}
	defer l.releaseRunOptions(options)
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { stopped <- l.err(l.setTerminate(options)) })
	err := l.err(l.run(r.session, options, &inputName, &in, 1, &outputName, 1, &out))
	if !stop() {
		// The options may be freed only after they were used.
		if err := <-stopped; err != nil {
			return nil, nil, err
		}
	}
	if out != nil {
		defer l.releaseValue(out)
	}
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", r.model, err)
	}
	return r.take(out)
}

// take copies a tensor's values.
func (r *running) take(value handle) ([]float32, []int64, error) {
	l := r.library
	var is int32
	if err := l.err(l.isTensor(value, &is)); err != nil {
		return nil, nil, err
	}
	if is == 0 {
		return nil, nil, fmt.Errorf("%w: output %q is no tensor", tall.ErrShape, r.output)
	}
	var info, data handle
	if err := l.err(l.tensorType(value, &info)); err != nil {
		return nil, nil, err
	}
	defer l.releaseTensorInfo(info)
	shape, err := r.shape(info, fmt.Sprintf("output %q", r.output))
	if err != nil {
		return nil, nil, err
	}
	size := int64(1)
	for _, n := range shape {
		if n < 0 || n > 0 && size > maxValues/n {
			return nil, nil, fmt.Errorf("%w: output %q has the shape %v, which is too large", tall.ErrUnsafe, r.output, shape)
		}
		size *= n
	}
	if size == 0 {
		return nil, shape, nil
	}
	if err := l.err(l.tensorData(value, &data)); err != nil {
		return nil, nil, err
	}
	return slices.Clone(unsafe.Slice((*float32)(data), size)), shape, nil
}

// close implements session.
func (r *running) close() {
	if r.session != nil {
		r.library.releaseSession(r.session)
	}
	if r.memory != nil {
		r.library.releaseMemoryInfo(r.memory)
	}
	if r.env != nil {
		r.library.releaseEnv(r.env)
	}
	r.session, r.memory, r.env = nil, nil, nil
}
