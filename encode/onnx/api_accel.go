//go:build accel && (linux || darwin || windows) && (amd64 || arm64)

package onnx

import (
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"

	"tall"
)

// handle is a pointer to something of the library's.
type handle = unsafe.Pointer

// apiVersion is the oldest version of the library's interface that has all that is used
// here, and newer libraries still give it: 1.11, of 2022.
const apiVersion = 11

// tableSize is how many functions of the table are looked at.
const tableSize = 131

// entry is a function of the table OrtApi.
type entry struct {
	at   int // its place
	name string
	to   any
}

// library is libonnxruntime: those of its functions that are used. Functions that return a
// handle return an OrtStatus, nil where all went well.
type library struct {
	path, version string

	getErrorMessage func(status handle) string
	releaseStatus   func(status handle)

	createEnv           func(level int32, id string, env *handle) handle
	disableTelemetry    func(env handle) handle
	releaseEnv          func(env handle)
	createOptions       func(options *handle) handle
	setIntraThreads     func(options handle, n int32) handle
	setInterThreads     func(options handle, n int32) handle
	addConfigEntry      func(options handle, key, value string) handle
	releaseOptions      func(options handle)
	createSession       func(env handle, model *byte, size uintptr, options handle, session *handle) handle
	releaseSession      func(session handle)
	inputCount          func(session handle, n *uintptr) handle
	outputCount         func(session handle, n *uintptr) handle
	inputType           func(session handle, i uintptr, info *handle) handle
	inputName           func(session handle, i uintptr, allocator handle, name *handle) handle
	outputName          func(session handle, i uintptr, allocator handle, name *handle) handle
	allocatorFree       func(allocator, memory handle) handle
	defaultAllocator    func(allocator *handle) handle
	castToTensor        func(info handle, tensor *handle) handle
	elementType         func(tensor handle, kind *int32) handle
	dimensionsCount     func(tensor handle, n *uintptr) handle
	dimensions          func(tensor handle, shape *int64, n uintptr) handle
	releaseType         func(info handle)
	releaseTensorInfo   func(tensor handle)
	createRunOptions    func(options *handle) handle
	setTerminate        func(options handle) handle
	releaseRunOptions   func(options handle)
	createCPUMemoryInfo func(allocator, memory int32, info *handle) handle
	releaseMemoryInfo   func(info handle)
	createTensor        func(info handle, data *float32, size uintptr, shape *int64, rank uintptr, kind int32, value *handle) handle
	isTensor            func(value handle, is *int32) handle
	tensorType          func(value handle, tensor *handle) handle
	tensorData          func(value handle, data *handle) handle
	releaseValue        func(value handle)
	run                 func(session, options handle, inputNames **byte, inputs *handle, ins uintptr, outputNames **byte, outs uintptr, outputs *handle) handle
}

// entries are the places of functions in the table OrtApi, which newer versions only make
// longer (include/onnxruntime/core/session/onnxruntime_c_api.h; testdata/api.txt).
func (l *library) entries() []entry {
	return []entry{
		{2, "GetErrorMessage", &l.getErrorMessage},
		{3, "CreateEnv", &l.createEnv},
		{6, "DisableTelemetryEvents", &l.disableTelemetry},
		{8, "CreateSessionFromArray", &l.createSession},
		{9, "Run", &l.run},
		{10, "CreateSessionOptions", &l.createOptions},
		{24, "SetIntraOpNumThreads", &l.setIntraThreads},
		{25, "SetInterOpNumThreads", &l.setInterThreads},
		{30, "SessionGetInputCount", &l.inputCount},
		{31, "SessionGetOutputCount", &l.outputCount},
		{33, "SessionGetInputTypeInfo", &l.inputType},
		{36, "SessionGetInputName", &l.inputName},
		{37, "SessionGetOutputName", &l.outputName},
		{39, "CreateRunOptions", &l.createRunOptions},
		{46, "RunOptionsSetTerminate", &l.setTerminate},
		{49, "CreateTensorWithDataAsOrtValue", &l.createTensor},
		{50, "IsTensor", &l.isTensor},
		{51, "GetTensorMutableData", &l.tensorData},
		{55, "CastTypeInfoToTensorInfo", &l.castToTensor},
		{60, "GetTensorElementType", &l.elementType},
		{61, "GetDimensionsCount", &l.dimensionsCount},
		{62, "GetDimensions", &l.dimensions},
		{65, "GetTensorTypeAndShape", &l.tensorType},
		{69, "CreateCpuMemoryInfo", &l.createCPUMemoryInfo},
		{76, "AllocatorFree", &l.allocatorFree},
		{78, "GetAllocatorWithDefaultOptions", &l.defaultAllocator},
		{92, "ReleaseEnv", &l.releaseEnv},
		{93, "ReleaseStatus", &l.releaseStatus},
		{94, "ReleaseMemoryInfo", &l.releaseMemoryInfo},
		{95, "ReleaseSession", &l.releaseSession},
		{96, "ReleaseValue", &l.releaseValue},
		{97, "ReleaseRunOptions", &l.releaseRunOptions},
		{98, "ReleaseTypeInfo", &l.releaseType},
		{99, "ReleaseTensorTypeAndShapeInfo", &l.releaseTensorInfo},
		{100, "ReleaseSessionOptions", &l.releaseOptions},
		{130, "AddSessionConfigEntry", &l.addConfigEntry},
	}
}

// openLibrary finds and opens libonnxruntime. It is never closed: the system opens a
// library once, however often it is asked, and its threads may outlive a session.
func openLibrary(given string) (*library, error) {
	path, base, err := findLibrary(given)
	if err != nil {
		return nil, err
	}
	// OrtApiBase: GetApi and GetVersionString.
	var getBase func() *[2]uintptr
	purego.RegisterFunc(&getBase, base)
	var getAPI func(version uint32) *[tableSize]uintptr
	var getVersion func() string
	functions := getBase()
	purego.RegisterFunc(&getAPI, functions[0])
	purego.RegisterFunc(&getVersion, functions[1])
	l := &library{path: path, version: getVersion()}
	table := getAPI(apiVersion)
	if table == nil {
		return nil, fmt.Errorf("%w: %s is onnxruntime %s, which is too old; take version 1.%d or later", tall.ErrFormat, path, l.version, apiVersion)
	}
	for _, e := range l.entries() {
		purego.RegisterFunc(e.to, table[e.at])
	}
	return l, nil
}

// err turns a status into an error, and frees it.
func (l *library) err(status handle) error {
	if status == nil {
		return nil
	}
	defer l.releaseStatus(status)
	return fmt.Errorf("%w: onnxruntime %s: %s", tall.ErrFormat, l.version, l.getErrorMessage(status))
}

// cString is a text as C has it.
func cString(s string) *byte { return unsafe.SliceData(append([]byte(s), 0)) }

// goString copies a text of C's.
func goString(p handle) string {
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}
