package tensor

// Adam updates p, m and v from the gradient g in one pass.
func (c *CPU) Adam(p, m, v, g Mat, step AdamStep) {
	sameShape("Adam", p, m, v, g)
	c.each(func(run [4][]float32) { c.k.adam(run[0], run[1], run[2], run[3], &step) },
		host(p), host(m), host(v), host(g))
}
