// Package ctrl is CTRL, the cross-modal temporal regression localizer of Gao et
// al., "TALL: Temporal Activity Localization via Language Query" (ICCV 2017): a
// sentence and a video's window features in, for each window a score and two
// boundary offsets out.
//
// # Model
//
// With windows X (N, F) and sentences Y (S, E), letters as in package tall:
//
//	V = l2norm_rows(X Wv + bv)                       (N, D)  v2s_lt_weights [F, D]
//	Q = l2norm_rows(Y Ws + bs)                       (S, D)  s2s_lt_weights [E, D]
//	f_ij = [v_j*q_i | v_j+q_i | v_j | q_i]           (4D)    for each pair of sentence i and window j
//	h_ij = relu(Wm f_ij + bm)                        (H)     mid_out_weights [H, 4D, 1, 1]
//	o_ij = Wo h_ij + bo                              (3)     sim_mat_weights [3, H, 1, 1]
//	o = (score, start offset, end offset)            offsets in the clock of the windows
//
// The biases bv, bs, bm, bo exist in the presets tf and paper only. They are named
// like their weights, as TensorFlow names its variables: v2s_lt_biases [D],
// s2s_lt_biases [D], mid_out_biases [H], sim_mat_biases [3].
//
// The paper's fusion is f_ij = [v_j*q_i | v_j+q_i | Wf^T [v_j|q_i] + bf] (3D),
// with a linear layer fusion_fc_weights [2D, D] and fusion_fc_biases [D]; there
// mid_out_weights is [H, 3D, 1, 1].
//
// # Factorized form
//
// Nothing of this is computed as written. With Wm = [W1|W2|W3|W4],
//
//	Wm f_ij = W1 (v_j*q_i) + (W2+W3) v_j + (W2+W4) q_i
//
// so that only W1 (v*q) is per pair, and the rest is per window or per sentence:
// the same function in a quarter of the arithmetic. The four quarters keep their
// own gradients, with g2 = g3 + g4, and their own optimizer state, so training is
// the reference's.
//
// # Loss
//
// For a batch of B matching pairs (i = j matches):
//
//	align = mean over i, j of (1[i=j] + 1/B) log(1 + exp(m_ij score_ij)),  m = -1 where i = j, else +1
//	reg   = mean over the 2B offsets of the matching pairs of |predicted - true|, or its smooth form
//	loss  = align + 0.01 reg
//
// # Parts
//
// [Options] and [Preset] say what the sources of the method differ in; [Model]
// holds the parameters and computes loss and gradients; [FindPairs] finds the
// training pairs and [Learner] feeds them; [Localizer] answers questions;
// [Naive] is the unfactorized step, for comparison.
package ctrl
