// Package classical describes frames by colour, gradients and motion, without learned weights.
package classical
