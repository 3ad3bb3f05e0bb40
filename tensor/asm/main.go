// Command asm writes the assembly of package tensor. It is a module of its own,
// so that the generator's dependencies do not become the program's.
//
//	go run . -out ../kernels_amd64.s -stubs ../stubs_amd64.go -pkg tensor
package main

import "github.com/mmcloughlin/avo/build"

func main() {
	peak()
	masks()
	tiles2()
	pack2()
	tiles512()
	pack512()
	c := newConstants()
	vectors(c)
	activations(c)
	scans()
	build.Generate()
}
