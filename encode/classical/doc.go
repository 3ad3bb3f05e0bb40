// Package classical describes frames by color, gradients and motion, without learned
// weights.
package classical
