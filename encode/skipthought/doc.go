// Package skipthought encodes sentences with skip-thought vectors (Kiros et al. 2015).
package skipthought
